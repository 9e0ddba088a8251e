"""The molecular dynamics experiment writes what it says, and refuses nonsense."""

import ase.io
import pytest

from matjax.config import build_config
from matjax.studies import Run, catalog


def simulate(folder, *settings):
    study = catalog.find_study("md/silicon")
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(experiment.Config, study.values, settings)
    return experiment.main(config, Run(folder))


@pytest.mark.slow
def test_silicon_at_constant_pressure_is_recorded(tmp_path):
    metrics = simulate(
        tmp_path, "ensemble=npt", "supercell=[2,2,2]", "steps=40", "pressure=1.0"
    )
    assert metrics["n_atoms"] == 16
    assert metrics["time_fs"] == 40
    assert metrics["max_conserved_change_meV_per_atom"] < 1
    assert len(ase.io.read(tmp_path / "trajectory.extxyz", index=":")) == 5
    table = (tmp_path / "thermodynamics.csv").read_text().splitlines()
    assert len(table) == 1 + 5
    assert (tmp_path / "thermodynamics.png").stat().st_size > 0


@pytest.mark.slow
def test_pressure_without_a_barostat_is_refused(tmp_path):
    with pytest.raises(ValueError, match="ensemble=npt alone"):
        simulate(tmp_path, "ensemble=nvt", "pressure=1.0")


@pytest.mark.slow
def test_an_exploding_run_saves_its_frames(tmp_path):
    settings = ("supercell=[2,2,2]", "temperature=1e5", "timestep=20", "every=1")
    with pytest.raises(ValueError, match="shorter timestep"):
        simulate(tmp_path, *settings)
    assert (tmp_path / "thermodynamics.csv").exists()
