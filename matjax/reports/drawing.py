"""One style for all figures, and their writing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "mathtext.fontset": "dejavusans",
    # Okabe and Ito (2008): told apart with any color vision.
    "axes.prop_cycle": (
        "cycler('color', ['0072B2', 'D55E00', '009E73', 'CC79A7', 'E69F00', '56B4E9', "
        "'000000'])"
    ),
}


def style() -> AbstractContextManager[None]:
    """A context in which figures are drawn in the shared style.

    Axes, lines and legends take it when they are made: draw inside it.
    """
    import matplotlib as mpl

    return mpl.rc_context(STYLE)  # type: ignore[arg-type]


def new_figure(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 4.5,
    height: float = 3.2,
    title: str = "",
    **gridspec: Any,
) -> tuple[Figure, Any]:
    """A figure in the shared style and the array of its axes, (n_rows, n_columns).

    It belongs to no window and no global state: it lives as long as it is referred to.

    Args:
        n_rows: panels from top to bottom.
        n_columns: panels from left to right.
        width: of the whole figure, inch.
        height: of the whole figure, inch.
        title: above all panels, such as :func:`figure_title` makes.
        gridspec: passed to ``Figure.subplots``, such as ``width_ratios=[3, 1]`` or
            ``sharey=True``.
    """
    from matplotlib.figure import Figure

    ratios = {k: gridspec.pop(k) for k in list(gridspec) if k.endswith("_ratios")}
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(
            n_rows, n_columns, squeeze=False, gridspec_kw=ratios, **gridspec
        )
        if title:
            figure.suptitle(title, fontsize=10)
    return figure, axes


_NO_DATE: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Producer": None},
    ".svg": {"Date": None},
}


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, PDF or SVG, by the ending of the path."""
    with style():
        # Without the version, so that equal figures are equal files.
        figure.savefig(path, dpi=200, metadata=_NO_DATE.get(path.suffix.lower()))
