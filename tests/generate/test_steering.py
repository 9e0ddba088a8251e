"""Steering by a potential, on argon: lower energies, and stiffer crystals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import Crystal
from matjax.generate.processes import CellFlow, JointProcess, Parts, State, TorusFlow
from matjax.generate.sampler import SamplerConfig, make_sampler, sample, sample_keys
from matjax.generate.steering import (
    Steering,
    eigenvalue_slope,
    metric_graph,
    steered,
)
from matjax.predictors import energy
from tests.generate import toys

ARGON = mj.load_potential("lennard-jones-ar")
Q = np.array([[0.5, 0.0, 0.0], [0.5, 0.5, 0.0]])
QUICK = {"degree": 96, "start": 0.5}


def process(**parts):
    none = {"fractional": None, "cell": None}
    return JointProcess(
        species=(18,), elements=None, volume=45.0, spread=0.1, **none | parts
    )


def atoms(n, **values):
    given = State(
        fractional=jnp.zeros((n, 3)),
        cell=jnp.zeros((1, 6)),
        elements=jnp.zeros(n, jnp.int32),
        mask=jnp.ones(n, bool),
    )
    return given.replace(**values)


def samples(whole, given, how: Steering | None, *, n=4, spread=0.3):
    """Samples of cells near a cube, and of coordinates anywhere."""

    def denoise(state, times):
        away = toys.cell_velocity(None, state.cell, times[1])
        centered = away * spread  # a narrow distribution about the cube
        return Parts(jnp.zeros_like(state.fractional), centered, state.fractional)

    sampler = make_sampler(SamplerConfig("ode", 8), denoise, whole)
    if how is not None:
        sampler = steered(sampler, whole, how)

    def one(key):
        return sample(sampler, whole, key, given, steps=8).states

    return jax.jit(jax.vmap(one))(sample_keys(0, n))


def energies(whole, states):
    def one(state):
        return energy(ARGON, metric_graph(state, whole, ARGON.cutoff, 96)[0])[0]

    return np.asarray(jax.jit(jax.vmap(one))(states))


def softest(whole, states):
    def one(state):
        graph, _ = metric_graph(state, whole, ARGON.cutoff, 96)
        return eigenvalue_slope(ARGON, graph, jnp.asarray(Q))[0]

    return np.asarray(jax.jit(jax.vmap(one))(states))


def test_samples_have_lower_energies_than_without_the_same_seeds():
    whole = process(fractional=TorusFlow(), cell=CellFlow())
    given = atoms(2)
    free = samples(whole, given, None)
    led = samples(whole, given, Steering.create(ARGON, **QUICK, size=0.5))
    before, after = energies(whole, free), energies(whole, led)
    assert (after < before).all()
    moved = np.abs(toys.wrap(led.fractional - free.fractional)) @ np.ones(3)
    assert moved.max() > 1e-3
    assert np.abs(led.cell - free.cell).max() > 1e-3


@pytest.mark.slow
def test_samples_are_stiffer_than_without_the_same_seeds():
    """Simple cubic argon is unstable at the zone boundary; one atom, a cell to move."""
    whole = process(cell=CellFlow())
    given = atoms(1)
    how = Steering.create(
        ARGON,
        energy=0.0,
        stability=1.0,
        size=1.0,
        q=tuple(map(tuple, Q.tolist())),
        **QUICK,
    )
    free, led = (samples(whole, given, x, n=2) for x in (None, how))
    before, after = softest(whole, free), softest(whole, led)
    assert (before < 0).all()
    assert (after > before).all()


def test_slopes_of_the_eigenvalue_are_those_of_finite_differences():
    cell = np.array([[3.7, 0.1, 0.0], [0.0, 3.6, 0.2], [0.1, 0.0, 3.8]])
    rng = np.random.default_rng(0)
    strain = rng.normal(size=(3, 3)) * 0.1
    strain += strain.T

    @jax.jit
    def value(step):
        crystal = (jnp.eye(3) + step * strain).T
        state = atoms(1)
        whole = process(cell=CellFlow())
        from matjax.generate.cells import log_stretch

        turned = jnp.asarray(cell) @ crystal
        values = log_stretch(turned[None], jnp.array([45.0])) / whole.spread
        graph, _ = metric_graph(state.replace(cell=values), whole, ARGON.cutoff, 96)
        return eigenvalue_slope(ARGON, graph, jnp.asarray(Q))[0]

    graph = ARGON.graph(Crystal.create(["Ar"], cell, fractional=[[0.0, 0.0, 0.0]]))
    found, _, by_strain = jax.jit(eigenvalue_slope)(ARGON, graph, jnp.asarray(Q))
    assert found < 0
    assert_allclose(value(0.0), found, rtol=1e-8)  # round-off; the cell was turned
    slope = (value(1e-4) - value(-1e-4)) / 2e-4
    assert_allclose(np.sum(by_strain * strain), slope, rtol=1e-5)  # h²


def test_nothing_moves_early_nor_without_slots_nor_what_is_given():
    whole = process(fractional=TorusFlow(), cell=CellFlow())
    given = atoms(2)
    free = samples(whole, given, None, n=1)
    crowded = samples(whole, given, Steering.create(ARGON, degree=2), n=1)
    assert_allclose(crowded.fractional, free.fractional, atol=1e-12)
    assert_allclose(crowded.cell, free.cell, atol=1e-9)
    fixed = process(fractional=TorusFlow())
    led = samples(fixed, given, Steering.create(ARGON, **QUICK), n=1)
    assert_allclose(led.cell[0], given.cell, rtol=0)


def test_steps_are_no_longer_than_allowed():
    whole = process(fractional=TorusFlow())
    given = atoms(2, fractional=jnp.array([[0.0, 0.0, 0.0], [0.4, 0.0, 0.0]]))
    from matjax.generate.steering import moved

    how = Steering.create(ARGON, size=1e6, largest=0.03)
    new = jax.jit(moved, static_argnums=1)(given, whole, how)
    steps = toys.wrap(new.fractional - given.fractional) @ whole.metric_cell(given)
    assert_allclose(np.linalg.norm(steps, axis=1), 0.03, rtol=1e-9)


def test_what_does_not_steer_is_refused():
    for wrong in ({"energy": 0.0}, {"energy": -1.0}, {"stability": -1.0}):
        with pytest.raises(ValueError, match="by energy, by stability or by both"):
            Steering.create(ARGON, **wrong)
    with pytest.raises(ValueError, match="time in"):
        Steering.create(ARGON, start=1.5)
