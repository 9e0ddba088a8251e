"""Predictions against references: the one panel of this kind, and what sums it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 1000
"""Points, above which they are drawn small and pale, so that their density is seen."""


class Agreement(NamedTuple):
    """How well predictions agree with references."""

    n: int
    """Pairs of finite values."""
    mae: float
    """Mean absolute error; not a number without pairs."""
    r2: float
    """Share of the variance of the references that is explained, 1 − SS_res/SS_tot; not
    a number if the references do not vary."""


def agreement(expected: np.ndarray, predicted: np.ndarray) -> Agreement:
    """Agreement of the pairs of which both values are finite, each (values,)."""
    x, y = _finite(expected, predicted)
    if not len(x):
        return Agreement(0, np.nan, np.nan)
    spread = ((x - x.mean()) ** 2).sum()
    r2 = 1 - ((y - x) ** 2).sum() / spread if spread > 0 else np.nan
    return Agreement(len(x), float(np.abs(y - x).mean()), float(r2))


def draw_parity(axes: Axes, expected: np.ndarray, predicted: np.ndarray) -> Agreement:
    """Draws predictions against references, pairs of finite values alone.

    Args:
        axes: whose labels and title are the caller's.
        expected: (values,).
        predicted: (values,).
    """
    x, y = _finite(expected, predicted)
    if len(x):
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color="0.7", linewidth=0.8, zorder=0)
    size, alpha = (3.0, 0.7) if len(x) <= MANY else (1.8, 0.3)
    axes.plot(
        *(x, y, "o"), markersize=size, alpha=alpha, markeredgewidth=0, rasterized=True
    )
    return agreement(x, y)


def _finite(
    expected: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(expected, np.float64), np.asarray(predicted, np.float64)
    both = np.isfinite(x) & np.isfinite(y)
    return x[both], y[both]
