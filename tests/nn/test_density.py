"""Crystals brought to one density."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.nn import at_density
from tests.models.denoisers.symmetries import CELL, CRYSTAL


def test_crystals_have_the_volume_by_atom_that_is_asked_for():
    graph = build_graph(CRYSTAL, 4.0, n_nodes=5)
    scaled, length = at_density(graph, 12.0)
    by_atom = abs(np.linalg.det(CELL)) / 3
    assert_allclose(length, np.cbrt(by_atom / 12.0), rtol=1e-12)
    assert_allclose(scaled.volume, 36.0, rtol=1e-12)
    # Fractional coordinates are the same.
    there = scaled.positions[:3] @ np.linalg.inv(np.asarray(scaled.cell[0]))
    assert_allclose(there, CRYSTAL.fractional, atol=1e-12)


def test_the_scaled_crystal_does_not_depend_on_the_size_of_the_other():
    graph = build_graph(CRYSTAL, 4.0)
    doubled = graph.replace(positions=2 * graph.positions, cell=2 * graph.cell)
    (one, length), (other, twice) = (at_density(g, 12.0) for g in (graph, doubled))
    assert_allclose(other.positions, one.positions, rtol=1e-12)
    assert_allclose(twice, 2 * length, rtol=1e-12)
