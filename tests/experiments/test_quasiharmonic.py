"""The quasi-harmonic experiment, from its shipped config to its files."""

import csv
import json

from numpy.testing import assert_allclose

from matjax.cli import main


def test_silicon_expands_and_softens_as_it_is_heated(tmp_path):
    folder = tmp_path / "run"
    arguments = ["mesh=[4,4,4]", "n_volumes=6", "temperature_step=50"]
    command = ["run", "quasiharmonic/silicon", *arguments, "--out", str(folder)]
    assert main(command) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["static_volume_A3"] < metrics["volume_0K_A3"] < metrics["volume_A3"]
    # Stillinger and Weber's minimum, a = 5.4310 Å; smax leaves 2e-6 Å of it.
    assert_allclose(metrics["static_volume_A3"], 5.4310**3 / 4, rtol=1e-4)
    # (C11 + 2 C12)/3 = 101.4 GPa of the potential at rest (Balamane, Halicioglu,
    # Tiller, Phys. Rev. B 46, 2250 (1992)); vibrations soften it by 1 %.
    assert_allclose(metrics["bulk_modulus_GPa"], 101.4, rtol=0.015)
    assert 0 < metrics["gruneisen"] < 1
    with (folder / "quasiharmonic.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 21
    assert float(rows[-1]["heat_capacity_p_J_per_mol_K"]) > float(
        rows[-1]["heat_capacity_v_J_per_mol_K"]
    )
    assert (folder / "quasiharmonic.png").stat().st_size > 0
    assert (folder / "volumes.csv").exists()
