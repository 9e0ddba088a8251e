"""Pairs of edges that meet at an atom, against loops and the angles of diamond."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import (
    build_graph,
    triplets,
)
from tests.graphs.networks import (
    CUTOFF,
    crystal,
    random,
)


def graph_of(crystal, **sizes):
    return build_graph(crystal, CUTOFF, **sizes)


def test_messages_between_edges_are_those_of_a_loop():
    graph = build_graph(crystal(), 2.8, n_nodes=2)
    corners = triplets(graph)
    mask = np.asarray(graph.edge_mask)
    values = random(len(mask))
    first, second = corners.pair(jnp.asarray(values))
    found = corners.to_edges(jnp.sin(second), jnp.sin(first))
    receivers = np.asarray(graph.receivers)
    for e in np.flatnonzero(mask):
        others = mask & (receivers == receivers[e])
        others[e] = False
        assert_allclose(found[e], np.sin(values[others]).sum(), atol=1e-12)
    assert_allclose(found[~mask], 0)


def test_each_pair_of_bonds_of_diamond_is_one_triplet_at_the_tetrahedral_angle():
    a = 5.431
    silicon = Crystal.create(
        [14, 14],
        a / 2 * (1 - np.eye(3)),
        fractional=[[0, 0, 0], [0.25, 0.25, 0.25]],
    )
    graph = build_graph(silicon, 2.6, n_nodes=3, degree=6)
    angles = triplets(graph)
    mask = np.asarray(angles.mask)
    assert mask.sum() == 2 * 6  # 4·3/2 for each atom
    first, second = angles.pair(graph.edge_vectors())
    cosines = jnp.sum(first * second, axis=1) / (a**2 * 3 / 16)
    assert_allclose(cosines[mask], -1 / 3, rtol=1e-12)  # round-off
    assert_allclose(angles.scatter(jnp.ones(mask.size)), [6, 6, 0])


def test_triplets_are_all_pairs_of_edges_of_a_receiver():
    graph = graph_of(crystal(), n_nodes=3, degree=40)
    counts = np.asarray(graph.edge_mask).reshape(3, 40).sum(axis=1)
    angles = triplets(graph)
    assert_allclose(
        angles.scatter(jnp.ones(angles.mask.size)), counts * (counts - 1) / 2
    )
    receivers = np.asarray(graph.receivers)
    assert (receivers[angles.first] == receivers[angles.second]).all()
    assert (angles.first < angles.second).all()
