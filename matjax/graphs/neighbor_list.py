"""Periodic neighbor lists under ``jax.jit``: allocated on the host, updated anywhere.

One algorithm serves every cell. Each axis is cut into bins, and an atom looks into all
bins up to ``reach`` away, those of neighboring cells included: a primitive cell is one
bin seen many times, a large cell has many bins each seen once. For each atom the pairs
within the cutoff become a string of bits, whose set ones are then read off in order:
no sort and no scatter over candidates, which no backend does well.

:mod:`matjax.crystals.neighbor_search` is the host's counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import ceil, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import lax

from matjax.arrays import Array, Bool, Float, Leaf
from matjax.crystals import Crystal, heights, inverse, neighbors
from matjax.crystals.lattice import transform
from matjax.graphs.bins import sized_bins
from matjax.graphs.padding import bucket

WORD = 32
"""Bits in a word of the candidates' mask."""


class NeighborList(struct.PyTreeNode):
    """The edges of a graph, with the buffer sizes that their update needs.

    Edges lie in the dense slots of :class:`~matjax.graphs.Graph`. When ``overflow``
    is set, edges may be missing: go back to the last crystal whose list was complete
    and allocate a new list for it.
    """

    senders: Leaf
    """Sending node of each slot, (edges,) with edges = nodes · degree."""
    shifts: Leaf
    """Cell of the sender relative to the receiver, (edges, 3), integers."""
    mask: Leaf
    """Which slots hold an edge, (edges,)."""
    overflow: Leaf
    """Whether at any update a buffer was too small or a number was not finite, ()."""
    pbc: Leaf
    """Which cell vectors are translations of the crystal, (3,)."""
    cutoff: float = struct.field(pytree_node=False)
    """Å."""
    degree: int = struct.field(pytree_node=False)
    """Edge slots of each node."""
    bins: tuple[int, int, int] = struct.field(pytree_node=False)
    """Bins along each cell vector."""
    reach: tuple[int, int, int] = struct.field(pytree_node=False)
    """Bins searched on either side along each cell vector."""
    capacity: int = struct.field(pytree_node=False)
    """Atoms that a bin holds."""


def allocate_neighbor_list(
    crystal: Crystal,
    cutoff: float,
    *,
    slack: float = 1.25,
    n_nodes: int | None = None,
) -> NeighborList:
    """Neighbor list of a crystal with room for later positions and cells.

    Args:
        crystal: with concrete arrays.
        cutoff: Å, positive.
        slack: factor by which the density may grow before a buffer overflows, at
            least 1.
        n_nodes: number of nodes with padding; by default the bucket of the atoms.

    Raises:
        ValueError: if the cutoff is not positive, two atoms lie on one place, the
            slack is below 1, or ``n_nodes`` below the number of atoms.
    """
    batch = allocate_neighbor_lists([crystal], cutoff, slack=slack, n_nodes=n_nodes)
    return jax.tree.map(lambda leaf: leaf[0], batch)


