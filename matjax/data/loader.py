"""Batches in a random order that can be told in advance, through Grain.

One stream of examples serves all processes: each epoch of each data set is shuffled by
the seed, data sets are mixed by weight, and ``batch_size`` examples in a row are a
global batch. It is dealt to parts of about equal size, and each process puts together
its own. So global batches depend neither on the number of processes nor on that of
parts, a place in the stream is one number, and what follows it is always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.data.assembly import Assembly, Share
from matjax.data.labeled_graphs import Batch, LabeledGraphs
from matjax.graphs import Shapes, bucket_sizes

if TYPE_CHECKING:
    import grain

_TYPICAL = 512
"""Batches from whose sizes the shapes are chosen."""
_ENDLESS = 10**9
"""Epochs; Grain's own endless streams are too long for batches of one example."""


class Loader:
    """An endless stream of batches for training."""

    def __init__(
        self,
        graphs: LabeledGraphs | Sequence[LabeledGraphs],
        *,
        batch_size: int,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        alike: int = 1,
        dtype: np.dtype | type = np.float32,
        shapes: Shapes | None = None,
        share: Share | None = None,
        prefetch: int = 4,
    ) -> None:
        """Finds all neighbor lists and chooses the shapes; puts no batch together.

        Args:
            graphs: of one data set, or of several with the same labels and edges.
            batch_size: examples in a global batch, over all processes.
            weights: how often examples come from each data set, relative to each other
                (to 1 % of the smallest); by default as many as it has.
            seed: of the order.
            alike: batches in a row whose examples are sorted by size, so that each
                batch holds some of like size, and less padding; in random order.
            dtype: of coordinates and labels.
            shapes: of each part of a batch; by default three that fit the data.
            share: the parts of this process; by default one part, one process.
            prefetch: batches put together in advance, by a thread; 0 is none.

        Raises:
            ValueError: if a batch holds more than all examples, cannot be divided, or
                does not fit the shapes; weights are not positive; or data sets differ
                in labels or edges.
        """
        sets = [graphs] if isinstance(graphs, LabeledGraphs) else list(graphs)
        if not sets:
            raise ValueError("a loader needs at least one data set; received none")
        self.batch_size, self.seed, self.prefetch = batch_size, seed, prefetch
        if alike < 1:
            raise ValueError(f"alike is a number of batches; received {alike}")
        self.alike = alike
        self.weights = _weights(sets, weights)
        self._assembly = Assembly(sets, batch_size, share or Share(), dtype)
        if batch_size > self.n_examples:
            raise ValueError(
                f"a batch cannot hold more than all {self.n_examples} examples; "
                f"received batch_size={batch_size}"
            )
        self._stream = self._indices()
        if shapes is None:
            n_typical = min(_TYPICAL, 2 * self.steps_per_epoch)
            shapes = _fitting(
                self._assembly, [self._stream[k] for k in range(n_typical)]
            )
        self._assembly.require_room(shapes)
        self.shapes = shapes

    @property
    def n_examples(self) -> int:
        """Number of examples in all data sets."""
        return self._assembly.n_examples

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which at least as many examples have come as there are."""
        return -(-self.n_examples // self.batch_size)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that decides which examples come when; plain JSON."""
        sets = [g.dataset for g in self._assembly.graphs]
        data = {f"data_{k}": f"{s.name} {s.fingerprint}" for k, s in enumerate(sets)}
        return {
            **data,
            "weights": self.weights,
            "batch_size": self.batch_size,
            "seed": self.seed,
            **({"alike": self.alike} if self.alike > 1 else {}),
        }

    def sources(self, batch_number: int) -> list[str]:
        """The frames of a global batch, the first batch being number 0."""
        return [self._assembly.source(i) for i in self._stream[batch_number]]

    def iterate(self, state: Mapping[str, Any] | None = None) -> Batches:
        """Batches from the beginning, or from where the state of an iterator stood.

        Raises:
            ValueError: naming what differs, if the state is that of another stream.
        """
        mine = self.fingerprint
        state = state or {"next_batch": 0, "stream": mine}
        other = state["stream"]
        changed = [
            f"{key}: {other.get(key)} -> {mine.get(key)}"
            for key in sorted(mine.keys() | other.keys())
            if other.get(key) != mine.get(key)
        ]
        if changed:
            raise ValueError(
                "a stream of batches goes on with what it began with; since this state "
                f"was taken these have changed: {'; '.join(changed)}: restore them, or "
                "start anew"
            )
        assembly, shapes = self._assembly, self.shapes
        stream = self._stream.map(lambda b: assembly.batch(assembly.parts(b), shapes))
        return Batches(stream, state, self.prefetch)

    def __iter__(self) -> Batches:
        return self.iterate()

    def _indices(self) -> Any:
        """Stream of global batches, each a list of indices into all examples."""
        import grain

        starts = self._assembly.starts.tolist()
        ordered = [grain.MapDataset.range(*ends) for ends in pairwise(starts)]
        shuffled = [
            examples.shuffle(_seed(self.seed, k)).repeat(_ENDLESS)
            for k, examples in enumerate(ordered)
        ]
        mixed = shuffled[0]
        if len(shuffled) > 1:
            mixed = grain.MapDataset.mix(shuffled, self.weights)
        if self.alike == 1:
            return mixed.batch(self.batch_size, batch_fn=list)
        windows = mixed.batch(self.alike * self.batch_size, batch_fn=list)

        @lru_cache(maxsize=4)
        def window(number: int) -> list[list[int]]:
            examples = np.array(windows[number])
            by_size = examples[np.argsort(self._assembly.sizes[examples, 0])]
            rng = np.random.default_rng([self.seed, number])
            order = rng.permutation(self.alike)
            return by_size.reshape(self.alike, -1)[order].tolist()

        n_batches = len(windows) * self.alike
        return grain.MapDataset.range(n_batches).map(
            lambda k: window(k // self.alike)[k % self.alike]
        )


class Batches:
    """Batches of a loader, from some place on; arrays (shards, …) of the host."""

    def __init__(
        self, stream: grain.MapDataset, state: Mapping[str, Any], prefetch: int
    ) -> None:
        self._stream = dict(state["stream"])
        self._iterator = _threaded(stream, prefetch)
        self._iterator.set_state({"next_index": state["next_batch"]})

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        return next(self._iterator)

    @property
    def state(self) -> dict[str, Any]:
        """Where the next batch stands; plain JSON, the same for all processes."""
        place = self._iterator.get_state()["next_index"]
        return {"next_batch": place, "stream": self._stream}

    def close(self) -> None:
        """Ends the thread that puts batches together."""
        self._iterator.close()


def in_order(
    graphs: LabeledGraphs,
    *,
    batch_size: int,
    dtype: np.dtype | type = np.float32,
    shapes: Shapes | None = None,
    share: Share | None = None,
    prefetch: int = 4,
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Every example once, with the indices of the examples in each batch.

    Batches take the examples in their order; within a batch they are dealt to parts.
    The last batch is padded. All processes get equally many batches.

    Args:
        graphs: of one data set.
        batch_size: examples in a global batch, over all processes; more than there are
            is allowed.
        dtype: of coordinates and labels.
        shapes: of each part of a batch; by default three that fit the data.
        share: the parts of this process.
        prefetch: batches put together in advance, by a thread; 0 is none.

    Yields:
        Indices (shards, graphs), −1 for padding, and the batch.

    Raises:
        ValueError: if a batch cannot be divided, or does not fit the shapes.
    """
    import grain

    assembly = Assembly([graphs], batch_size, share or Share(), dtype)
    every = range(len(graphs))
    batches = [every[i : i + batch_size] for i in every[::batch_size]]
    if shapes is None:
        shapes = _fitting(assembly, batches)
    else:
        assembly.require_room(shapes)
    chosen = shapes

    def assembled(batch: Sequence[int]) -> tuple[np.ndarray, Batch]:
        parts = assembly.parts(batch)
        indices = np.full((assembly.share.n_shards, assembly.per_part), -1)
        for row, part in zip(indices, parts[assembly.share.own], strict=True):
            row[: len(part)] = part
        return indices, assembly.batch(parts, chosen)

    iterator = _threaded(grain.MapDataset.source(batches).map(assembled), prefetch)
    try:
        yield from iterator
    finally:
        iterator.close()


def _fitting(assembly: Assembly, batches: Sequence[Sequence[int]]) -> Shapes:
    needed = [assembly.needed(assembly.parts(batch)) for batch in batches]
    return bucket_sizes(np.array(needed), assembly.largest)


def _threaded(stream: grain.MapDataset, prefetch: int) -> Any:
    """Iterator whose next elements are made in one thread: a second one would wait."""
    import grain

    options = grain.ReadOptions(
        num_threads=min(prefetch, 1), prefetch_buffer_size=prefetch
    )
    return iter(stream.to_iter_dataset(options))


def _weights(
    sets: Sequence[LabeledGraphs], weights: Sequence[float] | None
) -> list[float]:
    given = [float(w) for w in (map(len, sets) if weights is None else weights)]
    if len(given) != len(sets) or not all(0 < w < float("inf") for w in given):
        raise ValueError(
            f"each of the {len(sets)} data sets needs a positive weight; received "
            f"{given}: leave out a data set that shall not count"
        )
    return given


def _seed(seed: int, number: int) -> int:
    """Seed of a data set, far from those of others: Grain adds the epoch to it."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
