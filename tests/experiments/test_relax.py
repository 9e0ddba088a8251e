"""The relaxation experiment, from its shipped config to its files."""

import json

import pytest
from numpy.testing import assert_allclose

from matjax.cli import main
from matjax.crystals import read


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def test_silicon_relaxes_to_the_lattice_constant_of_its_potential(folder):
    assert main(["run", "relax/silicon", "--out", str(folder)]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["converged"] == 1
    # Stillinger and Weber's minimum is a = 5.4310 Å; smax leaves 2e-5 Å of it.
    assert_allclose(metrics["a_A"] * 2**0.5, 5.4310, atol=2e-4)
    assert_allclose(metrics["energy_eV_per_atom"], -2 * 2.1683, atol=1e-5)
    for name in ("relaxed.extxyz", "relaxed.cif"):
        assert_allclose(read(folder / name).volume, metrics["volume_A3"], rtol=1e-5)
    assert (folder / "convergence.png").stat().st_size > 0
