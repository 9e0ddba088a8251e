"""Messages along edges that know angles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.nn import DirectionalNetwork, EdgeForces, directed_edges

CUTOFF = 1.5


def bent(angle):
    """A molecule of three atoms in a large cell: two bonds of 1 Å, and their angle."""
    positions = [[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]]
    crystal = Crystal.create([5, 7, 7], 20 * np.eye(3), positions=positions)
    return build_graph(crystal, CUTOFF)


def features(graph, layers=1):
    network = DirectionalNetwork(6, layers, 4)
    inputs = jnp.asarray(graph.numbers, float)[:, None] * jnp.ones((1, 2))
    edges = directed_edges(graph, CUTOFF, 4, 3.0)
    params = network.init(jax.random.key(0), graph, inputs, edges)
    return network.apply(params, graph, inputs, edges)


def test_features_tell_angles_between_edges_of_equal_lengths():
    # The two ends are farther apart than the cutoff: distances are the same.
    right, straight = (features(bent(a))[0] for a in (np.pi / 2 + 0.3, np.pi))
    assert np.abs(right - straight).max() > 1e-3


def test_edges_are_unit_vectors_that_count_less_towards_the_cutoff():
    graph = bent(np.pi)
    edges = directed_edges(graph, CUTOFF, 4, 4.0)
    mask = np.asarray(graph.edge_mask)
    assert_allclose(jnp.linalg.norm(edges.directions, axis=1), 1, rtol=1e-9)
    assert (np.asarray(edges.weights)[mask] < 0.5).all()  # 1/√4 at the most
    closer = directed_edges(graph, 100.0, 4, 4.0)
    assert_allclose(closer.weights[mask], 0.5, rtol=1e-4)


@pytest.mark.parametrize("layers", [1, 2])
def test_features_end_continuously_at_the_cutoff(layers):
    def of(distance):
        positions = [[0, 0, 0], [distance, 0, 0]]
        crystal = Crystal.create([5, 7], 20 * np.eye(3), positions=positions)
        return features(build_graph(crystal, CUTOFF), layers)[:2]

    assert_allclose(of(CUTOFF - 1e-5), of(CUTOFF + 1e-5), atol=1e-9)


def test_forces_of_two_like_atoms_are_opposite_and_along_their_edge():
    positions = [[0, 0, 0], [0.6, 0.8, 0]]
    crystal = Crystal.create([5, 5], 20 * np.eye(3), positions=positions)
    graph = build_graph(crystal, CUTOFF)
    edges = directed_edges(graph, CUTOFF, 4, 3.0)
    v = jnp.ones((graph.n_nodes, 3))
    module = EdgeForces()
    found = module.apply(
        module.init(jax.random.key(0), graph, v, edges), graph, v, edges
    )
    assert_allclose(found[0], -found[1], rtol=1e-12)
    assert_allclose(np.cross(found[0], positions[1]), 0, atol=1e-12)
    assert np.linalg.norm(found[0]) > 1e-4
