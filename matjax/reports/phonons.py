"""Figures of phonons: bands, and beside them the density of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.arrays import Array, Float
from matjax.lattice_dynamics import Bands, DensityOfStates
from matjax.reports.captions import IMAGINARY, UNCONVERGED, draw_remarks
from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def phonon_figure(
    bands: Bands,
    dos: DensityOfStates | None = None,
    *,
    max_force: float = 0.0,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    color_branches: bool = False,
    title: str = "",
    remarks: Sequence[str] = (),
) -> Figure:
    """Phonon bands and, on the same scale, the density of states with its parts.

    Connected bands are drawn branch by branch, and cross where they do. Imaginary
    frequencies are drawn as negative ones, on gray.

    Args:
        bands: as :meth:`matjax.lattice_dynamics.Phonons.bands` returns them.
        dos: as :meth:`matjax.lattice_dynamics.Phonons.dos` or ``projected_dos`` returns
            it; parts are drawn where there is more than one.
        max_force: largest force on an atom, eV/Å; a remark above ``UNCONVERGED``.
        points: other frequencies to compare with: for each entry of the legend,
            distances along the path (1/Å) and frequencies (THz).
        color_branches: whether each connected branch has a color of its own.
        title: such as :func:`figure_title` makes.
        remarks: what a reader must know about this crystal, such as its pressure.
    """
    if max_force > UNCONVERGED:
        remarks = [f"not at rest: largest force {max_force:.2g} eV/Å", *remarks]
    n_panels = 1 if dos is None else 2
    points = points or {}
    with style():
        figure, axes = new_figure(
            1,
            n_panels,
            width=6.0,
            height=3.4,
            title=title,
            width_ratios=[3, 1][:n_panels],
            sharey=True,
        )
        left = axes[0, 0]
        draw_bands(left, bands, color_branches=color_branches)
        for i, (label, (x, y)) in enumerate(points.items(), start=1):
            _draw_points(left, x, y, label=label, color=f"C{i}")
        if points:
            left.legend(handlelength=1, frameon=True, edgecolor="none")  # over bands
        if dos is not None:
            _draw_density(axes[0, 1], dos, first_color=1 + len(points))
        _mark_imaginary(axes[0], float(np.min(bands.frequencies)), dos)
        draw_remarks(left, remarks)
        stagger_labels(left)
    return figure


def band_points(
    bands: Bands, frequencies: Float[Array, "q modes"]
) -> tuple[list[float], list[float]]:
    """Other frequencies at the q of bands, as points of :func:`phonon_figure`.

    Args:
        bands: whose path they are on.
        frequencies: THz.
    """
    places = np.repeat(bands.path.distance, np.shape(frequencies)[1])
    return places.tolist(), np.ravel(frequencies).tolist()


def draw_bands(axes: Axes, bands: Bands, *, color_branches: bool = False) -> None:
    """Bands, connected if they are, and the named points of their path.

    Args:
        axes: where to draw.
        bands: as :meth:`matjax.lattice_dynamics.Phonons.bands` returns them.
        color_branches: whether each connected branch has a color of its own.
    """
    frequencies = bands.frequencies if bands.branches is None else bands.connected
    color = None if color_branches else "C0"
    for start, end in bands.path.lines:
        axes.set_prop_cycle(None)  # the same colors on every line
        axes.plot(bands.path.distance[start:end], frequencies[start:end], color=color)
    places, labels = _merged_ticks(bands)
    axes.set(xticks=places, xticklabels=labels, xlim=(places[0], places[-1]))
    for place in places[1:-1]:
        axes.axvline(place, color="0.7", linewidth=0.6, zorder=0)


def stagger_labels(axes: Axes) -> None:
    """Moves labels of the x axis that would overlap their neighbors to a lower line.

    Of named points that lie closer than their names are wide. Call it last: where
    labels lie is known once everything else has been drawn.
    """
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    ends = [-np.inf] * 3  # right end of the last label in each line
    lowered = []
    for label in axes.get_xticklabels():
        box = label.get_window_extent()
        gap = 0.3 * box.height
        line = next((i for i, end in enumerate(ends) if box.x0 > end + gap), 2)
        ends[line] = box.x1
        lowered.append("\n" * line + label.get_text())
    axes.set_xticks(axes.get_xticks(), lowered)


def _draw_points(
    axes: Axes, x: Sequence[float], y: Sequence[float], *, label: str, color: str
) -> None:
    """Single points above the bands; whole curves of them below, as small dots."""
    many = len(x) > 200
    axes.plot(
        x,
        y,
        "o",
        color=color,
        markersize=1.5 if many else 3,
        zorder=1.5 if many else 3,
        label=label,
        clip_on=False,
    )


def _draw_density(axes: Axes, dos: DensityOfStates, *, first_color: int) -> None:
    """Density to the right; its parts, where there are several, as lines over it."""
    several = dos.parts is not None and len(dos.parts) > 1
    color = "0.5" if several else "C0"
    axes.fill_betweenx(dos.frequencies, dos.density, color=color, alpha=0.3, lw=0)
    if dos.parts is not None and several:
        labels = dos.labels or [f"part {i + 1}" for i in range(len(dos.parts))]
        for i, (label, part) in enumerate(zip(labels, dos.parts, strict=True)):
            color = f"C{(first_color + i) % 7}"
            axes.plot(part, dos.frequencies, color=color, linewidth=0.9, label=label)
        axes.legend(loc="best", handlelength=1)
    else:
        axes.plot(dos.density, dos.frequencies, color=color, linewidth=0.9)
    axes.set(xlabel="DOS (1/THz)", xlim=(0, 1.05 * dos.density.max()))


def _merged_ticks(bands: Bands) -> tuple[list[float], list[str]]:
    """Places and labels; the two ends of a break share one, such as U|K."""
    places: list[float] = []
    labels: list[str] = []
    for row, label in bands.path.ticks:
        place = float(bands.path.distance[row])
        if places and place == places[-1]:
            labels[-1] += "" if labels[-1] == label else f"|{label}"
            continue
        places.append(place)
        labels.append(label)
    return places, labels


def _mark_imaginary(
    axes: Sequence[Axes] | np.ndarray, lowest: float, dos: DensityOfStates | None
) -> None:
    """Zero at the bottom, or gray below it where there are imaginary modes."""
    if dos is not None and dos.smearing is None:  # tails of Gaussians are no modes
        lowest = min(lowest, float(dos.frequencies[dos.density > 0].min()))
    imaginary = lowest < -IMAGINARY
    note = ", imaginary below 0" if imaginary else ""
    axes[0].set_ylabel(f"Frequency (THz){note}")
    for panel in axes:
        if not imaginary:
            panel.set_ylim(bottom=0)
            continue
        bottom = 1.05 * lowest
        panel.axhspan(bottom, 0, color="0.92", lw=0, zorder=-1)
        panel.axhline(0, color="0.5", linewidth=0.6)
        panel.set_ylim(bottom=bottom)
