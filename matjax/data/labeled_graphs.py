"""Examples as graphs: neighbor lists found once, batches put together many times.

Everything is NumPy on the host; carrying batches to devices is the step's affair.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from flax import struct

from matjax.data.datasets import Dataset, Example
from matjax.graphs import Graph, nearest_neighbors

CACHE_BYTES = 4 * 2**30
"""Memory for neighbor lists, for each set of graphs: some 10⁵ crystals of 64 atoms with
26 neighbors. What finds no place is found again in every epoch."""

Part = TypeVar("Part", bound="Batch")


class Batch(struct.PyTreeNode):
    """Labeled crystals, padded."""

    graph: Graph
    labels: dict
    """By name: ``forces`` (nodes, 3), ``stress`` (graphs, 3, 3), others (graphs,);
    zeros where the masks of the graph tell padding."""


class Shape(NamedTuple):
    """Size of a padded batch."""

    n_nodes: int
    degree: int
    n_graphs: int

    @property
    def n_slots(self) -> int:
        """Number of edge slots, to which the cost of a step is about proportional."""
        return self.n_nodes * self.degree


class Sizes(NamedTuple):
    """Sizes of the graphs of a data set."""

    n_atoms: np.ndarray
    """(examples,)."""
    degrees: np.ndarray
    """Largest number of neighbors, (examples,)."""
    n_edges: np.ndarray
    """(examples,)."""


class Edges(NamedTuple):
    """Neighbors of each atom of a crystal, in its first slots."""

    senders: np.ndarray
    """(atoms, degree); an empty slot is an edge of an atom with itself."""
    shifts: np.ndarray
    """(atoms, degree, 3)."""
    mask: np.ndarray
    """(atoms, degree)."""

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        return sum(array.nbytes for array in self)


class LabeledGraphs:
    """The graphs of a data set and its labels; neighbor lists are kept as they come."""

    def __init__(
        self,
        dataset: Dataset,
        cutoff: float,
        *,
        labels: Sequence[str],
        n_nearest: int | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Graphs of all examples; no neighbor list is found yet.

        Args:
            dataset: with all these labels.
            cutoff: Å.
            labels: that batches carry.
            n_nearest: edges kept of each atom, as :func:`matjax.graphs.build_graph`
                has it.
            cache_bytes: memory for neighbor lists.

        Raises:
            ValueError: if there is no example, or one lacks a label.
        """
        if not len(dataset):
            raise ValueError(f"at least one example is needed; {dataset.name} has none")
        for example in dataset.examples:
            for label in labels:
                if label not in example.labels:
                    raise ValueError(
                        f"{example.source}: every example must have the label "
                        f"{label!r}; this one has {sorted(example.labels)}: read the "
                        "data with this label, or train without it"
                    )
        self.dataset = dataset
        self.cutoff = cutoff
        self.labels = tuple(labels)
        self.n_nearest = n_nearest
        self._cache: dict[int, Edges] = {}
        self._room = cache_bytes
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.dataset)

    def example(self, index: int) -> Example:
        """The example behind a graph."""
        return self.dataset.examples[index]

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of all graphs; finds all neighbor lists the first time."""
        sizes = np.array(
            [
                (len(edges.mask), edges.mask.shape[1], edges.mask.sum())
                for edges in map(self.edges, range(len(self)))
            ]
        )
        return Sizes(*sizes.T)

    def edges(self, index: int) -> Edges:
        """Neighbors of each atom of an example.

        Raises:
            ValueError: naming the frame, if two atoms lie on one place.
        """
        found = self._cache.get(index)
        if found is not None:
            return found
        example = self.example(index)
        try:
            edges = _find_edges(example, self.cutoff, self.n_nearest)
        except ValueError as error:
            raise ValueError(f"{example.source}: {error}") from error
        with self._lock:
            if index not in self._cache and edges.n_bytes <= self._room:
                self._room -= edges.n_bytes
                self._cache[index] = edges
        return edges


def join(
    members: Sequence[tuple[LabeledGraphs, int]],
    labels: Sequence[str],
    shape: Shape,
    dtype: np.dtype | type,
) -> Batch:
    """Padded batch of examples, each from some set of graphs.

    Args:
        members: sets with these labels, and indices in them; there may be none.
        labels: that the batch carries.
        shape: of the batch.
        dtype: of coordinates and labels.

    Raises:
        ValueError: naming the frames, if they do not fit the shape.
    """
    found = [(graphs.example(i), graphs.edges(i)) for graphs, i in members]
    _require_room(found, shape)
    n_nodes, degree, n_graphs = shape
    senders = np.repeat(np.arange(n_nodes, dtype=np.int32)[:, None], degree, axis=1)
    shifts = np.zeros((n_nodes, degree, 3), dtype=np.int32)
    edge_mask = np.zeros((n_nodes, degree), dtype=bool)
    numbers = np.zeros(n_nodes, dtype=np.int32)
    positions = np.zeros((n_nodes, 3), dtype=dtype)
    cell = np.zeros((n_graphs, 3, 3), dtype=dtype)
    node_graph = np.full(n_nodes, n_graphs - 1, dtype=np.int32)
    padded = _no_labels(labels, shape, dtype)
    start = 0
    for place, (example, edges) in enumerate(found):
        rows = slice(start, start + example.crystal.n_atoms)
        filled = (rows, slice(edges.mask.shape[1]))
        senders[filled] = edges.senders + start
        shifts[filled] = edges.shifts
        edge_mask[filled] = edges.mask
        numbers[rows] = example.crystal.numbers
        positions[rows] = example.crystal.positions
        cell[place] = example.crystal.cell
        node_graph[rows] = place
        for name, values in padded.items():
            values[rows if name == "forces" else place] = example.labels[name]
        start = rows.stop
    graph = Graph(
        numbers=numbers,
        positions=positions,
        cell=cell,
        senders=senders.reshape(-1),
        shifts=shifts.reshape(-1, 3),
        edge_mask=edge_mask.reshape(-1),
        node_mask=np.arange(n_nodes) < start,
        graph_mask=np.arange(n_graphs) < len(found),
        node_graph=node_graph,
    )
    return Batch(graph=graph, labels=padded)


def stacked(parts: Sequence[Part]) -> Part:
    """Parts of the same shape along a leading axis; host arrays."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *parts)


