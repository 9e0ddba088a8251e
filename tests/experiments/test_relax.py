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


POSCAR = """rattled silicon
1.0
5.431 0.0 0.0
0.0 5.431 0.0
0.0 0.0 5.431
Si
8
Direct
0.049 0.012 0.003
0.199 0.242 0.240
-0.002 0.483 0.499
0.237 0.714 0.774
0.524 0.047 0.501
0.739 0.235 0.707
0.527 0.470 -0.033
0.744 0.791 0.257
"""


def test_fixed_atoms_of_the_config_stay(folder, tmp_path):
    start = tmp_path / "POSCAR"
    start.write_text(POSCAR)
    settings = ["fixed=[0,1,2,3]", "cell=false", "symprec=0.01"]
    assert (
        main(["run", "relax", f"crystal={start}", *settings, "--out", str(folder)]) == 0
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n_fixed"] == 4
    moved = read(folder / "relaxed.extxyz").positions - read(start).positions
    moved = abs(moved - 5.431 * (moved / 5.431).round()).max(axis=1)
    assert_allclose(moved[:4], 0, atol=1e-7)  # digits of the file
    assert moved[4:].min() > 0.05
