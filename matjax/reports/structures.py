"""Crystals side by side, as balls in their cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from matjax.crystals import Crystal

PANEL = 1.6
"""Width and height of a crystal, inch."""

N_ACROSS = 6

ROTATION = "-75x,15y,5z"
"""From where crystals are looked at: the front, a little from above and the side."""

MANY = 24
"""Atoms, above which they are not named one by one."""

RADII = 0.6
"""Of balls, in covalent radii."""


def structure_figure(crystals: Sequence[Crystal], *, title: str = "") -> Figure:
    """Crystals with their formulas, six in a row.

    Args:
        crystals: at least one.
        title: of the figure.

    Raises:
        ValueError: if there is none.
    """
    if not crystals:
        raise ValueError("at least one crystal is needed to draw; received none")
    from ase.visualize.plot import plot_atoms

    n_across = min(N_ACROSS, len(crystals))
    n_down = math.ceil(len(crystals) / n_across)
    with style():
        figure, axes = new_figure(
            *(n_down, n_across),
            width=PANEL * n_across,
            height=(PANEL + 0.2) * n_down,
            title=title,
        )
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, crystal in zip(axes.flat, crystals, strict=False):
            atoms = crystal.to_ase()
            plot_atoms(atoms, ax, radii=RADII, rotation=ROTATION)
            ax.set_title(atoms.get_chemical_formula("metal"), fontsize=8)
            ax.set_axis_off()
    return figure


def contribution_figure(
    crystal: Crystal, values: np.ndarray, *, title: str = ""
) -> Figure:
    """A crystal whose atoms have the colors of what they add, and these as bars.

    Args:
        crystal: any.
        values: of the atoms, (atoms,).
        title: of the figure.
    """
    from ase.visualize.plot import plot_atoms
    from matplotlib.colors import Normalize
    from matplotlib.pyplot import get_cmap

    atoms = crystal.to_ase()
    most = max(float(np.abs(values).max()), 1e-12)
    colors = get_cmap("RdBu_r")(Normalize(-most, most)(np.asarray(values)))
    with style():
        figure, axes = new_figure(1, 2, width=6.4, height=3.0, title=title)
        drawn, bars = axes.flat
        plot_atoms(atoms, drawn, radii=RADII, rotation=ROTATION, colors=colors[:, :3])
        drawn.set_axis_off()
        places = np.arange(len(atoms))
        bars.bar(places, values, color=colors, edgecolor="0.6", linewidth=0.5)
        bars.axhline(0, color="0.5", linewidth=0.6)
        bars.set_xticks(places if len(atoms) <= MANY else [])
        bars.set_xticklabels(atoms.get_chemical_symbols() if len(atoms) <= MANY else [])
        bars.set(xlabel="atom", ylabel="contribution")
    return figure
