"""Numbers of samples beside those of the data that they shall be like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (2.6, 2.3)
"""Width and height of a panel, inch."""

N_BINS = 40

OUTLIERS = (0.5, 99.5)
"""Percentiles of the data between which bins have equal widths; ends hold the rest."""


def distribution_figure(
    samples: Mapping[str, np.ndarray],
    data: Mapping[str, np.ndarray],
    *,
    title: str = "",
) -> Figure:
    """Histograms of samples and of data, one panel for each name.

    What lies beyond the ends of an axis is counted in the bins there.

    Args:
        samples: numbers by name with unit, such as ``density (g/cm³)``, (samples,).
        data: of the same names, (crystals,).
        title: of the figure.

    Raises:
        ValueError: if there is nothing to draw, or names differ.
    """
    if not samples or set(samples) != set(data):
        raise ValueError(
            "the same names are needed of samples and of data, one at least; received "
            f"{', '.join(samples) or 'none'} and {', '.join(data) or 'none'}"
        )
    with style():
        figure, axes = new_figure(
            *(1, len(samples)),
            width=PANEL[0] * len(samples),
            height=PANEL[1],
            title=title,
        )
        for ax, (name, values) in zip(axes[0], samples.items(), strict=True):
            edges = _draw(ax, _finite(values), _finite(data[name]))
            if _are_whole(edges + 0.5):
                ax.locator_params(axis="x", integer=True)
            ax.set(xlabel=name)
        axes[0, 0].set_ylabel("share (%)")
        axes[0, 0].legend()
    return figure


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values[np.isfinite(values)]


def _draw(ax: Axes, samples: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Bars of the data, and the outline of the samples; gives the bins' edges."""
    edges = _edges(data, samples)
    looks = (
        (data, {"label": "data", "color": "C0", "alpha": 0.45}),
        (samples, {"label": "samples", "color": "C1", "histtype": "step", "lw": 1.4}),
    )
    for values, look in looks:
        if len(values):
            inside = np.clip(values, edges[0], edges[-1])
            weights = np.full(len(values), 100 / len(values))
            ax.hist(inside, bins=edges.tolist(), weights=weights, **look)
    return edges


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _edges(data: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Edges of bins; those of whole numbers hold one each."""
    both = np.concatenate([data, samples])
    if not len(both):
        return np.array([0.0, 1.0])
    if _are_whole(both) and np.ptp(both) < N_BINS:
        # A place beside them, so that one number alone is a bar too.
        return np.arange(both.min() - 1.5, both.max() + 2)
    low, high = np.percentile(data if len(data) else both, OUTLIERS)
    reach = (high - low) / 4 or 0.5
    return np.linspace(low - reach, high + reach, N_BINS + 1)
