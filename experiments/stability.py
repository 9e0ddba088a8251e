"""Soft modes of one crystal, and the phase of lower energy that they lead to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, cell_parameters, space_group
from matjax.lattice_dynamics import Bands
from matjax.lattice_dynamics.transitions import (
    Descent,
    FollowSettings,
    SoftMode,
    Stability,
    Stage,
    descend,
)
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.reports import draw_bands, figure_title, new_figure, stagger_labels, style
from matjax.studies import CrystalConfig, Run
from matjax.weights import load_potential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SYMPREC = 0.01
"""Å; names the symmetry of relaxed crystals, unless the config says otherwise."""


class Follow(Section):
    """How unstable modes are followed."""

    modes: PositiveInt = 1
    """Of the lowest ones at each stage, how many."""
    stages: PositiveInt = 3
    """Crystals examined, the first and the last among them."""
    arms: PositiveInt = 1
    """Arms of a star that may condense together."""
    cell: bool = True
    """Whether the cell relaxes too."""
    max_displacement: float = Field(default=0.4, gt=0)
    """End of the energy curves, Å."""
    n_steps: PositiveInt = 8
    """Points of each curve on either side of zero."""
    n_random: NonNegativeInt = 1
    """Directions of the order parameter drawn beside those of symmetry."""
    max_denominator: PositiveInt = 6
    """Of the components of q; others are approximated."""
    max_atoms: PositiveInt = 200
    """Of a supercell."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force in the relaxed phases, eV/Å."""


class Config(CrystalConfig):
    """Which crystal, in which potential, and how far its modes are followed."""

    potential: str = "lennard-jones-ar"
    """Name or file of a potential."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force in the crystal at the start, eV/Å; its space group is kept."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (4, 4, 4)
    """Divisions of the reciprocal vectors where the search starts."""
    spacing: float = Field(default=0.05, gt=0)
    """Largest distance between points of the path, 1/Å (2π included)."""
    follow: Follow = Follow()


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A report, the final structure, and a figure of bands and energies."""
    potential = load_potential(config.potential)
    start = _at_rest(config, potential, run)
    symprec = config.symprec or SYMPREC
    options = config.follow.model_dump(exclude={"modes", "stages"})
    stages: list[Stage] = []
    for stage in descend(
        potential,
        start,
        FollowSettings(seed=config.seed, **config.tolerances, **options),
        mesh=config.mesh,
        max_stages=config.follow.stages,
        n_modes=config.follow.modes,
        progress=run.progress,
    ):
        stages.append(stage)
        for line in _lines(len(stages), stage, symprec):
            run.log.info("%s", line)
        _save(stages, run, symprec)
    bands = stages[0].phonons.bands(spacing=config.spacing)
    title = figure_title(stages[0].phonons.crystal, config.potential, symprec=symprec)
    if len(stages) > 1:
        title += f": the first of {len(stages)} stages"
    run.save_figure("stability", _figure(bands, stages[0], title))
    return _metrics(stages, symprec)


def _at_rest(config: Config, potential: Potential, run: Run) -> Crystal:
    crystal = config.described(run.log)
    relaxed = relax(
        potential, crystal, fmax=config.fmax, symmetry=True, **config.tolerances
    )
    if not relaxed.converged:
        run.log.warning("the relaxation has not converged in %d steps", relaxed.steps)
    run.save_crystal("parent.cif", relaxed.crystal)
    return relaxed.crystal


def _save(stages: Sequence[Stage], run: Run, symprec: float) -> None:
    """What is known by now, in place of what was."""
    lines = [x for i, stage in enumerate(stages, 1) for x in _lines(i, stage, symprec)]
    text = "\n".join([*lines, _verdict(stages), ""])
    run.save_text("report.txt", text)
    record = [_record(stage, symprec) for stage in stages]
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    run.save_text("report.json", text)
    run.save_crystal("final.cif", _final(stages))


def _final(stages: Sequence[Stage]) -> Crystal:
    """The crystal of lowest energy reached."""
    last = stages[-1]
    if last.descents and last.descents[0].gain_per_atom > 0:
        return last.descents[0].lowest.crystal
    return last.phonons.crystal


def _lines(number: int, stage: Stage, symprec: float) -> list[str]:
    """A stage in words."""
    crystal, stability = stage.phonons.crystal, stage.stability
    lengths = ", ".join(f"{x:.4f}" for x in cell_parameters(np.asarray(crystal.cell)))
    lines = [
        f"{number}. {space_group(crystal, symprec).symbol}, {crystal.n_atoms} atoms, "
        f"cell {lengths} (Å, degree)",
        *(f"   {_named(mode)}" for mode in stability.minima),
        f"   slowest long wave {stability.sound:.2f} km/s"
        + ("" if stability.elastically_stable else ": unstable against strain"),
        f"   {stability.n_matrices} dynamical matrices, {stability.n_gradients} "
        "gradients",
    ]
    for descent in stage.descents:
        size = abs(round(np.linalg.det(descent.supercell)))
        lines.append(f"   following {_named(descent.mode)}, in {size} cells:")
        for branch in descent.branches:
            per_formula = branch.energy / descent.lowest.energy
            per_formula *= descent.gain_per_formula
            direction = " ".join(f"{x:.2f}" for x in branch.direction)
            lines.append(
                f"     {branch.symbol:<10} {1e3 * branch.energy:9.3f} meV/atom "
                f"{-1e3 * per_formula:9.3f} meV per formula unit, along ({direction})"
                + ("" if branch.symmetric else ", drawn at random")
                + ("" if branch.converged else ", not at rest")
            )
    return lines


