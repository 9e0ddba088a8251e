"""Figures of time and memory, beside other routes and codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]


def phonon_cost_figure(rows: Rows, tolerance: float) -> Figure:
    """Error against time, a panel for each crystal.

    Args:
        rows: with ``crystal``, ``route``, ``seconds`` and ``error_THz``.
        tolerance: of the routes that predict or interpolate, THz.
    """
    crystals = list(dict.fromkeys(row["crystal"] for row in rows))
    n_columns = min(3, len(crystals))
    n_rows = -(-len(crystals) // n_columns)
    with style():
        figure, axes = new_figure(
            n_rows, n_columns, width=2.4 * n_columns, height=2.2 * n_rows
        )
        for ax, name in zip(axes.flat, crystals, strict=False):
            mine = [row for row in rows if row["crystal"] == name]
            cells = [row for row in mine if row["route"].startswith("supercell")]
            default, any_q = (
                [row for row in mine if row["route"] == route]
                for route in ("default", "tolerance")
            )
            for marker, some, label in (
                ("o-", cells, "supercells"),
                ("*", default, "default: bands and mesh"),
                ("D", any_q, "grid for any q"),
            ):
                x = [row["seconds"] for row in some]
                ax.loglog(x, [row["error_THz"] for row in some], marker, label=label)
            for row in cells:
                size = row["route"].partition("_")[2]
                place = (row["seconds"], row["error_THz"])
                ax.annotate(
                    f"{size}³", place, xytext=(3, 3), textcoords="offset points"
                )
            ax.axhline(tolerance, color="0.7", linewidth=0.8, zorder=0)
            ax.set(title=name, xlabel="time (s)", ylabel="largest error (THz)")
            ax.xaxis.set_minor_formatter("")
            ax.yaxis.set_minor_formatter("")
        for ax in list(axes.flat)[len(crystals) :]:
            ax.set_axis_off()
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(handles))
    return figure


def neighbor_cost_figure(rows: Rows, codes: Sequence[str]) -> Figure:
    """Time and peak memory of processes against the number of atoms.

    Args:
        rows: with ``code``, ``n_atoms``, ``seconds`` and ``peak_MB``; of matjax with
            ``buffers_MB``, too.
        codes: in the order of the legend.
    """
    with style():
        figure, axes = new_figure(1, 2, width=7.0)
        for code in codes:
            mine = [row for row in rows if row["code"] == code]
            sizes = [row["n_atoms"] for row in mine]
            axes[0, 0].loglog(sizes, [row["seconds"] for row in mine], "o-", label=code)
            axes[0, 1].loglog(sizes, [row["peak_MB"] for row in mine], "o-", label=code)
            if code == "matjax":
                buffers = [row["buffers_MB"] for row in mine]
                axes[0, 1].loglog(sizes, buffers, "--", color="C0", label="its buffers")
        axes[0, 0].set(xlabel="atoms", ylabel="time (s)")
        axes[0, 1].set(xlabel="atoms", ylabel="peak memory (MB)")
        axes[0, 1].legend()
    return figure
