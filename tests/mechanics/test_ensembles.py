"""Ensembles: the distributions and the conserved quantities they are named after."""

import ase.build
import ase.io
import ase.units
import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from matjax.crystals import Crystal
from matjax.mechanics import NPT, NVE, NVT, Langevin, molecular_dynamics
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential
from matjax.units import BOLTZMANN, GPA

ARGON_CELL = ase.build.bulk("Ar", a=5.36, cubic=True) * (2, 2, 2)


ARGON_TIMESTEP = 4.0  # fs


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def argon_crystal():
    return Crystal.from_ase(ARGON_CELL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ensemble", [NVT(60.0, time=200.0), Langevin(60.0, time=200.0)]
)
def test_kinetic_energy_has_the_canonical_distribution(argon, argon_crystal, ensemble):
    run = molecular_dynamics(
        argon,
        argon_crystal,
        ensemble,
        steps=24_000,
        every=40,  # far enough apart to be independent
        timestep=ARGON_TIMESTEP,
    )
    kinetic = run.kinetic_energy[50:]
    kt, n = BOLTZMANN * 60.0, run.degrees_of_freedom
    assert n == (93 if isinstance(ensemble, NVT) else 96)
    # Σ p²/2m of n degrees of freedom has a gamma distribution of shape n/2. Tolerances
    # are four standard errors of 551 samples.
    assert_allclose(kinetic.mean(), n * kt / 2, rtol=4 * np.sqrt(2 / n / 551))
    assert_allclose(kinetic.var(), n * kt**2 / 2, rtol=4 * np.sqrt(2 / 551))
    assert stats.kstest(kinetic, stats.gamma(n / 2, scale=kt).cdf).pvalue > 1e-3


def test_nose_hoover_conserves_its_energy(argon, argon_crystal):
    run = molecular_dynamics(
        argon, argon_crystal, NVT(60.0, time=200.0), steps=1000, timestep=4.0
    )
    assert np.ptp(run.conserved) / 32 < 2e-5  # eV, of 8e-3 eV kinetic energy
    assert np.ptp(run.kinetic_energy + run.potential_energy) / 32 > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("hand", [1, -1])
def test_constant_pressure_is_that_of_the_virial(argon, argon_crystal, hand):
    crystal = argon_crystal.replace(cell=argon_crystal.cell * [hand, 1, 1])
    ensemble = NPT(60.0, pressure=0.05 / GPA, time=200.0, barostat_time=2000.0)
    run = molecular_dynamics(
        argon, crystal, ensemble, steps=16_000, every=20, timestep=ARGON_TIMESTEP
    )
    pressure = run.pressure[100:]
    blocks = pressure[: len(pressure) // 10 * 10].reshape(10, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(10)
    assert error * GPA < 0.01
    # Four standard errors, estimated from ten blocks.
    assert abs(pressure.mean() - ensemble.pressure) < 4 * error
    assert np.ptp(run.conserved) / 32 < 2e-5
    assert run.volume[100:].std() / run.volume.mean() > 1e-3
    shape = run.cells[-1] / np.cbrt(run.volume[-1])
    assert_allclose(shape, crystal.cell / np.cbrt(crystal.volume), atol=1e-12)


def test_ensembles_are_different_pytrees():
    # JAX does not compare the types: jit once ran Langevin's dynamics for NVT's.
    kinds = [jax.tree.structure(kind(60.0)) for kind in (NVE, NVT, Langevin, NPT)]
    assert all(a != b for i, a in enumerate(kinds) for b in kinds[:i])