def allocate_neighbor_lists(
    crystals: Sequence[Crystal],
    cutoff: float,
    *,
    slack: float = 1.25,
    n_nodes: int | None = None,
) -> NeighborList:
    """Neighbor lists of several crystals with common sizes, for ``jax.vmap``.

    ``jax.vmap(update_neighbor_list)`` updates them from padded positions (crystals,
    nodes, 3), cells (crystals, 3, 3) and masks (crystals, nodes). Arguments and errors
    are those of :func:`allocate_neighbor_list`; every leaf has a leading axis.
    """
    if not crystals:
        raise ValueError("neighbor lists need at least one crystal; received none")
    largest = max(crystal.n_atoms for crystal in crystals)
    n_nodes = bucket(largest) if n_nodes is None else n_nodes
    if n_nodes < largest:
        raise ValueError(f"n_nodes must be at least {largest}; received {n_nodes}")
    if not slack >= 1:
        raise ValueError(f"the slack must be at least 1; received {slack}")

    edges = [neighbors(crystal, cutoff) for crystal in crystals]
    most = max(e.degree for e in edges)
    bins, reach, capacity = sized_bins(crystals, cutoff, slack, n_nodes)
    degree = bucket(ceil(slack * most))
    empty = empty_neighbor_list(n_nodes, cutoff, degree=degree, reach=reach)
    empty = empty.replace(bins=bins, capacity=capacity)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(crystals)), empty)
    batch = batch.replace(pbc=jnp.asarray([crystal.pbc for crystal in crystals]))
    positions = np.zeros((len(crystals), n_nodes, 3))
    for row, crystal in zip(positions, crystals, strict=True):
        row[: crystal.n_atoms] = crystal.positions
    sizes = np.array([crystal.n_atoms for crystal in crystals])
    return jax.vmap(update_neighbor_list)(
        batch,
        jnp.asarray(positions),
        jnp.asarray(np.stack([np.asarray(crystal.cell) for crystal in crystals])),
        jnp.arange(n_nodes) < sizes[:, None],
    )


