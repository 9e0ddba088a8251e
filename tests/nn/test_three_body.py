"""Three-body messages: sums without a list of triples, and the exchanges' reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import eval_legendre

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.potentials import M3GNet
from matjax.nn import polynomial_envelope, smooth_bessel_basis, spherical_bessel_basis
from matjax.nn.three_body import three_body_edges, triples

CRYSTAL = Crystal.create(
    [14, 8, 8],
    [[3.9, 0.1, 0.2], [0.3, 4.2, 0.1], [0.0, 0.2, 4.5]],
    fractional=[[0, 0, 0], [0.45, 0.5, 0.4], [0.1, 0.6, 0.8]],
)


@pytest.mark.parametrize("smooth", [True, False])
def test_sum_over_triples_is_that_of_all_pairs_of_edges(smooth):
    model = M3GNet(
        (14, 8), cutoff=5.0, three_body_cutoff=4.6, degrees=3, basis=2, smooth=smooth
    )
    graph = build_graph(CRYSTAL, model.cutoff)
    edges = three_body_edges(graph, model)
    rng = np.random.default_rng(0)
    shares = rng.random((graph.n_nodes, 6))
    found = np.asarray(triples(graph, jnp.asarray(shares), edges))

    vectors = np.asarray(graph.edge_vectors())
    r = np.linalg.norm(vectors, axis=1)
    if smooth:
        waves = np.asarray(smooth_bessel_basis(jnp.asarray(r), 6, model.cutoff))
    else:
        waves = np.asarray(spherical_bessel_basis(jnp.asarray(r), 3, 2, model.cutoff))
    end = np.asarray(polynomial_envelope(jnp.asarray(r), model.three_body_cutoff, 3.0))
    degrees = np.repeat(np.arange(3), 2)
    senders, mask = np.asarray(graph.senders), np.asarray(graph.edge_mask)
    checked = 0
    for node in range(CRYSTAL.n_atoms):
        slots = node * graph.degree + np.arange(graph.degree)
        slots = slots[mask[slots]]
        for j in slots:
            expected = np.zeros(6)
            for k in slots[slots != j]:
                cosine = vectors[j] @ vectors[k] / (r[j] * r[k])
                y = np.sqrt((2 * degrees + 1) / (4 * np.pi))
                y = y * eval_legendre(degrees, cosine)
                expected += end[j] * end[k] * waves[k] * y * shares[senders[k]]
            assert_allclose(found[j], expected, rtol=1e-9, atol=1e-12)
            checked += abs(expected).max() > 1e-3
    assert checked > 20


def test_one_neighbor_makes_no_triple():
    model = M3GNet((14,), cutoff=4.0, three_body_cutoff=3.5)
    pair = Crystal.create(
        [14, 14], 30 * np.eye(3), positions=[[0, 0, 0], [2.2, 0.3, 0]], pbc=False
    )
    graph = build_graph(pair, model.cutoff, dtype=jnp.float64)
    shares = jnp.ones((graph.n_nodes, 9))
    sums = jax.jit(lambda g: triples(g, shares, three_body_edges(g, model)))(graph)
    assert_allclose(sums[np.asarray(graph.edge_mask)], 0, atol=1e-15)  # round-off
