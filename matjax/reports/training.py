"""Figures of a training: how errors fell, and predictions beside labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matjax.reports.drawing import new_figure, style
from matjax.reports.parity import draw_parity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from matjax.train import Comparison


def learning_figure(
    records: Sequence[Mapping[str, float | int]], *, title: str = ""
) -> Figure:
    """Errors of training and validation by epoch, a panel for each kind of label.

    Labels whose errors are all zero have no panel.

    Args:
        records: of epochs, as :func:`matjax.train.read_records` gives them.
        title: of the figure, such as model and data set.
    """
    from matplotlib.ticker import LogFormatter, MaxNLocator

    class Plain(LogFormatter):
        """0.2 instead of 2e-01."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    names = [
        key.removeprefix("val_")
        for record in records[-1:]
        for key in record
        if key.startswith("val_")
        and "_mae" in key
        and any(r.get(key, 0) > 0 for r in records)
    ]
    with style():
        n = max(len(names), 1)
        figure, axes = new_figure(1, n, width=3.2 * n, title=title)
        for ax, name in zip(axes.flat, names, strict=False):
            for prefix, label in (("train", "training"), ("val", "validation")):
                key = f"{prefix}_{name}"
                points = [(r["epoch"], r[key]) for r in records if key in r]
                if points:  # dots where they are too few to make a curve
                    mark = "o" if len(points) < 10 else None
                    x, y = zip(*points, strict=True)
                    ax.semilogy(x, y, marker=mark, markersize=4, label=label)
                    ax.set_xlim(*((x[0] - 0.5, x[0] + 0.5) if len(x) == 1 else ()))
            ax.set(xlabel="epoch", ylabel=_with_unit(name))
            whole = MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
            ax.xaxis.set_major_locator(whole)
            ax.yaxis.set_major_formatter(Plain())
            ax.yaxis.set_minor_formatter(Plain(minor_thresholds=(1.5, 0.5)))
        axes.flat[0].legend()
    return figure


def parity_figure(
    comparisons: Mapping[str, Comparison],
    *,
    units: Mapping[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Predictions against labels with their mean absolute error, by kind of label.

    Args:
        comparisons: by label.
        units: of properties, by label.
        title: of the figure, such as model and data set.
    """
    units = {"energy": "eV/atom", "forces": "eV/Å", "stress": "eV/Å³", **(units or {})}
    n = len(comparisons)
    with style():
        figure, axes = new_figure(1, n, width=3.2 * n, height=3.4, title=title)
        for ax, (label, pair) in zip(axes.flat, comparisons.items(), strict=True):
            error = draw_parity(ax, pair.expected, pair.predicted).mae
            unit = units.get(label, "")
            ax.set_title(f"{label}: MAE {error:.3g} {unit}".rstrip())
            inside = f" ({unit})" if unit else ""
            ax.set(xlabel=f"label{inside}", ylabel=f"prediction{inside}")
            ax.set_aspect("equal")
    return figure


def _with_unit(name: str) -> str:
    """``energy_mae_meV_per_atom`` as energy MAE (meV/atom)."""
    what, _, unit = name.partition("_mae")
    unit = unit.strip("_").replace("_per_", "/").replace("/A", "/Å").replace("Å2", "Å²")
    return f"{what} MAE ({unit})" if unit else f"{what} MAE"
