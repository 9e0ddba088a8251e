"""A screen of many crystals at one glance: outcomes, distributions, agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matjax.reports.drawing import new_figure, style
from matjax.reports.parity import draw_parity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (2.9, 2.3)
"""Width and height of a panel, inch."""

N_ACROSS = (4, 3)
"""Panels side by side: which of these leaves fewer places empty."""

N_OUTCOMES = 8
"""Bars of outcomes, at most; the rarest are summed up in the last."""

FAR = 5.0
"""Interquartile ranges beyond the quartiles, where an axis ends if values go astray."""

N_BINS = 50

_LONGEST = 26


class ColumnValues(NamedTuple):
    """What was computed of each crystal."""

    values: np.ndarray
    """(crystals,); not a number where it is missing."""
    unit: str = ""
    """As it is printed, such as eV/atom."""


def overview_figure(
    columns: Mapping[str, ColumnValues],
    *,
    references: Mapping[str, np.ndarray] | None = None,
    outcomes: Mapping[str, int] | None = None,
    title: str = "",
) -> Figure:
    """How many crystals went how, and for each column a histogram and its agreement.

    A histogram is of finite values, with their mean and median and how many are
    missing; beside it stand the values against references, if there are any.

    Args:
        columns: by name; those of text have no panel.
        references: by the name of a column, (crystals,); not a number where missing.
        outcomes: number of crystals of each, such as converged, not converged, failed.
        title: of the figure, such as potential and source.

    Raises:
        ValueError: if there is nothing to draw, or references are of no column or of
            another number of crystals.
    """
    from matplotlib.lines import Line2D

    references, outcomes = references or {}, outcomes or {}
    shown = {
        name: column
        for name, column in columns.items()
        if np.asarray(column.values).dtype.kind in "biuf"
    }
    _require_references(references, shown)
    n_panels = len(shown) + len(references) + bool(outcomes)
    if not n_panels:
        raise ValueError("a column of numbers or outcomes are needed; there are none")
    with style():
        n_across = _n_across(n_panels)
        n_down = math.ceil(n_panels / n_across)
        width, height = PANEL[0] * n_across, PANEL[1] * n_down
        figure, grid = new_figure(
            *(n_down, n_across), width=width, height=height, title=title
        )
        panels = iter(grid.flat)
        if outcomes:
            _draw_outcomes(next(panels), outcomes)
        for name, column in shown.items():
            _draw_histogram(next(panels), name, column)
            if name in references:
                _draw_agreement(next(panels), name, column, references[name])
        for ax in panels:
            ax.set_axis_off()
        if shown:
            lines = [Line2D([], [], color="C1", linestyle=look) for look in ("-", "--")]
            figure.legend(
                lines, ["mean", "median"], loc="outside lower center", ncols=2
            )
    return figure


def _n_across(n_panels: int) -> int:
    if n_panels <= max(N_ACROSS):
        return n_panels
    return min(N_ACROSS, key=lambda n: -n_panels % n)


def _require_references(
    references: Mapping[str, np.ndarray], shown: Mapping[str, ColumnValues]
) -> None:
    for name, values in references.items():
        if name not in shown:
            raise ValueError(
                f"references must be of a column of numbers; {name!r} is none of "
                f"{list(shown)}"
            )
        if np.shape(values) != np.shape(shown[name].values):
            raise ValueError(
                f"references of {name} must be one for each of "
                f"{len(shown[name].values)} crystals; received {np.shape(values)}"
            )


def _draw_outcomes(ax: Axes, outcomes: Mapping[str, int]) -> None:
    """Bars from top to bottom in the order given, with their numbers."""
    names, numbers = list(outcomes), list(outcomes.values())
    if len(names) > N_OUTCOMES:
        kept = sorted(
            sorted(range(len(names)), key=lambda i: -numbers[i])[: N_OUTCOMES - 1]
        )
        rest = sum(numbers) - sum(numbers[i] for i in kept)
        names = [*(names[i] for i in kept), "others"]
        numbers = [*(numbers[i] for i in kept), rest]
    colors = ["C2" if i == 0 else "C1" for i in range(len(names))]
    labels = [n if len(n) <= _LONGEST else f"{n[: _LONGEST - 1]}…" for n in names]
    bars = ax.barh(range(len(names)), numbers, color=colors, height=0.7)
    ax.bar_label(bars, [f"{n:,}" for n in numbers], padding=2, fontsize=8)
    ax.set_yticks(range(len(names)), labels)
    ax.set(title=f"{sum(numbers):,} crystals", xlim=(0, 1.3 * max(1, *numbers)))
    ax.invert_yaxis()
    ax.xaxis.set_visible(False)
    ax.spines["bottom"].set_visible(False)


def _draw_histogram(ax: Axes, name: str, column: ColumnValues) -> None:
    values = np.asarray(column.values)
    ax.set(xlabel=_label(name, column.unit), ylabel="crystals")
    ax.locator_params(axis="x", nbins=5)
    ax.locator_params(axis="y", nbins=5, integer=True)
    if values.dtype.kind == "b":
        ax.bar([0, 1], [(~values).sum(), values.sum()], width=0.7, alpha=0.8)
        ax.set_xticks([0, 1], ["no", "yes"])
        ax.set_title(f"{values.mean():.0%} yes" if len(values) else "", fontsize=8)
        return
    finite = values[np.isfinite(values)].astype(np.float64)
    n_missing = len(values) - len(finite)
    if not len(finite):
        ax.set_title("all missing", fontsize=8)
        ax.set(xticks=[], yticks=[])
        return
    low, high = _range(finite)
    inside = finite[(finite >= low) & (finite <= high)]
    ax.hist(inside, bins=_edges(inside), color="C0", alpha=0.8)
    mean, median = finite.mean(), np.median(finite)
    for value, look in ((mean, "-"), (median, "--")):
        if low <= value <= high:
            ax.axvline(value, color="C1", linestyle=look, linewidth=1)
    absent = (n_missing, "missing"), (len(finite) - len(inside), "beyond the axis")
    second = ", ".join(f"{n:,} {what}" for n, what in absent if n)
    ax.set_title(f"mean {mean:.4g}, median {median:.4g}\n{second}".strip(), fontsize=8)


def _range(values: np.ndarray) -> tuple[float, float]:
    """Ends of the axis: those of the values, unless few would press the others flat."""
    low, high = float(values.min()), float(values.max())
    first, third = np.percentile(values, [25, 75])
    reach = FAR * (third - first)
    if reach == 0 or high - low <= 6 * reach:
        return low, high
    return max(low, float(first - reach)), min(high, float(third + reach))


def _edges(values: np.ndarray) -> list[float]:
    """Edges of bins; of whole numbers each bin holds as many."""
    low, high = values.min(), values.max()
    if (values == np.round(values)).all() and high > low:
        width = math.ceil((high - low + 1) / N_BINS)
        return np.arange(low - 0.5, high + width, width).tolist()
    n_bins = int(np.clip(np.sqrt(len(values)), 5, N_BINS))
    return np.histogram_bin_edges(values, bins=n_bins).tolist()


def _draw_agreement(
    ax: Axes, name: str, column: ColumnValues, references: np.ndarray
) -> None:
    found = draw_parity(ax, references, column.values)
    unit = f" ({column.unit})" if column.unit else ""
    ax.set(xlabel=f"reference{unit}", ylabel=f"computed{unit}")
    r2 = f", R² {found.r2:.3f}" if np.isfinite(found.r2) else ""
    mae = f"MAE {found.mae:.3g} {column.unit}".rstrip()
    summary = f"{mae}{r2}" if found.n else "none to compare"
    ax.set_title(f"{_readable(name)}, {found.n:,} crystals\n{summary}", fontsize=8)
    ax.locator_params(nbins=5)


def _label(name: str, unit: str) -> str:
    return f"{_readable(name)} ({unit})" if unit else _readable(name)


def _readable(name: str) -> str:
    return name.replace("_", " ")
