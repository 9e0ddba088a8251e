"""The equivariant denoiser: every symmetry of a crystal."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.denoisers.denoiser import Denoiser
from tests.models.denoisers import symmetries

VOLUME = float(np.linalg.det(symmetries.CELL)) / 3
MODEL = Denoiser(
    *((5, 7), 4.5, 64, "4x0e + 3x1o + 2x2e"),
    **{"layers": 2, "basis": 3, "radial_widths": (4,), "volume": VOLUME},
)
SAME = {"rtol": 1e-8, "atol": 1e-9}  # round-off in sums of other order


@pytest.fixture(scope="module")
def params():
    return symmetries.parameters(MODEL)


@pytest.fixture(scope="module")
def here(params):
    return symmetries.outputs(MODEL, params, symmetries.CRYSTAL)


def real(here):
    return here["fractional"][:3], here["cell"], here["elements"][:3]


@pytest.mark.slow
def test_outputs_are_not_all_the_same(here):
    assert np.std(here["fractional"][:3], axis=0).min() > 1e-4
    assert np.abs(here["cell"][0] - np.eye(3) * here["cell"][0, 0, 0]).max() > 1e-4
    assert_allclose(here["cell"], here["cell"].swapaxes(1, 2), atol=1e-12)


def test_translations_change_nothing(params, here):
    there = symmetries.outputs(MODEL, params, symmetries.translated())
    for a, b in zip(real(there), real(here), strict=True):
        assert_allclose(a, b, **SAME)


def test_permutations_go_through(params, here):
    order, crystal = symmetries.permuted()
    there = symmetries.outputs(MODEL, params, crystal)
    assert_allclose(there["fractional"][:3], here["fractional"][order], **SAME)
    assert_allclose(there["elements"][:3], here["elements"][order], **SAME)
    assert_allclose(there["cell"], here["cell"], **SAME)


def test_rotations_and_reflections_turn_the_tensor_alone(params, here):
    matrix = symmetries.rotation()
    for turn in (matrix, -matrix):
        there = symmetries.outputs(MODEL, params, symmetries.rotated(turn))
        assert_allclose(there["fractional"][:3], here["fractional"][:3], **SAME)
        assert_allclose(there["elements"][:3], here["elements"][:3], **SAME)
        assert_allclose(there["cell"][0], turn.T @ here["cell"][0] @ turn, **SAME)


def test_another_choice_of_cell_changes_the_units_of_coordinates_alone(params, here):
    matrix, crystal = symmetries.recut()
    there = symmetries.outputs(MODEL, params, crystal)
    assert_allclose(there["fractional"][:3] @ matrix, here["fractional"][:3], **SAME)
    assert_allclose(there["cell"], here["cell"], **SAME)
    assert_allclose(there["elements"][:3], here["elements"][:3], **SAME)


def test_a_supercell_has_the_same_vectors_and_the_same_tensor(params, here):
    there = symmetries.outputs(MODEL, params, symmetries.doubled())
    assert_allclose(there["cell"], here["cell"], **SAME)
    vectors = here["fractional"][:3] @ symmetries.CELL
    found = there["fractional"][:6] @ np.diag([2.0, 1, 1]) @ symmetries.CELL
    for vector in vectors:
        # Twice, whatever the order of the atoms.
        assert np.sum(np.abs(found - vector).max(axis=1) < 1e-8) == 2


@pytest.mark.slow
def test_padding_changes_nothing(params, here):
    there = symmetries.outputs(MODEL, params, symmetries.CRYSTAL, n_nodes=6)
    for a, b in zip(real(there), real(here), strict=True):
        assert_allclose(a, b, **SAME)


@pytest.mark.slow
def test_mixed_species_are_inputs_between_pure_ones(params, here):
    graph = build_graph(symmetries.CRYSTAL, MODEL.cutoff)
    pure = jnp.zeros((graph.n_nodes, 119)).at[jnp.arange(3), graph.numbers[:3]].set(1)
    found = MODEL.apply(
        {"params": params}, graph.replace(composition=pure), symmetries.TIMES
    )
    assert_allclose(found["fractional"][:3], here["fractional"][:3], **SAME)
    mixed = pure.at[0, 5].set(0.5).at[0, 7].set(0.5)
    other = MODEL.apply(
        {"params": params}, graph.replace(composition=mixed), symmetries.TIMES
    )
    assert np.abs(other["fractional"][:3] - here["fractional"][:3]).max() > 1e-5


@pytest.mark.slow
def test_crystals_of_another_size_differ_by_their_volume_alone(params, here):
    """Edges are those of the crystal brought to the typical volume."""
    model = MODEL.copy(spread=1e9)
    graph = build_graph(symmetries.CRYSTAL, MODEL.cutoff)
    doubled = graph.replace(positions=2 * graph.positions, cell=2 * graph.cell)
    found = model.apply({"params": params}, doubled, symmetries.TIMES)
    assert_allclose(found["fractional"][:3], here["fractional"][:3], **SAME)
    assert_allclose(found["cell"], here["cell"], **SAME)
