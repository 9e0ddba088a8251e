"""Figures of how sure predictions are, and whether rightly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 8
"""Groups of crystals of like uncertainty, or of like probability."""


@runtime_checkable
class Uncertain(Protocol):
    """Predictions with their standard deviations, each (values,)."""

    @property
    def predicted(self) -> np.ndarray:
        """Mean of the predictions."""
        ...

    @property
    def expected(self) -> np.ndarray:
        """What they should be."""
        ...

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation."""
        ...


def calibration_figure(
    found: Mapping[str, Uncertain], units: Mapping[str, str], *, title: str = ""
) -> Figure:
    """How often errors lie within so many deviations, and errors beside deviations.

    A row for each property: on the left the observed share of the errors beside that
    of a normal distribution; on the right the root mean square error of crystals of
    like deviation beside that deviation. Both follow the diagonal where deviations are
    right.

    Args:
        found: by property.
        units: of the properties.
        title: of the figure.
    """
    from scipy.stats import norm

    with style():
        n = len(found)
        figure, axes = new_figure(n, 2, width=6.8, height=3.2 * n, title=title)
        for (share, spread), (name, one) in zip(
            axes.reshape(n, 2), found.items(), strict=True
        ):
            errors = np.abs(np.float64(one.predicted) - one.expected)
            sigmas = np.linspace(0, 3, 61)
            normal = 1 - 2 * norm.sf(sigmas)
            observed = [np.mean(errors <= z * one.deviation) for z in sigmas]
            share.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
            share.plot(normal, observed)
            share.set(
                xlabel="share of a normal distribution",
                ylabel=f"share of the errors of {name}",
            )
            groups = np.array_split(np.argsort(one.deviation), min(BINS, len(errors)))
            x = [np.sqrt(np.mean(np.square(one.deviation[g]))) for g in groups]
            y = [np.sqrt(np.mean(np.square(errors[g]))) for g in groups]
            most = 1.05 * max(*x, *y)
            spread.plot([0, most], [0, most], color="0.7", linewidth=0.8)
            spread.plot(x, y, "o")
            unit = units.get(name, "")
            inside = f" ({unit})" if unit else ""
            spread.set(
                xlabel=f"deviation{inside}",
                ylabel=f"root mean square error{inside}",
            )
    return figure


def reliability_figure(
    found: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str = ""
) -> Figure:
    """Share of class 1 among crystals of like predicted probability.

    Args:
        found: probabilities and classes (0, 1), each (crystals,), by property.
        title: of the figure.
    """
    with style():
        n = len(found)
        figure, axes = new_figure(1, n, width=3.4 * n, height=3.4, title=title)
        for ax, (name, (chances, classes)) in zip(
            axes.flat, found.items(), strict=True
        ):
            groups = np.array_split(np.argsort(chances), min(BINS, len(chances)))
            ax.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
            ax.plot(
                [chances[g].mean() for g in groups],
                [classes[g].mean() for g in groups],
                "o-",
            )
            ax.set(
                xlabel="predicted probability",
                ylabel="observed share",
                title=f"{name}: {len(chances)} crystals",
            )
    return figure
