"""From crystals to padded graphs whose sizes come from a few buckets.

The edges of a crystal are found once (:func:`find_edges`) and laid into graphs of any
size as often as is wanted (:func:`pad_crystals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import DTypeLike

from matjax.crystals import Crystal
from matjax.graphs.graph import Graph
from matjax.graphs.shells import nearest_neighbors


class Shape(NamedTuple):
    """Size of a padded graph."""

    n_nodes: int
    degree: int
    n_graphs: int

    @property
    def n_slots(self) -> int:
        """Number of edge slots, to which the cost of a step is about proportional."""
        return self.n_nodes * self.degree


class Edges(NamedTuple):
    """Neighbors of each atom of a crystal, in its first slots; host arrays."""

    senders: np.ndarray
    """(atoms, degree); an empty slot is an edge of an atom with itself."""
    shifts: np.ndarray
    """(atoms, degree, 3)."""
    mask: np.ndarray
    """(atoms, degree)."""

    @property
    def degree(self) -> int:
        """Number of neighbors of the atom that has most."""
        return self.mask.shape[1]

    @property
    def n_edges(self) -> int:
        """Number of edges of the crystal."""
        return int(self.mask.sum())

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        return sum(array.nbytes for array in self)


def find_edges(crystal: Crystal, cutoff: float, n_nearest: int | None = None) -> Edges:
    """Edges of a crystal in the dense layout of a graph.

    Args:
        crystal: with concrete arrays.
        cutoff: Å; 0 for a graph without edges, where nothing is searched.
        n_nearest: edges kept of each atom, as :func:`build_graph` has it.

    Raises:
        ValueError: if ``n_nearest`` is not positive, or two atoms lie on one place.
    """
    n = crystal.n_atoms
    if cutoff == 0:
        return no_edges(n)
    pairs = nearest_neighbors(crystal, cutoff, n_nearest)  # sorted by receiver
    counts = np.bincount(pairs.receivers, minlength=n)
    slots = np.arange(counts.max(initial=0))
    mask = slots < counts[:, None]
    senders = np.repeat(np.arange(n, dtype=np.int32)[:, None], len(slots), axis=1)
    senders[mask] = pairs.senders
    small = np.abs(pairs.shifts).max(initial=0) < 2**7  # a quarter of the memory
    shifts = np.zeros((*mask.shape, 3), dtype=np.int8 if small else np.int32)
    shifts[mask] = pairs.shifts
    return Edges(senders=senders, shifts=shifts, mask=mask)


def no_edges(n_atoms: int) -> Edges:
    """Edges of atoms that have none."""
    return Edges(
        senders=np.zeros((n_atoms, 0), np.int32),
        shifts=np.zeros((n_atoms, 0, 3), np.int8),
        mask=np.zeros((n_atoms, 0), bool),
    )


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
    edges = [find_edges(crystal, cutoff, n_nearest) for crystal in crystals]
    n_atoms = sum(crystal.n_atoms for crystal in crystals)
    n_graphs = len(crystals) if n_graphs is None else n_graphs
    if n_graphs < len(crystals):
        raise ValueError(f"{len(crystals)} crystals do not fit n_graphs={n_graphs}")
    shape = Shape(
        n_nodes=_size(n_nodes, n_atoms, parts, "n_nodes"),
        degree=_size(degree, max(e.degree for e in edges), parts, "degree"),
        n_graphs=n_graphs,
    )
    dtype = jax.dtypes.canonicalize_dtype(dtype or float)
    # Put, not converted: jnp.asarray compiles something for every shape.
    return jax.device_put(pad_crystals(crystals, edges, shape, dtype))


def pad_crystals(
    crystals: Sequence[Crystal],
    edges: Sequence[Edges],
    shape: Shape,
    dtype: DTypeLike,
) -> Graph:
    """Padded graph of crystals whose edges are known; NumPy arrays of the host.

    Args:
        crystals: with concrete arrays; there may be none.
        edges: of each of them.
        shape: which holds them.
        dtype: precision of the coordinates.
    """
    n_nodes, degree, n_graphs = shape
    # An empty slot is an edge of a node with itself; the mask tells it apart.
    senders = np.repeat(np.arange(n_nodes, dtype=np.int32)[:, None], degree, axis=1)
    shifts = np.zeros((n_nodes, degree, 3), dtype=np.int32)
    edge_mask = np.zeros((n_nodes, degree), dtype=bool)
    numbers = np.zeros(n_nodes, dtype=np.int32)
    positions = np.zeros((n_nodes, 3), dtype=dtype)
    cell = np.zeros((n_graphs, 3, 3), dtype=dtype)
    node_graph = np.full(n_nodes, n_graphs - 1, dtype=np.int32)
    start = 0
    for place, (crystal, neighbors) in enumerate(zip(crystals, edges, strict=True)):
        rows = slice(start, start + crystal.n_atoms)
        filled = (rows, slice(neighbors.degree))
        senders[filled] = neighbors.senders + start
        shifts[filled] = neighbors.shifts
        edge_mask[filled] = neighbors.mask
        numbers[rows] = crystal.numbers
        positions[rows] = crystal.positions
        cell[place] = crystal.cell
        node_graph[rows] = place
        start = rows.stop
    return Graph(
        numbers=numbers,
        positions=positions,
        cell=cell,
        senders=senders.reshape(-1),
        shifts=shifts.reshape(-1, 3),
        edge_mask=edge_mask.reshape(-1),
        node_mask=np.arange(n_nodes) < start,
        graph_mask=np.arange(n_graphs) < len(crystals),
        node_graph=node_graph,
    )


def _size(given: int | None, needed: int, parts: int, name: str) -> int:
    if given is None:
        return bucket(needed, parts)
    if given < needed:
        raise ValueError(f"{name} must be at least {needed}; received {given}")
    return given
