"""One style for all figures, and their writing. The only home of matplotlib."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal, space_group
from matjax.lattice_dynamics import Bands, DensityOfStates, Thermal
from matjax.units import BOLTZMANN, J_PER_MOL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from matjax.train import Comparison

UNCONVERGED = 0.01
"""eV/Å; a crystal with a larger force is not at rest, and figures say so."""

IMAGINARY = 0.05
"""THz; softer imaginary frequencies are taken for round-off in float32."""

BAR = r"\\bar{\1}"
"""Of a rotoinversion in mathtext."""

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


def figure_title(
    crystal: Crystal, potential: str | Path = "", *, symprec: float = 1e-3
) -> str:
    """Formula, space group and potential, such as TiO₂, *I*4₁/*amd*, nequix-mp-1-pft.

    The group is left out where there is none: of slabs, and of atoms upon another.

    Args:
        crystal: with concrete arrays.
        potential: its name or file, if forces are those of a potential.
        symprec: Å; tolerance of the space group.
    """
    from ase.formula import Formula

    formula, _ = Formula.from_dict(Counter(crystal.symbols)).reduce()
    parts = [re.sub(r"(\d+)", r"$_{\1}$", format(formula, "metal"))]
    with suppress(ValueError):  # no figure is lost for its title
        symbol = space_group(crystal, symprec).symbol  # of mathtext, but for its bars
        parts.append(f"${re.sub('-(.)', BAR, symbol)}$")
    if str(potential):
        parts.append(Path(potential).name.replace("$", r"\$"))
    return ", ".join(parts)


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
        _remark(left, remarks)
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


def thermal_figure(
    thermal: Thermal,
    *,
    n_atoms: int | None = None,
    title: str = "",
    remarks: Sequence[str] = (),
) -> Figure:
    """Energies, entropy and heat capacity of a cell against temperature.

    A remark says which share of the modes is imaginary and left out.

    Args:
        thermal: as :meth:`matjax.lattice_dynamics.Phonons.thermal` returns it.
        n_atoms: atoms of the cell; if given, the limit 3R per atom is drawn.
        title: such as :func:`figure_title` makes.
        remarks: what a reader must know about this crystal, such as its pressure.
    """
    t = thermal.temperatures
    left_out = float(thermal.fraction_imaginary)
    if left_out > 0:
        share = f"{100 * left_out:.2g} % of the modes are imaginary and left out"
        remarks = [share, *remarks]
    with style():
        figure, axes = new_figure(1, 3, width=7.2, height=2.5, title=title)
        energies, entropy, heat = axes[0]
        energies.plot(t, thermal.free_energy, label="free, $F$")
        energies.plot(t, thermal.internal_energy, label="internal, $U$")
        energies.legend()
        energies.set_ylabel("Energy per cell (eV)")
        entropy.plot(t, thermal.entropy)
        entropy.set_ylabel("$S$ per cell (J/(mol K))")
        heat.plot(t, thermal.heat_capacity)
        heat.set_ylabel("$C_V$ per cell (J/(mol K))")
        if n_atoms is not None:
            limit = 3 * BOLTZMANN * J_PER_MOL * n_atoms
            heat.axhline(limit, color="0.5", linewidth=0.8, linestyle="--")
            heat.annotate(
                "3R per atom",
                (t[0], limit),
                xytext=(4, -10),
                color="0.4",
                textcoords="offset points",
            )
        for panel in axes[0]:
            panel.set(xlabel="Temperature (K)", xlim=(t[0], t[-1]))
        for panel in (entropy, heat):
            panel.set_ylim(bottom=0)
        _remark(energies, remarks)
    return figure


def learning_figure(
    records: Sequence[Mapping[str, float | int]], *, title: str = ""
) -> Figure:
    """Errors of training and validation by epoch, a panel for each kind of label.

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
        if key.startswith("val_") and "_mae" in key
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
            ends = [np.min(pair), np.max(pair)]
            ax.plot(ends, ends, color="0.7", linewidth=0.8, zorder=0)
            ax.plot(pair.expected, pair.predicted, ".", markersize=2, rasterized=True)
            unit = units.get(label, "")
            error = np.abs(np.float64(pair.predicted) - pair.expected).mean()
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
    """Move the labels of the x axis that would overlap their neighbors to a lower line.

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


def _remark(axes: Axes, remarks: Sequence[str]) -> None:
    """What a reader must know, in a color of warning, above the first panel."""
    if remarks:
        axes.set_title("\n".join(remarks), color="C1", loc="left")


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


_NO_DATE: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Producer": None},
    ".svg": {"Date": None},
}


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, PDF or SVG, by the ending of the path."""
    with style():
        # Without the version, so that equal figures are equal files.
        figure.savefig(path, dpi=200, metadata=_NO_DATE.get(path.suffix.lower()))
