"""Crystals as pictures: atoms of a cell, candidates side by side, the way to one."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matjax.crystals import Crystal
from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = (-65.0, 15.0)
"""Degrees by which a crystal is turned about z, and then towards the viewer."""
EDGE = 0.02
"""Atoms within this fraction of a face of the cell are drawn on the other face too."""
RADIUS = 0.4
"""Of drawn atoms, in covalent radii."""
FRAME_MS = 120
"""Milliseconds of a picture of an animation; the last one stays ten times as long."""


class Picture(NamedTuple):
    """A crystal as it is drawn, in the plane of the figure."""

    atoms: np.ndarray
    """(drawn atoms, 3), Å: right, up, towards the viewer."""
    numbers: np.ndarray
    """Atomic numbers, (drawn atoms,)."""
    edges: np.ndarray
    """Ends of the cell's edges, (12, 2, 3), Å."""


def picture(crystal: Crystal) -> Picture:
    """Atoms in the cell, those on its faces on every one, and the edges of the cell.

    Args:
        crystal: any; atoms are brought into the cell.
    """
    cell = np.asarray(crystal.cell, np.float64)
    fractional = np.asarray(crystal.fractional, np.float64) % 1
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    inside, numbers = [], []
    for corner in corners:
        # Just below 1 an atom lies on the face at 0, too.
        for shift in (corner, -corner):
            moved = fractional + shift
            drawn = ((moved > -EDGE) & (moved < 1 + EDGE)).all(axis=1)
            inside.append(moved[drawn])
            numbers.append(np.asarray(crystal.numbers)[drawn])
    places, first = np.unique(
        np.round(np.concatenate(inside), 6), axis=0, return_index=True
    )
    pairs = [(a, b) for a in corners for b in corners if (b - a).sum() == 1]
    edges = np.array([(a, b) for a, b in pairs if np.abs(b - a).sum() == 1])
    turn = _turn()
    center = cell.sum(axis=0) / 2
    return Picture(
        atoms=(places @ cell - center) @ turn,
        numbers=np.concatenate(numbers)[first],
        edges=(edges @ cell - center) @ turn,
    )


def draw_crystal(ax: Axes, crystal: Crystal, *, size: float | None = None) -> None:
    """Draws a crystal into a panel, nearer atoms over farther ones.

    Args:
        ax: panel.
        crystal: any.
        size: Å, half the width of what is shown; by default as the crystal needs.
    """
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors
    from matplotlib.patches import Circle

    seen = picture(crystal)
    for start, end in seen.edges:
        depth = (start[2] + end[2]) / 2
        ax.plot(
            *zip(start[:2], end[:2], strict=True), color="0.6", zorder=depth, lw=0.8
        )
    for place, number in zip(seen.atoms, seen.numbers, strict=True):
        circle = Circle(
            (place[0], place[1]),
            RADIUS * float(covalent_radii[number]),
            facecolor=jmol_colors[number],
            edgecolor="0.2",
            linewidth=0.6,
            zorder=place[2],
        )
        ax.add_patch(circle)
    reach = size or _reach(crystal)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.set_axis_off()
    kinds = sorted(set(seen.numbers.tolist()))
    for k, number in enumerate(kinds):
        ax.text(
            0.02 + 0.14 * k,
            0.0,
            chemical_symbols[number],
            transform=ax.transAxes,
            fontsize=8,
            bbox={"facecolor": jmol_colors[number], "edgecolor": "none", "pad": 1.5},
            color="black" if sum(jmol_colors[number]) > 0.9 else "white",
        )


def candidates_figure(
    crystals: Sequence[Crystal],
    captions: Sequence[str],
    energies: Sequence[float],
    stable: Sequence[bool | None],
    *,
    title: str = "",
    most: int = 4,
) -> Figure:
    """The best crystals, and the energies of all of them.

    Args:
        crystals: by energy.
        captions: of each.
        energies: eV by atom.
        stable: whether phonons are; None where they were not computed.
        title: above all.
        most: crystals that are drawn.
    """
    drawn = min(most, len(crystals))
    with style():
        figure, axes = new_figure(
            *(1, drawn + 1),
            width=2.3 * (drawn + 1) + 0.5,
            height=2.9,
            title=title,
            width_ratios=[1.0] * drawn + [1.2],
        )
        for ax, crystal, caption in zip(
            axes[0, :drawn], crystals, captions, strict=False
        ):
            draw_crystal(ax, crystal)
            ax.set_title(caption)
        _draw_ranks(axes[0, -1], np.asarray(energies), stable)
    return figure


def _draw_ranks(ax: Axes, energies: np.ndarray, stable: Sequence[bool | None]) -> None:
    """Energies above the lowest, by rank."""
    from matplotlib.ticker import MaxNLocator

    above = 1e3 * (energies - energies.min())
    ranks = np.arange(1, len(energies) + 1)
    kinds = {True: ("stable", "C2", "o"), False: ("unstable", "C1", "v")}
    kinds_of = [kinds.get(s, ("phonons not computed", "0.6", ".")) for s in stable]  # type: ignore[arg-type]
    for label, color, marker in dict.fromkeys(kinds_of):
        some = np.array([kind[0] == label for kind in kinds_of])
        ax.plot(ranks[some], above[some], marker, color=color, label=label)
    ax.set(xlabel="Rank", ylabel="Energy above the lowest (meV/atom)")
    ax.set_ylim(bottom=-0.05 * max(float(above.max()), 1.0))
    ax.set_xlim(0.5, max(len(energies), 2) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=7)


def save_animation(crystals: Sequence[Crystal], path: Path) -> None:
    """Writes crystals one after the other as an animated GIF.

    Args:
        crystals: at least one.
        path: of the file.
    """
    from PIL import Image

    size = max(map(_reach, crystals))
    frames = []
    for number, crystal in enumerate(crystals, 1):
        with style(), BytesIO() as content:
            figure, axes = new_figure(width=3.0, height=3.0)
            draw_crystal(axes[0, 0], crystal, size=size)
            axes[0, 0].set_title(f"step {number} of {len(crystals)}")
            figure.savefig(content, format="png", dpi=100)
            frames.append(Image.open(content).convert("RGB"))
    times = [FRAME_MS] * (len(frames) - 1) + [10 * FRAME_MS]
    frames[0].save(
        path, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0
    )


def _reach(crystal: Crystal) -> float:
    """Half the width of what is shown of a crystal, Å."""
    from ase.data import covalent_radii

    seen = picture(crystal)
    largest = RADIUS * float(covalent_radii[seen.numbers].max())
    return float(np.abs(seen.edges[..., :2]).max()) + largest + 0.2


def _turn() -> np.ndarray:
    """Cartesian rows times this are right, up and towards the viewer."""
    about, tilt = np.deg2rad(VIEW)
    c, s = np.cos(about), np.sin(about)
    turned = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = np.cos(tilt), np.sin(tilt)
    # x stays to the right, z becomes up, and -y points towards the viewer.
    view = np.array([[1.0, 0.0, 0.0], [0.0, s, -c], [0.0, c, s]])
    return turned @ view
