"""Integrators: Newton's equations, to second order in the time step."""

import ase.build
import ase.io
import ase.units
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.mechanics import NVE, molecular_dynamics
from matjax.models.potentials import LennardJones, StillingerWeber
from matjax.predictors import Potential
from matjax.units import FEMTOSECOND

ARGON_CELL = ase.build.bulk("Ar", a=5.36, cubic=True) * (2, 2, 2)


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def argon_crystal():
    return Crystal.from_ase(ARGON_CELL)


def silicon_crystal(n=2):
    return Crystal.from_ase(ase.build.bulk("Si", cubic=True) * (n, n, n))


def test_error_of_the_energy_is_of_second_order_in_the_timestep(argon, argon_crystal):
    errors = []
    for timestep, steps in ((16.0, 125), (8.0, 250)):
        run = molecular_dynamics(
            argon, argon_crystal, NVE(80.0), steps=steps, timestep=timestep, every=1
        )
        errors.append(run.conserved.std())
    assert 3 < errors[0] / errors[1] < 5.5  # 2² and higher orders


def test_dynamics_are_newtons(silicon):
    # One velocity-Verlet step by hand.
    crystal = silicon_crystal(1)
    crystal = crystal.replace(fractional=crystal.fractional + _noise((8, 3)) * 0.01)
    v0 = _noise((8, 3), seed=1) * 1e-3
    run = molecular_dynamics(
        silicon, crystal, NVE(0.0), steps=1, every=1, timestep=2.0, velocities=v0
    )
    acceleration = silicon(crystal).forces / crystal.masses[:, None] * FEMTOSECOND**2
    x = crystal.positions + 2.0 * v0 + acceleration * 2.0**2 / 2
    # Time steps are rounded to float32.
    assert_allclose(run.positions[1], x, atol=1e-8)
    assert_allclose(run.positions[0], crystal.positions, atol=1e-12)
    assert_allclose(run.velocities[0], v0, rtol=1e-12, atol=1e-15)


def _noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)
