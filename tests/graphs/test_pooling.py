"""Pools, and shares of edges and of atoms: means and sums without padding."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.graphs.networks import (
    batch,
    random,
)


def test_pools_are_means_over_atoms_and_padding_is_zero():
    graph = batch(n_nodes=8, n_graphs=4)
    values = random((8, 3))
    found = graph.pool(values)
    assert_allclose(found[0], values[:2].mean(0), atol=1e-15)  # round-off, as below
    assert_allclose(found[1], values[2:5].mean(0), atol=1e-15)
    assert_allclose(found[2:], 0)
    assert_allclose(graph.per_node(found)[:2], np.tile(found[0], (2, 1)))


@pytest.mark.parametrize("shift", [0.0, 800.0, -800.0])
def test_shares_add_up_to_one_and_empty_places_have_none(shift):
    graph = batch(n_nodes=8, n_graphs=4, degree=60)
    shares = graph.softmax(random((len(graph.senders), 2)) + shift)
    assert_allclose(graph.scatter(shares)[:5], 1, atol=1e-14)
    assert_allclose(shares[~np.asarray(graph.edge_mask)], 0)
    shares = np.asarray(graph.node_softmax(random((8, 2)) + shift))
    assert_allclose(shares[:2].sum(0), 1, atol=1e-14)
    assert_allclose(shares[2:5].sum(0), 1, atol=1e-14)
    assert_allclose(shares[5:], 0)
