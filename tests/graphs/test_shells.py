"""The n nearest neighbors: whole shells, whose members share what places are left."""

from functools import partial

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.crystals import Crystal, make_supercell, niggli_reduce
from matjax.graphs import build_graph, shell_weights
from matjax.graphs.shells import SHELL_TOLERANCE, is_nearest
from matjax.numerics import safe_norm

N_NEAREST = 12
CUTOFF = 5.0
SIMPLE, CENTERED, FACES = (
    np.eye(3),
    np.ones((3, 3)) / 2 - np.eye(3),
    0.5 - np.eye(3) / 2,
)


def lattice(cell, a=3.0) -> Crystal:
    return Crystal.create([29], a * cell, fractional=[[0, 0, 0]])


def perovskite() -> Crystal:
    """Cubic: the twelfth place of each oxygen falls between four A and eight O."""
    sites = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Crystal.create(
        ["Sr", "Ti", "O", "O", "O"], 3.9 * np.eye(3), fractional=sites
    )


def general() -> Crystal:
    cell = [[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]]
    sites = np.random.default_rng(3).random((3, 3))
    return Crystal.create([14, 8, 11], cell, fractional=sites)


@partial(jax.jit, static_argnums=1)
def distances_and_weights(graph, n_nearest):
    """Of each slot of each node, (nodes, degree)."""
    slots = (graph.n_nodes, graph.degree)
    r = safe_norm(graph.edge_vectors()).reshape(slots)
    return r, shell_weights(r, graph.edge_mask.reshape(slots), n_nearest)


def slots_of(crystal, n_nearest=N_NEAREST, cutoff=CUTOFF, *, all_edges=False):
    """Sender's element, distance, weight and mask of each slot; one shape for all."""
    kept = None if all_edges else n_nearest
    graph = build_graph(crystal, cutoff, n_nearest=kept, n_nodes=10, degree=64)
    r, weights = map(np.asarray, distances_and_weights(graph, n_nearest))
    mask = np.asarray(graph.edge_mask).reshape(r.shape)
    sent = np.asarray(graph.numbers)[np.asarray(graph.senders)].reshape(r.shape)
    return tuple(values[: crystal.n_atoms] for values in (sent, r, weights, mask))


def neighborhoods(crystal):
    """What lies about each atom with which weight, whatever its number and cell."""
    sent, r, weights, mask = slots_of(crystal)
    about = np.stack([sent, r.round(9), weights], axis=-1) * mask[..., None]
    rows = [
        (number, *around[np.lexsort(around.T)].ravel())
        for number, around in zip(crystal.numbers, about, strict=True)
    ]
    return np.array(sorted(rows))


def about_the_only_atom(crystal, n_nearest=N_NEAREST, cutoff=CUTOFF):
    """Distances and weights, in order of distance."""
    _, r, weights, mask = slots_of(crystal, n_nearest, cutoff)
    order = np.argsort(r[mask], kind="stable")
    return r[mask][order], weights[mask][order]


def test_members_of_the_straddling_shell_share_its_places():
    # bcc: 8 at √3/2 a, then 6 at a for the 4 places that are left.
    distances, weights = about_the_only_atom(lattice(CENTERED))
    assert_allclose(
        distances, [3 * 3**0.5 / 2] * 8 + [3.0] * 6, rtol=1e-12
    )  # round-off
    assert_allclose(weights, [1] * 8 + [4 / 6] * 6, rtol=1e-12)


def test_shell_that_ends_at_the_last_place_counts_whole():
    assert_allclose(about_the_only_atom(lattice(FACES))[1], np.ones(12), rtol=1e-12)


def test_atom_with_fewer_neighbors_keeps_what_it_has():
    assert_array_equal(about_the_only_atom(lattice(SIMPLE), cutoff=3.5)[1], np.ones(6))
    lonely = lattice(4 * SIMPLE)
    graph = build_graph(lonely, CUTOFF, n_nearest=N_NEAREST)
    assert not graph.edge_mask.any()


@pytest.mark.parametrize("n_nearest", [1, 12, 14])
def test_weights_add_up_to_the_places(n_nearest):
    for crystal in (perovskite(), general(), lattice(CENTERED)):
        weights = slots_of(crystal, n_nearest)[2]
        assert_allclose(weights.sum(axis=1), n_nearest, rtol=1e-12)  # round-off


def test_weights_need_only_the_kept_edges():
    n_kept = slots_of(perovskite())[3].sum(axis=1)
    assert n_kept.tolist() == [12, 14, 14, 14, 14]  # Sr: 12 O; Ti: 6 O, 8 Sr
    weights = slots_of(perovskite(), all_edges=True)[2]
    assert_array_equal((weights > 0).sum(axis=1), n_kept)


@pytest.mark.parametrize("make", [perovskite, general])
def test_neighborhoods_do_not_depend_on_how_a_crystal_is_described(make):
    crystal = make()
    expected = neighborhoods(crystal)

    order = np.arange(crystal.n_atoms)[::-1]
    permuted = crystal.replace(
        numbers=crystal.numbers[order], fractional=crystal.fractional[order] + 1.3
    )
    assert_allclose(neighborhoods(permuted), expected, atol=1e-8)  # rounded distances

    skew = np.array([[1, 2, 0], [0, 1, -3], [0, 0, -1]])
    reduction = niggli_reduce(skew @ crystal.cell)[1] @ skew
    for matrix in (skew, reduction):
        other = crystal.replace(
            cell=matrix @ crystal.cell,
            fractional=crystal.fractional @ np.linalg.inv(matrix),
        )
        assert_allclose(neighborhoods(other), expected, atol=1e-8)

    doubled = make_supercell(crystal, (2, 1, 1)).crystal
    assert_allclose(neighborhoods(doubled), np.repeat(expected, 2, axis=0), atol=1e-8)


def test_shells_are_told_apart_by_the_tolerance():
    steps = SHELL_TOLERANCE * np.array([0, 0.9, 1.8, 3.0])  # each from the one before
    distances = 2.5 * (1 + steps)
    receivers = np.zeros(4, dtype=int)
    assert is_nearest(receivers, distances, 1).tolist() == [True] * 3 + [False]
    in_a_row = jax.jit(shell_weights, static_argnums=2)
    weights = in_a_row(distances[None], np.ones((1, 4), dtype=bool), 2)
    assert_allclose(weights[0], [2 / 3] * 3 + [0], rtol=1e-12)  # round-off


def test_edges_may_come_in_any_order():
    rng = np.random.default_rng(0)
    receivers, distances = rng.integers(0, 4, 40), rng.random(40) + 1
    keep = is_nearest(receivers, distances, 3)
    for atom in range(4):
        mine = receivers == atom
        assert sorted(distances[mine & keep]) == sorted(distances[mine])[:3]


def test_number_of_places_must_be_positive():
    with pytest.raises(ValueError, match="n_nearest must be at least 1; received 0"):
        build_graph(general(), CUTOFF, n_nearest=0)