def empty_neighbor_list(
    n_nodes: int,
    cutoff: float,
    *,
    degree: int,
    reach: tuple[int, int, int] = (2, 2, 2),
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> NeighborList:
    """Neighbor list without edges, for crystals that are not known beforehand.

    :func:`update_neighbor_list` fills it; where the sizes do not suffice it says so.

    Args:
        n_nodes: number of nodes with padding.
        cutoff: Å, positive.
        degree: edge slots of each node.
        reach: cells searched on either side along each cell vector. Heights of the cell
            times these must be no less than the cutoff.
        pbc: which cell vectors are translations of the crystal.

    Raises:
        ValueError: if the cutoff or a size is not positive.
    """
    if not (cutoff > 0 and n_nodes > 0 and degree > 0 and min(reach) >= 0):
        raise ValueError(
            "cutoff, n_nodes and degree must be positive and no reach negative; "
            f"received {cutoff} Å, {n_nodes}, {degree}, {reach}"
        )
    n_edges = n_nodes * degree
    return NeighborList(  # of the host, so that nothing is compiled for it
        senders=np.repeat(np.arange(n_nodes, dtype=np.int32), degree),
        shifts=np.zeros((n_edges, 3), np.int32),
        mask=np.zeros(n_edges, bool),
        overflow=np.zeros((), bool),
        pbc=np.asarray(pbc),
        cutoff=float(cutoff),
        degree=degree,
        bins=(1, 1, 1),
        reach=reach,
        capacity=n_nodes,
    )


@jax.jit
def update_neighbor_list(
    neighbor_list: NeighborList,
    positions: Float[Array, "nodes 3"],
    cell: Float[Array, "3 3"],
    node_mask: Bool[Array, "nodes"],
) -> NeighborList:
    """The edges at other positions and another cell, in the same buffers.

    Pure; may be compiled, mapped over a batch and put into loops. ``overflow`` is
    raised, and stays raised, when an atom has more neighbors than slots, a bin more
    atoms than its capacity, the cell has become so thin that more bins or images are
    in range than are searched, or a coordinate is not finite.

    Args:
        neighbor_list: allocated for as many nodes.
        positions: Cartesian coordinates, Å; atoms may lie outside the cell.
        cell: cell vectors as rows, Å.
        node_mask: which nodes are atoms.
    """
    old = neighbor_list
    n_nodes = positions.shape[0]
    if old.senders.shape[0] != n_nodes * old.degree:
        raise ValueError(
            f"positions must have {old.senders.shape[0] // old.degree} nodes, as the "
            f"neighbor list; received {n_nodes}: allocate another list"
        )
    place = _locate(old, positions, cell, node_mask)
    ids, crowded = _fill_bins(old, place.bin, place.valid)
    lookup, images = _searched_bins(old)
    words = _close_pairs(old, place, ids, (lookup, images))

    # Rows of bins become rows of nodes; a node in no bin reads some other row.
    rows = jnp.arange(ids.size, dtype=jnp.int32)
    row = jnp.zeros(n_nodes, jnp.int32).at[ids.reshape(-1)].set(rows, mode="drop")
    candidate, count = _set_bits(words[row], old.degree)
    offset, slot = candidate // old.capacity, candidate % old.capacity
    home_bin = (row // old.capacity)[:, None]
    senders = ids[lookup[home_bin, offset], slot]
    shifts = images[home_bin, offset] + place.home[:, None] - place.home[senders]

    count = jnp.where(place.valid, count, 0)
    mask = jnp.arange(old.degree) < count[:, None]
    nodes = jnp.arange(n_nodes, dtype=jnp.int32)[:, None]
    overflow = place.invalid | crowded | jnp.any(count > old.degree)
    return old.replace(
        senders=jnp.where(mask, senders, nodes).reshape(-1),
        shifts=jnp.where(mask[..., None], shifts, 0).reshape(-1, 3),
        mask=mask.reshape(-1),
        overflow=old.overflow | overflow,
    )


class _Place(struct.PyTreeNode):
    """Where the atoms are: (nodes, ...) each."""

    home: Leaf
    """Cell of the atom, integers."""
    bin: Leaf
    """Bin of the atom along each cell vector."""
    wrapped: Leaf
    """Cartesian coordinates after translation into the home cell, Å."""
    valid: Leaf
    """Atoms with finite coordinates."""
    invalid: Leaf
    """(), whether an atom's coordinates are not finite or the reach is too short."""
    cell: Leaf


def _locate(
    old: NeighborList, positions: Array, cell: Array, node_mask: Array
) -> _Place:
    """Wraps the atoms into the home cell and finds their bins."""
    bins, reach = jnp.asarray(old.bins), jnp.asarray(old.reach)
    fractional = transform(positions, inverse(cell))
    # NaN fails this comparison too; larger numbers of cells would not fit int32.
    finite = jnp.all(jnp.abs(fractional) < 2**30, axis=1)
    valid = node_mask & finite
    fractional = jnp.where(valid[:, None], fractional, 0)
    home = jnp.where(old.pbc, jnp.floor(fractional), 0)
    fractional = fractional - home

    # Along a direction without periodicity the bins span the atoms, not the cell.
    low = jnp.min(fractional, axis=0, where=valid[:, None], initial=jnp.inf)
    high = jnp.max(fractional, axis=0, where=valid[:, None], initial=-jnp.inf)
    low = jnp.where(old.pbc, 0, low)
    span = jnp.where(old.pbc, 1, high - low)
    bin_index = jnp.floor((fractional - low) / jnp.where(span > 0, span, 1) * bins)
    width = heights(cell) * span / bins
    enough = (reach * width >= old.cutoff) | (~old.pbc & (reach >= bins - 1))
    return _Place(
        home=home.astype(jnp.int32),
        bin=jnp.clip(bin_index, 0, bins - 1).astype(jnp.int32),
        wrapped=transform(fractional, cell),
        valid=valid,
        invalid=jnp.any(node_mask & ~finite) | (jnp.any(node_mask) & ~jnp.all(enough)),
        cell=cell,
    )


def _fill_bins(old: NeighborList, bin_index: Array, valid: Array) -> tuple:
    """Nodes of each bin, (bins, capacity), ``n_nodes`` in empty slots; overflow."""
    n_nodes = len(valid)
    if prod(old.bins) == 1:
        ids = jnp.where(valid, jnp.arange(n_nodes, dtype=jnp.int32), n_nodes)
        return ids[None], jnp.zeros((), bool)
    from jax_md import partition  # takes ten seconds

    # At least three bins an axis, as jax-md wants; padding goes into a spare layer,
    # where it may overflow.
    size = [max(3, b) for b in old.bins]
    size[0] = max(3, old.bins[0] + 1)
    centers = jnp.where(valid[:, None], bin_index, jnp.array([old.bins[0], 0, 0])) + 0.5
    box: Any = np.asarray(size, dtype=np.float64)
    cells = partition.cell_list(box, 1.0)
    ids = cells.update(centers, old.capacity).id_buffer
    b0, b1, b2 = old.bins
    ids = ids.reshape(*size[::-1], old.capacity)[:b2, :b1, :b0]
    ids = ids.transpose(2, 1, 0, 3).reshape(-1, old.capacity).astype(jnp.int32)
    return ids, jnp.sum(ids < n_nodes) < jnp.sum(valid)


def _searched_bins(old: NeighborList) -> tuple[Array, Array]:
    """Bins searched from each bin, (bins, offsets), and the cells they lie in."""
    size = jnp.asarray(old.bins)
    index = jnp.stack(jnp.unravel_index(jnp.arange(prod(old.bins)), old.bins), axis=-1)
    offsets = np.array(list(product(*(range(-m, m + 1) for m in old.reach))))
    target = index[:, None] + offsets
    images = target // size
    target = target - images * size
    flat = (target[..., 0] * size[1] + target[..., 1]) * size[2] + target[..., 2]
    return flat.astype(jnp.int32), images.astype(jnp.int32)


def _close_pairs(
    old: NeighborList, place: _Place, ids: Array, searched: tuple[Array, Array]
) -> Array:
    """Bits of the candidates within the cutoff, (bins · capacity, words).

    The candidates of an atom are the slots of all bins searched from its own.
    """
    lookup, images = searched
    centers = jnp.take(place.wrapped, ids, axis=0, mode="fill", fill_value=0)
    filled = ids < len(place.wrapped)
    allowed = jnp.all(old.pbc | (images == 0), axis=-1)[..., None] & filled[lookup]
    vectors = jnp.einsum(
        "boi,ij->boj",
        images.astype(place.cell.dtype),
        place.cell,
        precision="highest",
    )
    # No distance to infinity is below the cutoff.
    there = centers[lookup] + vectors[:, :, None]
    there = jnp.where(allowed[..., None], there, jnp.inf).reshape(len(ids), -1, 3)
    filler = [(0, 0), (0, -there.shape[1] % WORD), (0, 0)]
    there = jnp.pad(there, filler, constant_values=jnp.inf)
    squared = sum(
        (there[:, None, :, k] - centers[:, :, None, k]) ** 2 for k in range(3)
    )
    home = lookup.shape[1] // 2  # the offsets are symmetric about zero
    itself = home * old.capacity + jnp.arange(old.capacity)
    itself = jnp.arange(there.shape[1]) == itself[:, None]
    close = (squared < old.cutoff**2) & ~itself
    bits = close.reshape(ids.size, -1, WORD).astype(jnp.uint32)
    bits = bits << jnp.arange(WORD, dtype=jnp.uint32)
    return jnp.sum(bits, axis=-1, dtype=jnp.uint32)


def _set_bits(words: Array, n_first: int) -> tuple[Array, Array]:
    """Places of the first set bits of each row, and how many are set.

    Places beyond the number of set bits are meaningless.
    """
    counts = lax.population_count(words).astype(jnp.int32)
    total = jnp.cumsum(counts, axis=1)
    rank = jnp.arange(n_first, dtype=jnp.int32)
    word = jax.vmap(
        lambda row: jnp.searchsorted(row, rank, side="right", method="scan_unrolled")
    )(total)
    word = jnp.minimum(word, words.shape[1] - 1).astype(jnp.int32)
    rank = rank - jnp.take_along_axis(total - counts, word, axis=1)
    bits = jnp.take_along_axis(words, word, axis=1)
    place = word * WORD
    for half in (16, 8, 4, 2, 1):
        low = lax.population_count(bits & jnp.uint32(2**half - 1)).astype(jnp.int32)
        above = rank >= low
        rank = jnp.where(above, rank - low, rank)
        bits = jnp.where(above, bits >> half, bits)
        place = place + jnp.where(above, half, 0)
    return place, total[:, -1]
