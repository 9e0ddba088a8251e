"""Trajectories: what a run recorded comes back from its file."""

import ase.build
import ase.io
import ase.units
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.mechanics import NVE, molecular_dynamics
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential

ARGON_CELL = ase.build.bulk("Ar", a=5.36, cubic=True) * (2, 2, 2)


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def argon_crystal():
    return Crystal.from_ase(ARGON_CELL)


def test_frames_survive_in_an_extxyz_file(argon, argon_crystal, tmp_path):
    run = molecular_dynamics(argon, argon_crystal, NVE(60.0), steps=20)
    run.write(tmp_path / "run.extxyz")
    frames = ase.io.read(tmp_path / "run.extxyz", index=":")
    assert len(frames) == 3
    last = frames[-1]
    # The file has eight decimals.
    assert_allclose(last.positions, run.positions[-1], atol=1e-8)
    velocities = last.get_velocities() * ase.units.fs
    assert_allclose(velocities, run.velocities[-1], atol=1e-8)
    assert_allclose(last.get_forces(), run.forces[-1], atol=1e-8)
    assert_allclose(last.get_potential_energy(), run.potential_energy[-1], atol=1e-7)
    assert_allclose(last.get_stress(voigt=False), run.stress[-1], atol=1e-8)
    assert last.info["time_fs"] == 20.0
    again = molecular_dynamics(
        argon, Crystal.from_ase(last), NVE(60.0), steps=10, velocities=velocities
    )
    on = molecular_dynamics(argon, run, NVE(60.0), steps=10)
    assert_allclose(again.positions[-1], on.positions[-1], atol=1e-6)  # decimals
