"""Crystals modulated by soft modes: the smallest cells, and the energy they gain."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics.transitions import (
    commensurate_cell,
)
from tests.force_constants.lattices import (
    COMPRESSED,
    DISTANCE,
    STIFFNESS,
    silicon,
)


@pytest.mark.parametrize(
    ("q", "size"),
    [
        ([[0.5, 0.5, 0.5]], 2),
        ([[0.5, 0.5, 0]], 2),
        ([[1 / 3, 1 / 3, 0]], 3),
        ([[0.25, 0.5, 1 / 3]], 12),
        ([[-0.4, 0.2, 0]], 5),
        ([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], 8),
        ([[0, 0, 0]], 1),
    ],
)
def test_commensurate_cells_are_the_smallest(q, size):
    q = np.array(q, dtype=float)
    matrix = commensurate_cell(q, silicon())
    assert_allclose(np.linalg.det(matrix), size)  # round-off
    phases = matrix @ q.T
    assert_allclose(phases, np.round(phases), atol=1e-9)  # round-off
    longest = np.linalg.norm(matrix @ silicon().cell, axis=1).max()
    assert longest < 1.8 * (size * float(silicon().volume)) ** (1 / 3) * size ** (1 / 3)


def test_waves_that_never_repeat_have_no_cell():
    with pytest.raises(ValueError, match="commensurate"):
        commensurate_cell(np.array([[1 / np.pi, 0, 0]]), silicon())


@pytest.mark.slow
def test_following_it_gains_all_the_energy_of_the_springs(buckled):
    """In the zigzag every spring has its own length."""
    _, descent = buckled
    assert descent.parent_symbol == "P4/mmm"
    assert abs(np.linalg.det(descent.supercell)) == 2
    energy = STIFFNESS * (COMPRESSED - DISTANCE) ** 2 / 2
    assert len(descent.branches) == 3  # along a side, a diagonal, and at random
    assert [branch.symmetric for branch in descent.branches].count(True) == 2
    for branch in descent.branches:
        assert branch.converged
        assert_allclose(branch.energy, -energy, atol=1e-8)  # fmax²/k
        zero = branch.amplitudes == 0
        assert_allclose(branch.energies[zero], 0, atol=1e-12)  # round-off
        half = (branch.energies - branch.energies[::-1])[~zero]
        assert_allclose(half, 0, atol=1e-9)  # both signs are equal; round-off
        bond = jnp.hypot(COMPRESSED, 2 * branch.amplitudes)
        curve = STIFFNESS / 2 * (bond - DISTANCE) ** 2 - energy
        assert_allclose(branch.energies, curve, atol=1e-9)  # round-off
        positions = np.asarray(branch.crystal.positions)
        assert len(positions) == 2
        shift = abs((positions[1] - positions[0]) @ np.diag([0, 1, 1]))
        shift = np.linalg.norm(np.minimum(shift, 12 - shift))
        assert_allclose(np.hypot(COMPRESSED, shift), DISTANCE, atol=1e-5)  # fmax/k
    symbols = {branch.symbol for branch in descent.branches if branch.symmetric}
    assert symbols == {"Pmma", "Cmcm"}
    assert_allclose(descent.gain_per_formula, energy, atol=1e-8)
