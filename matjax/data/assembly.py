"""Batches divided into parts of one shape, for processes and their devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matjax.data.labeled_graphs import Batch, LabeledGraphs, join, stacked
from matjax.graphs import Shape, Shapes


@dataclass(frozen=True)
class Share:
    """Which parts of a global batch a process puts together."""

    n_shards: int = 1
    """Parts of each process, stacked along the leading axis of its batches."""
    process_index: int = 0
    process_count: int = 1

    @property
    def n_parts(self) -> int:
        """Number of parts of a global batch."""
        return self.n_shards * self.process_count

    @property
    def own(self) -> slice:
        """Those of this process."""
        first = self.n_shards * self.process_index
        return slice(first, first + self.n_shards)

    def per_part(self, batch_size: int) -> int:
        """Number of examples in each part.

        Raises:
            ValueError: if the parts would not be equal, or there is no such process.
        """
        if self.n_shards < 1 or not 0 <= self.process_index < self.process_count:
            raise ValueError(
                "a share needs at least one shard, and a process whose index is less "
                f"than the number of processes; received {self}"
            )
        if batch_size < 1 or batch_size % self.n_parts:
            raise ValueError(
                f"a batch must hold a positive multiple of {self.n_parts} examples "
                f"({self.n_shards} shards of each of {self.process_count} processes); "
                f"received batch_size={batch_size}"
            )
        return batch_size // self.n_parts


def deal(
    batch: Sequence[int], n_atoms: Sequence[int] | np.ndarray, n_parts: int
) -> list[list[int]]:
    """A batch in parts of equally many examples and about equally many atoms.

    As cards are dealt, the largest first, to and fro: 1 2 3 3 2 1 1 2 3 …

    Args:
        batch: indices of examples.
        n_atoms: of each of them.
        n_parts: number of parts.
    """
    order = np.argsort(-np.asarray(n_atoms), kind="stable").tolist()
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    turns = [*range(n_parts), *reversed(range(n_parts))]
    for place, k in enumerate(order):
        parts[turns[place % len(turns)]].append(int(batch[k]))
    return parts


class Assembly:
    """Puts together one process's share of global batches of some sets of graphs."""

    def __init__(
        self,
        graphs: Sequence[LabeledGraphs],
        batch_size: int,
        share: Share,
        dtype: np.dtype | type,
    ) -> None:
        """Finds all neighbor lists.

        Raises:
            ValueError: if there is no set, the sets differ in labels or edges, or a
                batch cannot be divided or holds more than all examples.
        """
        self.graphs, self.share, self.dtype = tuple(graphs), share, np.dtype(dtype)
        rules = {(g.labels, g.cutoff, g.n_nearest) for g in graphs}
        if len(rules) != 1:
            raise ValueError(
                "data sets of one loader need the same labels, cutoff and n_nearest; "
                f"received {sorted(map(str, rules))}"
            )
        self.labels = self.graphs[0].labels
        self.starts = np.cumsum([0, *map(len, graphs)])
        self.n_examples = int(self.starts[-1])
        self.per_part = share.per_part(batch_size)
        self.sizes = np.concatenate([np.stack(g.sizes, axis=1) for g in graphs])

    def member(self, index: int) -> tuple[LabeledGraphs, int]:
        """The set that holds an example, and its index there."""
        k = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.graphs[k], index - int(self.starts[k])

    def source(self, index: int) -> str:
        """The frame of an example."""
        graphs, i = self.member(index)
        return graphs.example(i).source

    def parts(self, batch: Sequence[int]) -> list[list[int]]:
        """All parts of a global batch."""
        return deal(batch, self.sizes[list(batch), 0], self.share.n_parts)

    def needed(self, parts: Sequence[Sequence[int]]) -> tuple[int, int, float]:
        """Nodes and degree that hold every part, and edges of a part on average."""
        filled = [self.sizes[list(part)] for part in parts if part]
        return (
            max(int(s[:, 0].sum()) for s in filled),
            max(int(s[:, 1].max()) for s in filled),
            sum(int(s[:, 2].sum()) for s in filled) / len(parts),
        )

    @property
    def largest(self) -> Shape:
        """Shape of a part that holds any examples, the same one several times too."""
        n_atoms, degree, _ = self.sizes.max(axis=0).tolist()
        return Shape(self.per_part * n_atoms, degree, self.per_part)

    def require_room(self, shapes: Shapes) -> None:
        """Raises ValueError naming the frames for which shapes are too small."""
        room, largest = shapes.shapes[-1], self.largest
        if all(n >= m for n, m in zip(room, largest, strict=True)):
            return
        atoms, crowded, _ = self.sizes.argmax(axis=0).tolist()
        raise ValueError(
            f"the largest shape must hold any {self.per_part} examples, hence "
            f"{largest}; received {room}. The largest frame is {self.source(atoms)} "
            f"with {self.sizes[atoms, 0]} atoms; {self.source(crowded)} has most "
            f"neighbors, {self.sizes[crowded, 1]}: enlarge the shape, or remove the "
            "frame"
        )

    def batch(self, parts: Sequence[Sequence[int]], shapes: Shapes) -> Batch:
        """This process's parts of a global batch, along the leading axis."""
        n_nodes, degree, _ = self.needed(parts)
        shape = shapes.smallest(n_nodes, degree)
        shape = shape._replace(n_graphs=self.per_part)
        joined = [
            join([self.member(i) for i in part], self.labels, shape, self.dtype)
            for part in parts[self.share.own]
        ]
        return stacked(joined)
