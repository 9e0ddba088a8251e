"""From crystals to padded graphs whose sizes come from a few buckets."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from matjax.crystals import Crystal, Neighbors
from matjax.graphs.graph import Graph
from matjax.graphs.shells import nearest_neighbors


def bucket(size: int, parts: int = 8) -> int:
    """Smallest bucket that holds ``size``: 1 to 8, then eighths of powers of two.

    At most 1/8 of a bucket is empty, and a compiled function serves every crystal of
    the same bucket. Powers of two divided into fewer ``parts``, a power of two too,
    are fewer buckets and more empty space.

    >>> [bucket(n) for n in (3, 9, 17, 100)]
    [3, 9, 18, 104]
    """
    power = 2 ** max((size - 1).bit_length() - 1, 0)  # the largest below the size
    step = max(1, power // parts)
    return max(1, -(-size // step) * step)


def build_graph(
    crystals: Crystal | Sequence[Crystal],
    cutoff: float,
    *,
    n_nearest: int | None = None,
    n_nodes: int | None = None,
    degree: int | None = None,
    n_graphs: int | None = None,
    parts: int = 8,
    dtype: DTypeLike | None = None,
) -> Graph:
    """Padded graph of one crystal or of a batch, with its edges found on the host.

    Args:
        crystals: with concrete arrays.
        cutoff: Å.
        n_nearest: edges kept of each atom: its nearest ones, and the whole shell that
            straddles the last place, so that nothing depends on the choice of cell; by
            default all.
        n_nodes: number of nodes with padding; by default the bucket of the atoms.
        degree: edge slots of each node; by default the bucket of the largest number
            of neighbors.
        n_graphs: number of graphs with padding; by default that of the crystals.
        parts: of a power of two, for sizes not given; see :func:`bucket`.
        dtype: precision of the coordinates; by default JAX's default float.

    Raises:
        ValueError: if a given size is too small, ``n_nearest`` is not positive, or a
            crystal has two atoms on one place.
    """
    crystals = [crystals] if isinstance(crystals, Crystal) else list(crystals)
    if not crystals:
        raise ValueError("a graph needs at least one crystal; received none")
    lists = [nearest_neighbors(crystal, cutoff, n_nearest) for crystal in crystals]
    counts = [
        _count(edges, c.n_atoms) for edges, c in zip(lists, crystals, strict=True)
    ]
    n_atoms = sum(c.n_atoms for c in crystals)
    n_nodes = _size(n_nodes, n_atoms, parts, "n_nodes")
    degree = _size(degree, max(int(count.max()) for count in counts), parts, "degree")
    n_graphs = len(crystals) if n_graphs is None else n_graphs
    if n_graphs < len(crystals):
        raise ValueError(f"{len(crystals)} crystals do not fit n_graphs={n_graphs}")

    senders, shifts, edge_mask = _slots(lists, counts, n_nodes, degree)
    padding = n_nodes - n_atoms
    sizes = [c.n_atoms for c in crystals]
    cells = np.zeros((n_graphs, 3, 3))
    cells[: len(crystals)] = [np.asarray(c.cell) for c in crystals]
    dtype = dtype or jnp.zeros(()).dtype
    return Graph(
        numbers=jnp.asarray(
            _padded([np.asarray(c.numbers, dtype=np.int32) for c in crystals], padding)
        ),
        positions=jnp.asarray(
            _padded([np.asarray(c.positions) for c in crystals], padding), dtype
        ),
        cell=jnp.asarray(cells, dtype),
        senders=jnp.asarray(senders),
        shifts=jnp.asarray(shifts),
        edge_mask=jnp.asarray(edge_mask),
        node_mask=jnp.arange(n_nodes) < n_atoms,
        graph_mask=jnp.arange(n_graphs) < len(crystals),
        node_graph=jnp.asarray(
            np.repeat(
                np.append(np.arange(len(crystals)), n_graphs - 1), [*sizes, padding]
            ).astype(np.int32)
        ),
    )


def _slots(
    lists: Sequence[Neighbors], counts: Sequence[np.ndarray], n_nodes: int, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Senders, shifts and mask of the dense layout, from edges sorted by receiver."""
    # An empty slot is an edge of a node with itself; the mask tells it apart.
    senders = np.repeat(np.arange(n_nodes, dtype=np.int32), degree)
    shifts = np.zeros((n_nodes * degree, 3), dtype=np.int32)
    mask = np.zeros(n_nodes * degree, dtype=bool)
    start = 0
    for edges, count in zip(lists, counts, strict=True):
        first = np.repeat(np.cumsum(count) - count, count)
        rank = np.arange(len(edges.receivers)) - first
        place = (edges.receivers + start) * degree + rank
        senders[place] = edges.senders + start
        shifts[place] = edges.shifts
        mask[place] = True
        start += len(count)
    return senders, shifts, mask


def _count(edges: Neighbors, n_atoms: int) -> np.ndarray:
    return np.bincount(edges.receivers, minlength=n_atoms)


def _size(given: int | None, needed: int, parts: int, name: str) -> int:
    if given is None:
        return bucket(needed, parts)
    if given < needed:
        raise ValueError(f"{name} must be at least {needed}; received {given}")
    return given


def _padded(arrays: list[np.ndarray], padding: int) -> np.ndarray:
    joined = np.concatenate(arrays)
    return np.pad(joined, [(0, padding)] + [(0, 0)] * (joined.ndim - 1))