def _named(mode: SoftMode) -> str:
    q = " ".join(f"{x:.4f}" for x in mode.q + 0.0)
    label = f"{mode.label} " if mode.label else ""
    if mode.is_translation:
        return f"{label}({q}): translations, {mode.frequency:.3f} THz"
    kind = "imaginary" if mode.frequency < 0 else "real"
    return (
        f"{label}({q}): {abs(mode.frequency):.3f} THz, {kind}, degeneracy "
        f"{mode.degeneracy}, arms {len(mode.star)}, irrep dimension "
        f"{mode.irrep_dimension}"
    )


def _verdict(stages: Sequence[Stage]) -> str:
    stability = stages[-1].stability
    if stages[-1].descents:
        if stages[-1].descents[0].gain_per_atom > 0:
            return "The crystal of lowest energy has not been examined yet."
        return "The energy does not fall along the modes that were followed."
    if stability.stable:
        return "The last crystal is stable."
    if not stability.unstable:
        return "The last crystal is unstable against a strain, which is not followed."
    return "The last crystal is unstable; raise follow.stages to go on."


def _record(stage: Stage, symprec: float) -> dict[str, Any]:
    """A stage in numbers."""
    stability = stage.stability
    group = space_group(stage.phonons.crystal, symprec)
    return {
        "space_group": group.symbol,
        "n_atoms": stage.phonons.crystal.n_atoms,
        "stable": stability.stable,
        "slowest_sound_km_per_s": stability.sound,
        "n_matrices": stability.n_matrices,
        "n_gradients": stability.n_gradients,
        "minima": [_mode_record(mode) for mode in stability.minima],
        "followed": [_descent_record(descent) for descent in stage.descents],
    }


def _mode_record(mode: SoftMode) -> dict[str, Any]:
    return {
        "q": np.asarray(mode.q).tolist(),
        "label": mode.label,
        "frequency_THz": mode.frequency,
        "degeneracy": mode.degeneracy,
        "arms": len(mode.star),
        "irrep_dimension": mode.irrep_dimension,
        "is_translation": mode.is_translation,
    }


def _descent_record(descent: Descent) -> dict[str, Any]:
    return {
        "mode": _mode_record(descent.mode),
        "supercell": np.asarray(descent.supercell).tolist(),
        "gain_meV_per_atom": 1e3 * descent.gain_per_atom,
        "gain_meV_per_formula": 1e3 * descent.gain_per_formula,
        "branches": [
            {
                "direction": np.asarray(branch.direction).tolist(),
                "of_symmetry": branch.symmetric,
                "space_group": branch.symbol,
                "energy_meV_per_atom": 1e3 * branch.energy,
                "converged": branch.converged,
                "amplitudes_A": np.asarray(branch.amplitudes).tolist(),
                "energies_meV_per_atom": (1e3 * np.asarray(branch.energies)).tolist(),
            }
            for branch in descent.branches
        ],
    }


def _metrics(stages: Sequence[Stage], symprec: float) -> dict[str, float]:
    first, last = stages[0].stability, stages[-1].stability
    lowest = first.lowest
    gains = [stage.descents[0] for stage in stages if stage.descents]
    gains = [descent for descent in gains if descent.gain_per_atom > 0]
    final = _final(stages)
    return {
        "lowest_frequency_THz": lowest.frequency,
        **{f"lowest_q{i + 1}": float(x) for i, x in enumerate(lowest.q)},
        "degeneracy": lowest.degeneracy,
        "arms": len(lowest.star),
        "irrep_dimension": lowest.irrep_dimension,
        "slowest_sound_km_per_s": first.sound,
        "energy_gain_meV_per_atom": 1e3 * sum(d.gain_per_atom for d in gains),
        "energy_gain_meV_per_formula": 1e3 * sum(d.gain_per_formula for d in gains),
        "initial_space_group": space_group(stages[0].phonons.crystal, symprec).number,
        "final_space_group": space_group(final, symprec).number,
        "final_n_atoms": final.n_atoms,
        "final_lowest_frequency_THz": last.lowest.frequency,
        "final_is_stable": int(last.stable),
        "n_stages": len(stages),
        "n_matrices": sum(stage.stability.n_matrices for stage in stages),
        "n_gradients": sum(stage.stability.n_gradients for stage in stages),
    }


def _figure(bands: Bands, stage: Stage, title: str) -> Figure:
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
