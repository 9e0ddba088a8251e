"""Neighbor lists under jit: another code's edges, overflow, batches, loops, export."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.build import bulk

from matjax.crystals import Crystal
from matjax.graphs import (
    allocate_neighbor_list,
    allocate_neighbor_lists,
    build_graph,
    empty_neighbor_list,
    update_neighbor_list,
)
from tests.crystals.random_crystals import (
    SYSTEMS,
    assert_same_edges,
    crystals_of,
    listed_edges,
    matscipy_edges,
)

CUTOFF = 4.0


def padded(crystal, n_nodes, dtype=jnp.float64):
    """Arguments of an update: positions, cell, mask."""
    positions = np.zeros((n_nodes, 3))
    positions[: crystal.n_atoms] = crystal.positions
    mask = np.arange(n_nodes) < crystal.n_atoms
    return jnp.asarray(positions, dtype), jnp.asarray(crystal.cell, dtype), mask


def update(neighbor_list, crystal):
    n_nodes = len(neighbor_list.mask) // neighbor_list.degree
    return update_neighbor_list(neighbor_list, *padded(crystal, n_nodes))


def assert_right(neighbor_list, crystal, cutoff=CUTOFF):
    assert not neighbor_list.overflow
    expected = matscipy_edges(crystal, cutoff)
    assert_same_edges(listed_edges(neighbor_list), expected, crystal, cutoff)


def silicon(repeats, *, seed=0, rattle=0.1):
    atoms = bulk("Si", a=5.431, cubic=True).repeat(repeats)
    atoms.rattle(rattle, seed=seed)
    return Crystal.from_ase(atoms)


def gas(pbc):
    """1500 atoms in a skewed, left-handed cell of several bins along each axis."""
    rng = np.random.default_rng(1)
    cell = np.array([[0, 15, 2], [22, 3, 1], [9, -6, 18.0]])
    fractional = rng.random((1500, 3)) + rng.integers(-2, 3, (1500, 3))
    if not pbc[2]:
        fractional[:, 2] *= 0.2
    return Crystal.create([18] * 1500, cell, fractional=fractional, pbc=pbc)


@pytest.mark.parametrize("system", SYSTEMS)
def test_edges_of_a_batch_are_those_of_matscipy(system):
    crystals = crystals_of(system, cutoff=CUTOFF)
    batch = allocate_neighbor_lists(crystals, CUTOFF)
    for k, crystal in enumerate(crystals):
        assert_right(jax.tree.map(lambda leaf, k=k: leaf[k], batch), crystal)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, False)])
def test_edges_of_many_bins_are_those_of_matscipy(pbc):
    crystal = gas(pbc)
    neighbor_list = allocate_neighbor_list(crystal, 2.5)
    assert min(neighbor_list.bins) > 1
    assert_right(neighbor_list, crystal, 2.5)


def test_bins_and_images_give_the_same_edges():
    crystal = silicon(4)
    binned = allocate_neighbor_list(crystal, CUTOFF, n_nodes=600)
    assert binned.bins == (5, 5, 5)
    imaged = update(binned.replace(bins=(1, 1, 1), capacity=600), crystal)
    assert_same_edges(listed_edges(binned), listed_edges(imaged), crystal, CUTOFF)


def test_empty_slots_are_edges_of_a_node_with_itself():
    crystal = silicon(1)
    neighbor_list = allocate_neighbor_list(crystal, CUTOFF, n_nodes=11)
    empty = ~np.asarray(neighbor_list.mask)
    receivers = np.arange(len(empty)) // neighbor_list.degree
    np.testing.assert_array_equal(
        np.asarray(neighbor_list.senders)[empty], receivers[empty]
    )
    assert not np.asarray(neighbor_list.shifts)[empty].any()
    assert empty[receivers >= 8].all()


def test_update_follows_atoms_and_cell_inside_a_compiled_loop():
    crystal = silicon(1)
    start = allocate_neighbor_list(crystal, CUTOFF)
    graph = build_graph(crystal, CUTOFF).with_neighbors(start)
    deformation = jnp.eye(3) + 0.02 * jnp.array([[-1, 1, 0], [0, -1, 2], [1, 0, -1]])
    drift = jnp.array([3.0, 0.1, -2.0])

    @jax.jit
    def deformed(graph, neighbor_list):
        def step(carry, _):
            graph, neighbor_list = carry
            positions = (graph.positions + drift) @ deformation
            cell = graph.cell @ deformation
            neighbor_list = update_neighbor_list(
                neighbor_list, positions, cell[0], graph.node_mask
            )
            graph = graph.with_neighbors(neighbor_list)
            return (graph.replace(positions=positions, cell=cell), neighbor_list), None

        return jax.lax.scan(step, (graph, neighbor_list), length=4)[0]

    graph, neighbor_list = deformed(graph, start)
    final = crystal.replace(cell=np.asarray(graph.cell[0]))
    final = final.with_positions(graph.positions[: crystal.n_atoms])
    assert_right(neighbor_list, final)
    lengths = jnp.linalg.norm(graph.edge_vectors(), axis=1)
    assert (lengths[graph.edge_mask] < CUTOFF).all()


def test_graph_with_a_neighbor_list_has_the_edges_of_the_host():
    crystal = crystals_of("triclinic")[3]
    graph = build_graph(crystal, CUTOFF)
    neighbor_list = allocate_neighbor_list(crystal, CUTOFF)
    replaced = graph.with_neighbors(neighbor_list)

    @jax.jit
    def edge_lengths(graph):
        return jnp.linalg.norm(graph.edge_vectors(), axis=1)

    def lengths(graph):
        return np.sort(np.asarray(edge_lengths(graph))[graph.edge_mask])

    # Float64 round-off of coordinates of a few Å.
    np.testing.assert_allclose(lengths(replaced), lengths(graph), atol=1e-12)
    with pytest.raises(ValueError, match="allocate it with n_nodes"):
        graph.with_neighbors(allocate_neighbor_list(crystal, CUTOFF, n_nodes=40))


def test_single_precision_finds_the_same_edges():
    crystals = crystals_of("skewed", cutoff=CUTOFF)
    batch = allocate_neighbor_lists(crystals, CUTOFF)
    n_nodes = batch.mask.shape[1] // batch.degree
    arguments = [padded(crystal, n_nodes, jnp.float32) for crystal in crystals]
    stacked = [jnp.stack(leaves) for leaves in zip(*arguments, strict=True)]
    batch = jax.vmap(update_neighbor_list)(batch, *stacked)
    for k, crystal in enumerate(crystals):
        assert_right(jax.tree.map(lambda leaf, k=k: leaf[k], batch), crystal)


def test_cell_as_high_as_the_cutoff_does_not_overflow_without_slack():
    crystal = Crystal.create(["Po"], CUTOFF * np.eye(3), fractional=[[0, 0, 0]])
    assert not allocate_neighbor_list(crystal, CUTOFF, slack=1.0).overflow


def compressed(crystal):
    return crystal.replace(cell=0.8 * crystal.cell)


def thinned(crystal):
    """Sheared at constant volume until opposite faces of the cell come close."""
    shear = np.array([[1, 0, 0], [1, 1, 0], [2, 3, 1]])
    return crystal.replace(cell=shear @ crystal.cell)


def crowded(crystal):
    return crystal.replace(fractional=crystal.fractional**3)


def broken(crystal):
    fractional = np.array(crystal.fractional)
    fractional[3, 1] = np.nan
    return crystal.replace(fractional=fractional)


def exploded(crystal):
    return crystal.replace(fractional=crystal.fractional * np.inf)


@pytest.mark.parametrize("change", [compressed, thinned, crowded, broken, exploded])
@pytest.mark.parametrize("repeats", [1, 4])
def test_buffer_that_is_too_small_is_reported_for_good(change, repeats):
    crystal = silicon(repeats)
    n_nodes = 8 if repeats == 1 else 600
    neighbor_list = allocate_neighbor_list(crystal, CUTOFF, n_nodes=n_nodes)
    if change is crowded:  # so that the bins overflow, not the slots
        neighbor_list = allocate_neighbor_list(
            crystal, CUTOFF, n_nodes=n_nodes, slack=1.0
        )
    with np.errstate(invalid="ignore"):
        changed = update(neighbor_list, change(crystal))
    assert changed.overflow
    assert update(changed, crystal).overflow
    assert not update(neighbor_list, crystal).overflow


def test_sheared_cell_gets_right_edges_once_reallocated():
    crystal = thinned(silicon(1))
    assert_right(allocate_neighbor_list(crystal, CUTOFF), crystal)


def test_padding_in_a_batch_has_no_edges_and_no_overflow():
    crystals = [silicon(1), silicon(1, seed=1)]
    batch = allocate_neighbor_lists(crystals, CUTOFF)
    arguments = [padded(crystal, 8) for crystal in crystals]
    positions, cell, mask = (np.array(leaf) for leaf in zip(*arguments, strict=True))
    cell[1], positions[1], mask[1] = 0, 0, False
    batch = jax.vmap(update_neighbor_list)(batch, positions, cell, mask)
    assert not batch.overflow.any()
    assert batch.mask[0].any()
    assert not batch.mask[1].any()


def test_an_empty_list_is_filled_by_crystals_that_come_later():
    crystals = crystals_of(SYSTEMS[0])[:3]
    for crystal in crystals:
        empty = empty_neighbor_list(
            crystal.n_atoms, CUTOFF, degree=200, reach=(4, 4, 4), pbc=crystal.pbc
        )
        assert not np.asarray(empty.mask).any()
        assert_right(update(empty, crystal), crystal)
    assert update(empty.replace(reach=(0, 0, 0)), crystals[-1]).overflow
    with pytest.raises(ValueError, match="must be positive"):
        empty_neighbor_list(4, 0.0, degree=8)


def test_wrong_sizes_are_refused():
    crystal = silicon(1)
    with pytest.raises(ValueError, match="n_nodes must be at least 8; received 7"):
        allocate_neighbor_list(crystal, CUTOFF, n_nodes=7)
    with pytest.raises(ValueError, match="slack must be at least 1; received"):
        allocate_neighbor_list(crystal, CUTOFF, slack=0.9)
    with pytest.raises(ValueError, match="at least one crystal"):
        allocate_neighbor_lists([], CUTOFF)
    neighbor_list = allocate_neighbor_list(crystal, CUTOFF)
    with pytest.raises(ValueError, match="positions must have 8 nodes"):
        update_neighbor_list(neighbor_list, *padded(crystal, 9))


@pytest.mark.parametrize("repeats", [1, 4])
def test_update_lowers_for_accelerators(repeats):
    crystal = silicon(repeats)
    n_nodes = 8 if repeats == 1 else 600
    neighbor_list = allocate_neighbor_list(crystal, CUTOFF, n_nodes=n_nodes)
    exported = jax.export.export(
        jax.jit(partial(update_neighbor_list, neighbor_list)),
        platforms=["tpu", "cuda", "cpu"],
    )(*padded(crystal, n_nodes))
    assert set(exported.platforms) == {"tpu", "cuda", "cpu"}
