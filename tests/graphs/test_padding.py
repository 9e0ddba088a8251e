"""Buckets and padded batches: padding adds nothing, a batch is its crystals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, neighbors
from matjax.graphs import bucket, build_graph
from matjax.numerics import safe_norm

CUTOFF = 3.5
SIZES = range(1, 3000)


def crystals():
    rng = np.random.default_rng(0)
    cells = [
        [[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]],
        [[0.3, 3.9, 0.1], [4.1, 0.0, 0.4], [0.3, 0.9, 4.3]],  # left-handed
        [[2.9, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 3.1]],
    ]
    return [
        Crystal.create([14, 8, 11][:n], cell, fractional=rng.random((n, 3)))
        for n, cell in zip((1, 2, 3), cells, strict=True)
    ]


def density(graph):
    """Node values that feel every edge: Σ_j z_j exp(−r_ij)."""
    r = safe_norm(graph.edge_vectors())
    numbers = graph.numbers.astype(graph.positions.dtype)
    return graph.scatter(graph.gather(numbers) * jnp.exp(-r))


@jax.jit
def sums_and_gradients(graph):
    def total(positions, cell):
        changed = graph.replace(positions=positions, cell=cell)
        sums = changed.graph_sum(density(changed) ** 2)
        return jnp.sum(sums**2), sums

    gradients, sums = jax.grad(total, argnums=(0, 1), has_aux=True)(
        graph.positions, graph.cell
    )
    return sums, *gradients


def test_bucket_holds_its_size_and_wastes_at_most_an_eighth():
    for size in SIZES:
        assert size <= bucket(size)
        assert bucket(size) - size <= bucket(size) / 8


def test_buckets_are_few_and_monotone_and_their_own_buckets():
    buckets = [bucket(size) for size in SIZES]
    assert buckets == sorted(buckets)
    assert all(bucket(b) == b for b in set(buckets))
    # eight to each power of two
    assert len(set(buckets)) <= 8 * int(np.ceil(np.log2(max(SIZES))))


def test_fewer_parts_make_fewer_buckets():
    for parts in (1, 2, 4):
        buckets = np.array([bucket(size, parts) for size in SIZES])
        assert (buckets >= SIZES).all()
        assert (buckets <= np.array(SIZES) * (1 + 1 / parts)).all()
        assert all(bucket(b) == b for b in set(buckets.tolist()))
    assert {bucket(size, 1) for size in range(1, 1025)} == {2**k for k in range(11)}


def test_nothing_fits_the_smallest_bucket():
    assert bucket(0) == 1


def test_graph_holds_every_edge_of_the_neighbor_list_once():
    crystal = crystals()[2]
    edges = neighbors(crystal, CUTOFF)
    graph = build_graph(crystal, CUTOFF)
    mask = np.asarray(graph.edge_mask)
    receivers = np.asarray(graph.receivers)[mask]
    found = np.column_stack([receivers, graph.senders[mask], graph.shifts[mask]])
    expected = np.column_stack([edges.receivers, edges.senders, edges.shifts])
    assert sorted(map(tuple, found)) == sorted(map(tuple, expected))


def test_batch_gives_what_its_crystals_give_alone():
    sizes = {"n_nodes": 8, "degree": 40, "n_graphs": 4}
    together = sums_and_gradients(build_graph(crystals(), CUTOFF, **sizes))
    start = 0
    for i, crystal in enumerate(crystals()):
        alone = sums_and_gradients(build_graph(crystal, CUTOFF, **sizes))
        end = start + crystal.n_atoms
        # order of summation
        assert_allclose(together[0][i], alone[0][0], rtol=1e-12)
        assert_allclose(together[1][start:end], alone[1][: end - start], rtol=1e-9)
        assert_allclose(together[2][i], alone[2][0], rtol=1e-9, atol=1e-9)
        start = end


def test_empty_slots_nodes_and_graphs_contribute_nothing():
    crystal = crystals()[1]
    tight = sums_and_gradients(build_graph(crystal, CUTOFF))
    loose = sums_and_gradients(
        build_graph(crystal, CUTOFF, n_nodes=8, degree=40, n_graphs=4)
    )
    for a, b in zip(tight, loose, strict=True):
        assert_allclose(b[: len(a)], a, rtol=1e-10, atol=1e-12)  # order of summation
        assert (b[len(a) :] == 0).all()


def test_masked_garbage_contributes_nothing():
    graph = build_graph(crystals()[0], CUTOFF, n_nodes=4, degree=40, n_graphs=2)
    garbage = graph.replace(
        positions=jnp.where(graph.node_mask[:, None], graph.positions, 77.0),
        shifts=jnp.where(graph.edge_mask[:, None], graph.shifts, 5),
        senders=jnp.where(graph.edge_mask, graph.senders, 0),
        numbers=jnp.where(graph.node_mask, graph.numbers, 92),
        cell=jnp.where(graph.graph_mask[:, None, None], graph.cell, 3.0),
    )
    results = zip(sums_and_gradients(graph), sums_and_gradients(garbage), strict=True)
    for expected, found in results:
        assert_allclose(found, expected, rtol=1e-12)


def test_atoms_without_neighbors_make_a_graph_of_empty_slots():
    lonely = Crystal.create([18], 20 * np.eye(3), fractional=[[0, 0, 0]])
    graph = build_graph(lonely, CUTOFF)
    assert graph.degree == 1
    assert not graph.edge_mask.any()
    assert all((np.asarray(x) == 0).all() for x in sums_and_gradients(graph))


def test_padding_belongs_to_the_last_graph_and_order_is_ascending():
    graph = build_graph(crystals(), CUTOFF, n_nodes=9, n_graphs=5)
    assert graph.node_graph.tolist() == [0, 1, 1, 2, 2, 2, 4, 4, 4]
    assert graph.node_mask.tolist() == [True] * 6 + [False] * 3
    assert graph.graph_mask.tolist() == [True] * 3 + [False] * 2


def test_precision_is_that_asked_for():
    graph = build_graph(crystals()[0], CUTOFF, dtype=jnp.float32)
    assert graph.positions.dtype == graph.cell.dtype == jnp.float32
    assert build_graph(crystals()[0], CUTOFF).positions.dtype == jnp.float64
    assert graph.astype(jnp.float64).cell.dtype == jnp.float64


def test_volume_of_padding_is_one():
    graph = build_graph(crystals(), CUTOFF, n_graphs=4)
    expected = [c.volume for c in crystals()] + [1.0]
    assert_allclose(graph.volume, expected, rtol=1e-12)  # round-off


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_nodes": 5}, "n_nodes must be at least 6"),
        ({"degree": 3}, "degree must be at least"),
        ({"n_graphs": 2}, "3 crystals do not fit n_graphs=2"),
    ],
)
def test_sizes_that_are_too_small_raise(sizes, message):
    with pytest.raises(ValueError, match=message):
        build_graph(crystals(), CUTOFF, **sizes)
