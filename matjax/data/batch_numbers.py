"""Batches that carry their number, from which a task draws its random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matjax.data.labeled_graphs import Batch
from matjax.data.loader import Batches, Loader

NUMBER = "number"
"""Label of the number of a batch, (graphs,)."""


def numbered(batch: Batch, number: int) -> Batch:
    """The batch with its number among the labels of each part.

    Args:
        batch: parts along the leading axis.
        number: below 2²⁴, which float32 holds.
    """
    mask = np.asarray(batch.graph.graph_mask)
    column = np.full(mask.shape, number, batch.graph.positions.dtype)
    return batch.replace(labels={**batch.labels, NUMBER: column})


class NumberedLoader:
    """A loader whose batches carry their number: the same one after a resumption."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    @property
    def batch_size(self) -> int:
        """Structures in a step, over all processes."""
        return self.loader.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which as many structures have come as there are."""
        return self.loader.steps_per_epoch

    @property
    def fingerprint(self) -> dict[str, Any]:
        """That of the loader."""
        return self.loader.fingerprint

    def iterate(self, state: Mapping[str, Any] | None = None) -> NumberedBatches:
        """Batches from the beginning, or from where the state of an iterator stood."""
        return NumberedBatches(self.loader.iterate(state))


class NumberedBatches:
    """Batches of a loader, from some place on, each with its number."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> NumberedBatches:
        return self

    def __next__(self) -> Batch:
        number = self.state["next_batch"]
        return numbered(next(self._batches), number)

    @property
    def state(self) -> dict[str, Any]:
        """Where the next batch stands; plain JSON, the same for all processes."""
        return self._batches.state

    def close(self) -> None:
        """Ends the thread that puts batches together."""
        self._batches.close()
