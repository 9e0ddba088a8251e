"""Atoms on Wyckoff positions: choices of positions, projections, symmetric outputs."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals.wyckoff import GRID, primitive_group
from matjax.generate.cells import stretched
from matjax.generate.orbits import (
    choose_positions,
    on_sites,
    orbits_of,
    symmetric,
)
from matjax.generate.processes import CellFlow, Parts, TorusFlow
from tests.generate import toys

PROCESS = toys.joint(fractional=TorusFlow(), cell=CellFlow())
GROUP = primitive_group("P6_3/mmc")
POSITIONS = [GROUP.positions[0], GROUP.positions[4], GROUP.positions[4]]
"""Two atoms that stay where they are, and twice four on an axis."""


@pytest.fixture(scope="module")
def orbits():
    return orbits_of(GROUP, POSITIONS, 12)


@pytest.fixture(scope="module")
def state():
    rng = np.random.default_rng(0)
    return toys.atoms(12, jnp.asarray(rng.integers(3, size=12))).replace(
        fractional=jnp.asarray(rng.random((12, 3))),
        cell=jnp.asarray(rng.normal(size=(1, 6))),
        mask=jnp.arange(12) < 10,
    )


def images(fractional, operation):
    moved = fractional @ GROUP.rotations[operation].T
    return moved + GROUP.translations[operation] / GRID


def test_projected_states_have_every_operation(orbits, state):
    projected = on_sites(PROCESS, orbits, state)
    for k in range(len(GROUP.rotations)):
        onto = orbits.permutation[k]
        apart = images(projected.fractional, k)[:10] - projected.fractional[onto][:10]
        assert_allclose(apart - np.rint(apart), 0, atol=1e-12)  # round-off
        assert np.array_equal(projected.elements[:10], projected.elements[onto][:10])
    cell = PROCESS.metric_cell(projected)
    w = GROUP.rotations.astype(float)
    turned = w.swapaxes(1, 2) @ (cell @ cell.T) @ w
    assert_allclose(turned, np.broadcast_to(cell @ cell.T, turned.shape), rtol=1e-9)


def test_a_projection_keeps_the_volume_and_changes_nothing_twice(orbits, state):
    projected = on_sites(PROCESS, orbits, state)
    again = on_sites(PROCESS, orbits, projected)
    assert_allclose(again.fractional, projected.fractional, atol=1e-12)
    assert_allclose(again.cell, projected.cell, atol=1e-9)
    volumes = [
        np.linalg.det(stretched(PROCESS.spread * s.cell, jnp.ones(1))[0])
        for s in (state, projected)
    ]
    assert_allclose(volumes[1], volumes[0], rtol=1e-10)


def test_what_is_free_of_the_first_atom_follows_its_own_coordinates(orbits, state):
    """Uniform coordinates give uniform ones: the prior needs no other form."""
    projected = on_sites(PROCESS, orbits, state)
    axis = POSITIONS[1].rotations[0]
    assert set(np.ravel(axis)) <= {-1, 0, 1}
    assert_allclose(projected.fractional[2, 2], state.fractional[2, 2], atol=1e-12)


def test_outputs_of_any_network_become_those_of_a_symmetric_crystal(orbits, state):
    rng = np.random.default_rng(1)
    vectors, logits = jnp.asarray(rng.normal(size=(2, 12, 3)))
    outputs = Parts(vectors, jnp.zeros((1, 6)), logits)
    denoise = symmetric(lambda state, times: outputs, PROCESS, orbits)
    found = jax.jit(denoise)(state, jnp.zeros(3))
    for k in range(len(GROUP.rotations)):
        turned = found.fractional @ GROUP.rotations[k].T
        onto = orbits.permutation[k]
        assert_allclose(turned[:10], found.fractional[onto][:10], atol=1e-12)
        assert_allclose(found.elements[onto], found.elements, atol=1e-12)
    assert_allclose(found.fractional[:2], 0, atol=1e-12)  # these stay where they are
    assert np.abs(found.fractional[2]).max() > 1e-3


def test_every_choice_of_positions_is_drawn_and_holds_the_atoms():
    """SrTiO3 in Pm-3m: two places each for Sr and Ti, two for O on three of them."""
    group = primitive_group("Pm-3m")
    composition = np.array([8, 8, 8, 22, 38])
    rng = np.random.default_rng(0)
    drawn = Counter()
    for _ in range(200):
        chosen = choose_positions(composition, group, rng)
        assert [p.multiplicity for p in chosen] == [3, 1, 1]
        drawn[tuple(id(p) for p in chosen)] += 1
    # 2 for O times 2 for the others, equally often: 50 ± 4 standard deviations.
    assert len(drawn) == 4
    assert max(drawn.values()) < 75
    assert min(drawn.values()) > 25


def test_positions_without_freedom_hold_one_set_of_atoms():
    group = primitive_group("Pm-3m")
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = choose_positions(np.array([5, 6]), group, rng)
        assert one is not other
    with pytest.raises(ValueError, match=r"no positions for 3 B, .* of 1, 1, 3, 3"):
        choose_positions(np.array([5, 5, 5, 6, 6, 6, 7, 7, 7]), group, rng)
