"""Soft modes of one crystal, and the phase of lower energy that they lead to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import Field, NonNegativeInt, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, space_group
from matjax.lattice_dynamics.transitions import FollowSettings, Stage, descend
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.reports import (
    descent_figure,
    figure_title,
    stage_in_words,
    stage_record,
    verdict,
)
from matjax.studies import CrystalConfig, Run
from matjax.weights import load_potential

SYMPREC = 0.01
"""Å; names the symmetry of relaxed crystals, unless the config says otherwise."""


class Follow(Section):
    """How unstable modes are followed."""

    modes: PositiveInt = 1
    """Number of the lowest modes that are followed at each stage."""
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
    """Largest denominator of the components of q; others are approximated."""
    max_atoms: PositiveInt = 200
    """Most atoms of a supercell."""
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
        for line in stage_in_words(len(stages), stage, symprec):
            run.log.info("%s", line)
        _save(stages, run, symprec)
    bands = stages[0].phonons.bands(spacing=config.spacing)
    title = figure_title(stages[0].phonons.crystal, config.potential, symprec=symprec)
    if len(stages) > 1:
        title += f": the first of {len(stages)} stages"
    run.save_figure("stability", descent_figure(bands, stages[0], title))
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
    lines = [
        x
        for i, stage in enumerate(stages, 1)
        for x in stage_in_words(i, stage, symprec)
    ]
    text = "\n".join([*lines, verdict(stages), ""])
    run.save_text("report.txt", text)
    record = [stage_record(stage, symprec) for stage in stages]
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    run.save_text("report.json", text)
    run.save_crystal("final.cif", _final(stages))


def _final(stages: Sequence[Stage]) -> Crystal:
    """The crystal of lowest energy reached."""
    last = stages[-1]
    if last.descents and last.descents[0].gain_per_atom > 0:
        return last.descents[0].lowest.crystal
    return last.phonons.crystal


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
