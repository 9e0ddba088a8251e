"""DiffCSP: the symmetries that the paper claims, and the one that it does not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.denoisers.diffcsp import DiffCSP, cell_shape
from tests.models.denoisers import symmetries

MODEL = DiffCSP((5, 7), features=8, layers=2, frequencies=3, times=4)
SAME = {"rtol": 1e-8, "atol": 1e-9}  # round-off in sums of other order


@pytest.fixture(scope="module")
def params():
    return symmetries.parameters(MODEL)


@pytest.fixture(scope="module")
def here(params):
    return symmetries.outputs(MODEL, params, symmetries.CRYSTAL)


def same(there, here):
    for name in ("fractional", "elements"):
        assert_allclose(there[name][:3], here[name][:3], **SAME)
    assert_allclose(there["cell"], here["cell"], **SAME)


def test_translations_change_nothing(params, here):
    assert np.std(here["fractional"][:3], axis=0).min() > 1e-4
    same(symmetries.outputs(MODEL, params, symmetries.translated()), here)


def test_rotations_and_reflections_change_nothing(params, here):
    matrix = symmetries.rotation()
    for turn in (matrix, -matrix):
        same(symmetries.outputs(MODEL, params, symmetries.rotated(turn)), here)


def test_permutations_go_through(params, here):
    order, crystal = symmetries.permuted()
    there = symmetries.outputs(MODEL, params, crystal)
    assert_allclose(there["fractional"][:3], here["fractional"][order], **SAME)
    assert_allclose(there["elements"][:3], here["elements"][order], **SAME)
    assert_allclose(there["cell"], here["cell"], **SAME)


def test_padding_changes_nothing(params, here):
    same(symmetries.outputs(MODEL, params, symmetries.CRYSTAL, n_nodes=6), here)


def test_another_choice_of_cell_is_another_input(params, here):
    _, crystal = symmetries.recut()
    there = symmetries.outputs(MODEL, params, crystal)
    assert np.abs(there["elements"][:3] - here["elements"][:3]).max() > 1e-4


def test_small_deformations_are_inputs_in_units_of_their_spread():
    graph = build_graph(symmetries.CRYSTAL, 0.0)
    length = np.cbrt(3 * 12.0)
    strain = 1e-6 * np.array([[1.0, 2, 0], [2, 0, 0], [0, 0, -3]])
    cell = length * (np.eye(3) + strain)[None]
    found = cell_shape(graph.replace(cell=cell), 12.0, 1e-6)
    # To second order in the strain.
    assert_allclose(found.reshape(3, 3), strain / 1e-6, atol=1e-5)
