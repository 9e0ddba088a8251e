"""The figure of soft modes and of the way down from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matjax.lattice_dynamics import Bands
from matjax.lattice_dynamics.transitions import Descent, Stability, Stage
from matjax.reports.drawing import new_figure, style
from matjax.reports.phonons import draw_bands, stagger_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def descent_figure(bands: Bands, stage: Stage, title: str) -> Figure:
    """Bands with the unstable minima, and the energy along the modes followed."""
    with style():
        figure, axes = new_figure(
            1, 2, width=9.0, height=3.6, title=title, width_ratios=[3, 2]
        )
        _draw_bands(axes[0, 0], bands, stage.stability)
        _draw_energies(axes[0, 1], stage.descents)
        stagger_labels(axes[0, 0])
    return figure


def _draw_bands(ax: Axes, bands: Bands, stability: Stability) -> None:
    path = bands.path
    draw_bands(ax, bands)
    for i, mode in enumerate(stability.unstable, start=1):
        apart = np.asarray(path.q)[:, None] - mode.star
        off = abs(apart - np.round(apart)).max(axis=2).min(axis=1)
        places = path.distance[off < 1e-6]
        label = f"{mode.label or np.round(mode.q, 3)}, {mode.irrep_dimension}-fold"
        ax.plot(
            places,
            np.full(len(places), mode.frequency),
            "o",
            color=f"C{i}",
            label=label,
            clip_on=False,
        )
    if stability.unstable:
        ax.legend(loc="best")
    ax.axhline(0, color="0.5", linewidth=0.6)
    ax.set_ylabel("Frequency (THz), imaginary below 0")


def _draw_energies(ax: Axes, descents: Sequence[Descent]) -> None:
    colors = iter(f"C{i % 7}" for i in range(1, 1000))
    for descent in descents:
        for branch in descent.branches:
            color = next(colors)
            name = descent.mode.label or "q"
            label = f"{name}: {branch.symbol}" + ("" if branch.symmetric else " *")
            energies = 1e3 * np.asarray(branch.energies)
            ax.plot(
                branch.amplitudes, energies, ".-", color=color, label=label, zorder=3
            )
            ax.axhline(1e3 * branch.energy, color=color, linestyle="--", linewidth=0.8)
    if descents:
        lowest = min(1e3 * b.energy for d in descents for b in d.branches)
        ax.set_ylim(1.1 * min(lowest, -1e-3), -0.6 * min(lowest, -1e-3))
        ax.legend(loc="best", fontsize=7)
        drawn = any(not b.symmetric for d in descents for b in d.branches)
        remark = "; *: direction drawn at random" if drawn else ""
        ax.set_title(f"dashed: relaxed{remark}", fontsize=8)
    ax.axhline(0, color="0.5", linewidth=0.6)
    ax.set(
        xlabel="Largest displacement (Å)", ylabel="Energy above the parent (meV/atom)"
    )
