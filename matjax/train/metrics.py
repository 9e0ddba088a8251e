"""Errors in words and units, from the sums of all batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from matjax.predictors import Label
from matjax.train.losses import Sums


def errors(sums: Mapping[str, Sums], labels: Iterable[Label]) -> dict[str, float]:
    """Mean absolute and root mean square errors by name, the unit in the name.

    Args:
        sums: of each term over all batches, by the name of its label.
        labels: of the terms.
    """
    named = {}
    for label in labels:
        part = sums[label.name]
        absolute, square, count = (
            float(np.asarray(x)) for x in (part.absolute, part.square, part.count)
        )
        mae, factor = label.metric("mae")
        rmse, _ = label.metric("rmse")
        named[mae] = factor * absolute / max(count, 1)
        named[rmse] = factor * (square / max(count, 1)) ** 0.5
    return named


def summed(parts: Sequence[Mapping[str, Sums]]) -> dict[str, Sums]:
    """Sums of all batches, in float64: float32 would lose those of many."""
    labels = parts[0] if parts else {}
    return {
        label: Sums(
            *(
                np.sum([np.asarray(x, dtype=np.float64) for x in column])
                for column in zip(*(part[label] for part in parts), strict=True)
            )
        )
        for label in labels
    }