def _no_labels(
    names: Sequence[str], shape: Shape, dtype: np.dtype | type
) -> dict[str, np.ndarray]:
    ends = {"forces": (shape.n_nodes, 3), "stress": (shape.n_graphs, 3, 3)}
    return {n: np.zeros(ends.get(n, (shape.n_graphs,)), dtype=dtype) for n in names}


def _find_edges(example: Example, cutoff: float, n_nearest: int | None) -> Edges:
    n = example.crystal.n_atoms
    found = nearest_neighbors(example.crystal, cutoff, n_nearest)  # sorted by receiver
    counts = np.bincount(found.receivers, minlength=n)
    slots = np.arange(counts.max(initial=0))
    mask = slots < counts[:, None]
    senders = np.repeat(np.arange(n, dtype=np.int32)[:, None], len(slots), axis=1)
    senders[mask] = found.senders
    small = np.abs(found.shifts).max(initial=0) < 2**7  # a quarter of the memory
    shifts = np.zeros((*mask.shape, 3), dtype=np.int8 if small else np.int32)
    shifts[mask] = found.shifts
    return Edges(senders=senders, shifts=shifts, mask=mask)


def _require_room(found: Sequence[tuple[Example, Edges]], shape: Shape) -> None:
    n_atoms = sum(example.crystal.n_atoms for example, _ in found)
    degree = max((edges.mask.shape[1] for _, edges in found), default=0)
    needed = Shape(n_atoms, degree, len(found))
    if any(n > m for n, m in zip(needed, shape, strict=True)):
        raise ValueError(
            f"a batch of {shape} cannot hold the {needed} of the frames "
            f"{[example.source for example, _ in found]}: choose larger shapes, a "
            "smaller batch, or remove large frames"
        )
