"""Edges of other kinds: shorter, nearest, reversed, to images, between all atoms."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import (
    all_pairs,
    build_graph,
    nearest,
    reverse,
    self_edges,
    within,
)
from matjax.numerics import safe_norm
from tests.graphs.networks import (
    Base,
    batch,
    crystal,
    other,
    random,
    response_at,
)


def test_shorter_edges_are_those_of_a_shorter_cutoff():
    graph, expected = batch(degree=60), build_graph([crystal(), other()], 2.8)
    found = within(graph, 2.8)
    np.testing.assert_array_equal(
        found.graph.edge_mask.reshape(-1, 60).sum(1),
        expected.edge_mask.reshape(graph.n_nodes, -1).sum(1),
    )
    lengths = safe_norm(graph.edge_vectors())
    kept = safe_norm(found.graph.edge_vectors())
    mask = np.asarray(found.graph.edge_mask)
    assert_allclose(found.take(lengths)[mask], kept[mask])
    fewer = within(graph, 2.8, degree=expected.degree)
    assert np.isfinite(np.asarray(fewer.graph.edge_vectors())).all()
    most = int(expected.edge_mask.reshape(graph.n_nodes, -1).sum(1).max())
    assert np.isnan(within(graph, 2.8, degree=most - 1).graph.edge_vectors()).any()
    with pytest.raises(ValueError, match="between 1 and 60"):
        within(graph, 2.8, degree=61)


def test_values_of_shorter_edges_are_put_where_they_were_taken():
    graph = batch(degree=60)
    found = within(graph, 2.8, degree=40)
    lengths = safe_norm(graph.edge_vectors())
    back = found.put(found.take(lengths), graph)
    short = np.asarray(graph.edge_mask & (lengths < 2.8))
    assert 0 < short.sum() < np.asarray(graph.edge_mask).sum()
    assert_allclose(back, np.where(short, lengths, 0))


def test_the_nearest_are_kept():
    graph = batch(degree=60)
    found = nearest(graph, 3)
    lengths = np.asarray(safe_norm(graph.edge_vectors())).reshape(-1, 60)
    lengths = np.where(np.asarray(graph.edge_mask).reshape(-1, 60), lengths, np.inf)
    expected = np.sort(lengths, axis=1)[:5, :3]
    kept = np.asarray(safe_norm(found.graph.edge_vectors())).reshape(-1, 3)[:5]
    assert_allclose(kept, expected)
    assert found.graph.degree == 3


def test_every_edge_has_a_reverse_whose_reverse_it_is():
    graph = batch(degree=60)
    back = reverse(graph)
    mask = np.asarray(graph.edge_mask)
    np.testing.assert_array_equal(back.mask, mask)
    slots = np.asarray(back.slots)[mask]
    np.testing.assert_array_equal(np.asarray(back.slots)[slots], np.flatnonzero(mask))
    vectors = np.asarray(graph.edge_vectors())
    assert_allclose(vectors[slots], -vectors[mask], atol=1e-14)  # round-off
    one_sided = nearest(graph, 1).graph
    assert not np.asarray(reverse(one_sided).mask)[
        np.asarray(one_sided.edge_mask)
    ].all()


def test_edges_to_own_images_are_cell_vectors():
    graph = batch(n_nodes=8, n_graphs=4)
    own = self_edges(graph, [(1, 0, 0), (0, -1, 2)])
    vectors = own.edge_vectors().reshape(8, 2, 3)
    cells = np.asarray(graph.cell)
    for node, cell in ((1, cells[0]), (4, cells[1])):
        expected = [cell[0], 2 * cell[2] - cell[1]]
        assert_allclose(vectors[node], expected, atol=1e-14)  # round-off
    assert not np.asarray(own.edge_mask).reshape(8, 2)[5:].any()


class OwnImages(Base):
    """Messages along the first two cell vectors, the only ones within the cutoff."""

    through_graph: bool = False

    @nn.compact
    def __call__(self, graph):
        _, _, h = self.features(graph)
        if self.through_graph:
            z = jnp.asarray(graph.numbers, float)
            same = graph.gather(z) == graph.spread(z)
            own = graph.replace(edge_mask=graph.edge_mask & same)
        else:
            own = self_edges(graph, [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
        weights = jnp.exp(-safe_norm(own.edge_vectors()))[:, None]
        return jnp.sum(h * own.scatter(weights * own.gather(jnp.sin(h))), axis=-1)


def test_edges_to_own_images_respond_as_those_of_the_graph():
    q = random((3, 3))
    expected = response_at(q, OwnImages(through_graph=True))
    found = response_at(q, OwnImages())
    # Round-off.
    assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


def test_pairs_of_all_atoms_stay_in_their_crystal():
    graph = batch(n_nodes=8, n_graphs=4)
    pairs = all_pairs(graph, n_atoms=3)
    values = random((8, 2))
    summed = pairs.scatter(pairs.gather(jnp.asarray(values)))
    assert_allclose(summed[1], values[:2].sum(0), atol=1e-14)  # round-off
    assert_allclose(summed[3], values[2:5].sum(0), atol=1e-14)
    assert_allclose(summed[5:], 0)
    with pytest.raises(ValueError, match="no vectors"):
        pairs.edge_vectors()
    with pytest.raises(ValueError, match="through pool"):
        all_pairs(graph.responding(jnp.zeros(3)))
