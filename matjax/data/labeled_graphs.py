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
from matjax.graphs import Edges, Graph, Shape, find_edges, pad_crystals
from matjax.predictors import Label, as_label

CACHE_BYTES = 4 * 2**30
"""Memory for neighbor lists, for each set of graphs: some 10⁵ crystals of 64 atoms with
26 neighbors. What finds no place is found again in every epoch."""

Part = TypeVar("Part", bound="Batch")


class Batch(struct.PyTreeNode):
    """Labeled crystals, padded."""

    graph: Graph
    labels: dict
    """Values by the names of their labels, (nodes, ...) or (graphs, ...); zeros where
    the masks of the graph tell padding."""


class Sizes(NamedTuple):
    """Sizes of the graphs of a data set."""

    n_atoms: np.ndarray
    """(examples,)."""
    degrees: np.ndarray
    """Largest number of neighbors, (examples,)."""
    n_edges: np.ndarray
    """(examples,)."""


class EdgeCache:
    """Neighbor lists of examples as they are found, up to some memory."""

    def __init__(self, room: int) -> None:
        self._kept: dict[int, tuple[Example, Edges]] = {}
        self._room = room
        self._lock = threading.Lock()

    def get(self, example: Example) -> Edges | None:
        """The neighbor list of an example, if it is kept."""
        kept = self._kept.get(id(example))
        return None if kept is None else kept[1]

    def put(self, example: Example, edges: Edges) -> None:
        """Keeps a neighbor list while there is room."""
        with self._lock:
            if id(example) not in self._kept and edges.n_bytes <= self._room:
                self._room -= edges.n_bytes
                self._kept[id(example)] = (example, edges)  # or its id could be reused


class LabeledGraphs:
    """The graphs of a data set and its labels; neighbor lists are kept as they come."""

    def __init__(
        self,
        dataset: Dataset,
        cutoff: float,
        *,
        labels: Sequence[Label | str],
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
        self.labels = tuple(as_label(label) for label in labels)
        for example in dataset.examples:
            for label in self.labels:
                if label.name not in example.labels:
                    raise ValueError(
                        f"{example.source}: every example must have the label "
                        f"{label.name!r}; this one has {sorted(example.labels)}: read "
                        "the data with this label, or train without it"
                    )
        self.dataset = dataset
        self.cutoff = cutoff
        self.n_nearest = n_nearest
        self._cache = EdgeCache(cache_bytes)

    def __len__(self) -> int:
        return len(self.dataset)

    def of(self, dataset: Dataset) -> LabeledGraphs:
        """Graphs of another data set by the same rules.

        Neighbor lists of examples that both have are found once.
        """
        graphs = LabeledGraphs(
            dataset, self.cutoff, labels=self.labels, n_nearest=self.n_nearest
        )
        graphs._cache = self._cache
        return graphs

    def example(self, index: int) -> Example:
        """The example behind a graph."""
        return self.dataset.examples[index]

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of all graphs; finds all neighbor lists the first time."""
        edges = map(self.edges, range(len(self)))
        sizes = np.array([(len(e.mask), e.degree, e.n_edges) for e in edges])
        return Sizes(*sizes.T)

    def require_neighbors(self) -> None:
        """Raises ValueError naming the first example with an atom that has none."""
        for index in range(len(self)):
            alone = np.flatnonzero(~np.asarray(self.edges(index).mask).any(axis=1))
            if len(alone):
                raise ValueError(
                    f"{self.example(index).source}: every atom must have a neighbor "
                    f"within {self.cutoff:g} Å; atom {alone[0]} has none: choose a "
                    "longer cutoff, or remove the row"
                )

    def edges(self, index: int) -> Edges:
        """Neighbors of each atom of an example.

        Raises:
            ValueError: naming the frame, if two atoms lie on one place.
        """
        example = self.example(index)
        kept = self._cache.get(example)
        if kept is not None:
            return kept
        try:
            edges = find_edges(example.crystal, self.cutoff, self.n_nearest)
        except ValueError as error:
            raise ValueError(f"{example.source}: {error}") from error
        self._cache.put(example, edges)
        return edges


def join(
    members: Sequence[tuple[LabeledGraphs, int]],
    labels: Sequence[Label],
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
    examples = [graphs.example(i) for graphs, i in members]
    edges = [graphs.edges(i) for graphs, i in members]
    _require_room(examples, edges, shape)
    crystals = [example.crystal for example in examples]
    padded = {label.name: label.zeros(shape, dtype) for label in labels}
    start = 0
    for place, example in enumerate(examples):
        rows = slice(start, start + example.crystal.n_atoms)
        for label in labels:
            where = rows if label.of_atoms else place
            padded[label.name][where] = example.labels[label.name]
        start = rows.stop
    return Batch(graph=pad_crystals(crystals, edges, shape, dtype), labels=padded)


def stacked(parts: Sequence[Part]) -> Part:
    """Parts of the same shape along a leading axis; host arrays."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *parts)


def _require_room(
    examples: Sequence[Example], edges: Sequence[Edges], shape: Shape
) -> None:
    n_atoms = sum(example.crystal.n_atoms for example in examples)
    needed = Shape(n_atoms, max((e.degree for e in edges), default=0), len(examples))
    if any(n > m for n, m in zip(needed, shape, strict=True)):
        raise ValueError(
            f"a batch of {shape} cannot hold the {needed} of the frames "
            f"{[example.source for example in examples]}: choose larger shapes, a "
            "smaller batch, or remove large frames"
        )
