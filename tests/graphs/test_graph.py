"""Graphs: edges against brute force, adjoints, triplets, and the Bloch rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import make_supercell
from matjax.numerics import safe_norm
from matjax.predictors import Potential, energy
from tests.graphs.networks import CUTOFF, MATRIX, Messages, crystal, graph_of


def random(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


# Edges


def test_edge_vectors_are_those_of_brute_force():
    c = crystal()
    graph = graph_of(c, n_nodes=3, degree=60)
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    expected = [
        c.positions[j] + image @ c.cell - c.positions[i]
        for i in range(2)
        for j in range(2)
        for image in images
        if not (i == j and not image.any())
    ]
    expected = [v for v in expected if np.linalg.norm(v) < CUTOFF]
    vectors = np.asarray(graph.edge_vectors())[np.asarray(graph.edge_mask)]
    assert len(vectors) == len(expected)
    expected = sorted(np.round(expected, 9).tolist())
    found = sorted(np.round(vectors, 9).tolist())
    assert_allclose(found, expected, atol=1e-8)  # rounding above


def test_empty_slots_have_a_vector_of_one_angstrom_without_derivative():
    graph = graph_of(crystal(), n_nodes=3, degree=60)
    empty = ~np.asarray(graph.edge_mask)
    assert_allclose(safe_norm(graph.edge_vectors())[empty], 1)

    def moved(positions):
        return graph.replace(positions=positions).edge_vectors()

    tangent = jax.jvp(moved, (graph.positions,), (random((3, 3), 0),))[1]
    assert_allclose(tangent[empty], 0)


def test_strained_graph_has_strained_edges():
    crystals = [crystal(), crystal().replace(cell=crystal().cell[[1, 0, 2]])]
    graph = graph_of(crystals, n_nodes=6, n_graphs=3)
    strain = jnp.asarray(random((3, 3, 3), 1)) * 0.1
    edge_graph = graph.node_graph[graph.receivers]
    deformation = jnp.eye(3) + strain[edge_graph]
    expected = jnp.einsum("ei,eij->ej", graph.edge_vectors(), deformation)
    mask = np.asarray(graph.edge_mask)
    found = graph.strained(strain).edge_vectors()
    assert_allclose(found[mask], expected[mask], atol=1e-12)  # round-off


# Adjoints


def test_scatter_is_the_adjoint_of_spread():
    graph = graph_of(crystal(), degree=60)
    nodes, edges = random((graph.n_nodes, 4), 2), random((graph.senders.size, 4), 3)
    mask = np.asarray(graph.edge_mask)[:, None]
    assert_allclose(
        np.sum(graph.scatter(edges) * nodes),
        np.sum(mask * edges * graph.spread(nodes)),
        rtol=1e-12,
    )  # order of summation


@pytest.mark.parametrize("phases", [None, 0.7])
def test_backward_pass_of_gather_sums_at_the_senders(phases):
    graph = graph_of(crystal())
    graph = graph.replace(phases=phases and phases * jnp.ones(graph.senders.size))
    nodes, edges = random((graph.n_nodes, 4), 2), random((graph.senders.size, 4), 3)
    gathered, transpose = jax.vjp(graph.gather, jnp.asarray(nodes))
    assert_allclose(gathered, nodes[graph.senders])
    expected = np.zeros_like(nodes)
    np.add.at(expected, np.asarray(graph.senders), edges)
    assert_allclose(transpose(jnp.asarray(edges))[0], expected, rtol=1e-12)


# Triplets


# The response of the infinite crystal


@pytest.fixture(scope="module")
def potential():
    return Potential.create(Messages())


def moved(tree, along, step):
    return jax.tree.map(lambda x, t: x + step * t, tree, along)


def test_energy_of_a_supercell_is_a_multiple(potential):
    total = jax.jit(energy)
    small = total(potential, graph_of(crystal()))[0]
    larger = make_supercell(crystal(), MATRIX).crystal
    # order of summation
    assert_allclose(total(potential, graph_of(larger))[0], 4 * small, rtol=1e-10)
