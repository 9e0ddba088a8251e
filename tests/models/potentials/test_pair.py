"""Pair potentials against their formulas."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import LennardJones, Morse, Springs
from matjax.predictors import Potential

BOX = np.eye(3) * 40


def dimer(number: int, r: float) -> Crystal:
    return Crystal.create(
        [number] * 2, BOX, positions=[[0, 0, 0], [0, 0, r]], pbc=False
    )


@pytest.mark.parametrize(
    ("model", "minimum", "depth"),
    [
        (LennardJones(), 2 ** (1 / 6) * 3.405, -0.010323),
        (Morse(), 2.866, -0.3429),
        (
            Springs(species=(6,), stiffness=2.0, distance=1.5, onset=3.0, cutoff=4.0),
            1.5,
            0.0,
        ),
    ],
)
def test_dimer_has_its_minimum_where_the_formula_says(model, minimum, depth):
    potential = Potential.create(model)
    result = potential(dimer(model.species[0], minimum))
    # float64 round-off.
    assert_allclose(result.energy, depth, atol=1e-12)
    assert_allclose(result.forces, 0, atol=1e-10)
    assert_allclose(result.node_energies, depth / 2, atol=1e-12)


def test_force_of_a_stretched_spring_pulls_the_atoms_together():
    model = Springs(species=(6,), stiffness=2.0, distance=1.5, onset=3.0, cutoff=4.0)
    result = Potential.create(model)(dimer(6, 2.0))
    assert_allclose(result.energy, 2.0 * 0.5**2 / 2, rtol=1e-12)
    assert_allclose(result.forces, [[0, 0, 1.0], [0, 0, -1.0]], atol=1e-12)


def test_argon_crystal_has_the_lattice_sum_of_the_formula():
    a = 5.3
    cell = a / 2 * (1 - np.eye(3))
    model = LennardJones()
    energy = Potential.create(model)(
        Crystal.create([18], cell, fractional=[[0, 0, 0]])
    ).energy

    n = np.arange(-8, 9)
    vectors = np.stack(np.meshgrid(n, n, n), -1).reshape(-1, 3) @ cell
    r = np.linalg.norm(vectors, axis=1)
    r = r[(r > 0) & (r < model.cutoff)]
    t = np.clip((r - model.onset) / (model.cutoff - model.onset), 0, 1)
    switch = 1 - 10 * t**3 + 15 * t**4 - 6 * t**5
    s6 = (model.sigma / r) ** 6
    expected = np.sum(switch * 4 * model.epsilon * (s6**2 - s6)) / 2
    assert_allclose(energy, expected, rtol=1e-12)


def test_parameters_are_arrays_that_can_be_fitted():
    potential = Potential.create(LennardJones())
    doubled = potential.replace(
        params={**potential.params, "epsilon": 2 * jnp.asarray(0.010323)}
    )
    assert_allclose(
        doubled(dimer(18, 4.0)).energy, 2 * potential(dimer(18, 4.0)).energy
    )
