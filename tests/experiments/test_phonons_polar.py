"""The phonon experiment with Born charges, and on the files of phonopy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.config import ConfigError, build_config
from matjax.lattice_dynamics import with_polar
from matjax.lattice_dynamics.phonopy import write_phonopy
from matjax.studies import Run, catalog
from tests.force_constants.ionic import rocksalt, spring_phonons

FEW = ["mesh=[4,4,4]", "spacing=0.3"]
POLAR = ["polar.dielectric=2.4", "polar.grid=[2,2,2]"]


def run(folder, *settings):
    study = catalog.find_study("phonons")
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(experiment.Config, study.values, [*FEW, *settings])
    output = Run(folder)
    return output.save_metrics(experiment.main(config, output))


@pytest.fixture
def salt(tmp_path):
    """A folder with force constants of springs."""
    write_phonopy(tmp_path / "salt", spring_phonons(rocksalt()), (2, 2, 2))
    return f"crystal={tmp_path / 'salt'}"


def expected(method="gonze"):
    charges = 1.1 * np.array([np.eye(3), -np.eye(3)])
    plain = spring_phonons(rocksalt())
    found = with_polar(plain, charges, 2.4 * np.eye(3), (2, 2, 2), method=method)
    top = plain.frequencies(np.zeros(3)).max()
    return found.towards([1, 1, 0]).frequencies(np.zeros(3)).max(), top


@pytest.mark.parametrize(
    "charges",
    [
        ["polar.charges={Na: 1.1, Cl: -1.1}"],
        ["polar.charges=[1.1, -1.1]"],
        ["polar.charges.Na=[[1.1,0,0],[0,1.1,0],[0,0,1.1]]", "polar.charges.Cl=-1.1"],
    ],
    ids=["elements", "atoms", "tensors"],
)
def test_charges_split_the_optical_modes(charges, salt, tmp_path):
    metrics = run(tmp_path / "run", salt, *POLAR, *charges)
    longitudinal, transverse = expected()
    assert_allclose(metrics["gamma_optical_THz"], longitudinal, atol=1e-4)
    assert_allclose(
        metrics["lo_to_splitting_THz"], longitudinal - transverse, atol=1e-4
    )
    assert_allclose(metrics["born_charge_sum_e"], 0, atol=1e-15)
    assert "max_force_eV_per_A" not in metrics  # not in phonopy's files
    assert metrics["gamma_acoustic_THz"] < 1e-4


def test_charges_in_the_files_are_used(tmp_path):
    charges = 1.1 * np.array([np.eye(3), -np.eye(3)])
    plain = spring_phonons(rocksalt())
    found = with_polar(plain, charges, 2.4 * np.eye(3), (2, 2, 2))
    path = write_phonopy(tmp_path / "salt.yaml", found, (2, 2, 2))
    metrics = run(tmp_path / "run", f"crystal={path}")
    assert_allclose(metrics["gamma_optical_THz"], expected()[0], atol=1e-4)
    with pytest.raises(ValueError, match="leave out polar"):
        run(tmp_path / "b", f"crystal={path}", *POLAR, "polar.charges=[1.1, -1.1]")


def test_settings_that_make_no_sense_are_refused(salt, tmp_path):
    with pytest.raises(ValueError, match="must be of Cl Na; received K Na"):
        run(tmp_path / "a", salt, *POLAR, "polar.charges={Na: 1.1, K: -1.1}")
    with pytest.raises(ValueError, match="belong to the crystal as it is"):
        run(tmp_path / "b", salt, "relax=true")
    with pytest.raises(ConfigError, match=r"polar\.dielectric"):
        run(tmp_path / "c", salt, "polar.charges=[1.1, -1.1]", "polar.grid=[2,2,2]")
    with pytest.raises(ConfigError, match=r"polar\.method"):
        run(tmp_path / "d", salt, *POLAR, "polar.charges=[1, -1]", "polar.method=ewald")
