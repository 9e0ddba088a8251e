"""Grids of many crystals: calls of one size serve all symmetries."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import Response, columns
from matjax.force_constants.grids import STANDARD, by_symmetry, fitting_size
from matjax.force_constants.many_grids import on_grids
from tests.force_constants.lattices import silicon, stillinger_weber

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def exacts():
    """Force constants of cubic, tetragonal and triclinic silicon."""
    strains = (np.zeros((3, 3)), np.diag([0, 0, 0.02]), 0.01 * RNG.normal(size=(3, 3)))
    potential, found = stillinger_weber(), []
    for strain in strains:
        crystal = silicon().strained((strain + strain.T) / 2)
        graph = potential.graph(crystal, n_nodes=2, degree=16)
        found.append(by_symmetry(Response(potential, graph, n_atoms=2), crystal))
    return found


GRIDS = [(2, 2, 2), (1, 2, 3), (2, 1, 1)]


@pytest.mark.parametrize("shapes", ["few", "standard"])
def test_grids_hold_the_exact_force_constants_through_one_function(exacts, shapes):
    columns._respond_each.clear_cache()
    found = on_grids(stillinger_weber(), exacts, GRIDS, shapes=shapes)
    assert columns._respond_each._cache_size() == 1
    for exact, grid, on_grid in zip(exacts, GRIDS, found, strict=True):
        q = np.indices(grid).reshape(3, -1).T / np.array(grid)
        expected = exact.response(q).reshape(on_grid.force_constants.shape)
        assert_allclose(on_grid.force_constants, expected, atol=1e-8)  # round-off
        assert_allclose(on_grid.max_force, exact.response.max_force(), atol=1e-12)


def test_sizes_fit_what_is_wanted(exacts):
    graph = exacts[0].response.graph
    assert fitting_size(graph, [np.array([1, 1, 1])]) == (3, 1)
    rows, size = fitting_size(graph, [np.array([2, 6]), np.array([6, 6, 6, 6])])
    assert size == 6
    assert rows in (2, 4)
    assert STANDARD.columns <= 6


def test_numbers_that_are_not_finite_are_told(exacts):
    broken = exacts[0].response.graph
    broken = broken.replace(positions=np.full_like(broken.positions, np.nan))
    bad = exacts[0].replace(response=exacts[0].response.replace(graph=broken))
    good, error = on_grids(stillinger_weber(), [exacts[0], bad], [(1, 1, 1)] * 2)
    assert np.isfinite(good.force_constants).all()
    with pytest.raises(ValueError, match="force constants must be finite"):
        raise error
