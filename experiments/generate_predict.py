"""Crystals of a formula: sampled, relaxed, ranked, symmetrised, phonons checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import jax.numpy as jnp
from pydantic import Field, NonNegativeInt, PositiveInt

from matjax.config import ConfigError, ExperimentConfig
from matjax.elements import symbols
from matjax.generate import (
    Constraints,
    Generator,
    covering_generator,
    load_generator,
)
from matjax.generate.refinement import (
    STABLE,
    Candidate,
    lowest_frequencies,
    refined,
)
from matjax.predictors import Potential
from matjax.studies import Run, Steer, save_candidates, save_way
from matjax.weights import load_potential


class Config(ExperimentConfig):
    """What is wanted, of which generator, judged by which potential."""

    formula: str | None = None
    """Of one formula unit, such as SrTiO3; none for a generator that chooses elements
    itself."""
    n: PositiveInt = 20
    """Samples."""
    n_formula: PositiveInt = 1
    """Formula units in a cell."""
    n_atoms: PositiveInt | None = None
    """Atoms in a cell, for a generator that chooses elements itself."""
    generator: str | None = None
    """Name or file; by default the first known one that covers the formula."""
    method: str | None = None
    """Sampler; by default that of the generator."""
    steps: PositiveInt | None = None
    """Of the sampler; by default those of the generator."""
    space_group: int | str | None = None
    """Number or symbol of the group that samples have."""
    conditions: dict[str, float | str] = Field(default_factory=dict)
    """Values that samples shall have, for a generator trained with conditions."""
    guidance: float = Field(default=1.0, ge=0)
    """How far samples are led beyond the conditions."""
    steer: Steer = Steer()
    potential: str = "nequix-mp-1-pft"
    """Name or file of the potential in which samples come to rest."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Precision of the generator and the potential."""
    fmax: float = Field(default=5e-3, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: PositiveInt = 300
    """Of a relaxation."""
    symprec: float = Field(default=0.05, gt=0)
    """Å, how far atoms may be from the symmetric places to which they are moved."""
    n_phonons: NonNegativeInt = 5
    """Candidates of lowest energy whose phonons are computed."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (2, 2, 2)
    """Wave vectors of the phonons, Γ among them."""
    animation: bool = True
    """Whether the way from noise to the sample of the best candidate is written."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Table, structures and figure of the candidates, and the numbers of the best."""
    generator = _generator(config, run)
    potential = load_potential(config.potential).astype(config.potential_precision)
    options = _options(config, generator, potential)
    sizes = {"n_formula": config.n_formula, "n_atoms": config.n_atoms}
    rows = generator.compositions(config.formula, config.n, config.seed, **sizes)
    run.log.info(
        "%d samples of %s atoms in a cell",
        *(config.n, " or ".join(map(str, sorted({len(row) for row in rows})))),
    )
    sampled = generator.sample_each(
        rows, config.seed, **options, keep_ways=config.animation
    )
    crystals = sampled.finite
    if not crystals:
        raise ValueError(
            f"none of {config.n} samples is a crystal: train it for longer"
        )
    run.save_crystal("samples.extxyz", crystals)
    found = refined(
        potential,
        crystals,
        coverage=generator.coverage,
        fmax=config.fmax,
        max_steps=config.max_steps,
        symprec=config.symprec,
        progress=run.progress,
    )
    for k, failure in found.failures.items():
        run.log.warning("sample %d could not be relaxed: %s", k, failure)
    if not found.candidates:
        raise ValueError("no sample could be relaxed; raise n, or train it for longer")
    best = [c.relaxed for c in found.candidates[: config.n_phonons]]
    lowest = lowest_frequencies(potential, best, config.mesh)
    lowest += [math.nan] * (len(found.candidates) - len(best))
    stable = [None if math.isnan(f) else f > STABLE for f in lowest]
    title = (
        f"{config.formula or 'samples'}: {len(crystals)} samples, {config.potential}"
    )
    save_candidates(run, found.candidates, lowest, stable, title=title)
    if config.animation:
        made = [k for k, c in enumerate(sampled.crystals) if c is not None]
        save_way(run, sampled.ways[made[found.candidates[0].sample]])
    return {
        "n_samples": config.n,
        "n_not_crystals": sampled.n_failed,
        "n_not_relaxed": len(found.failures),
        "network_evaluations": sampled.evaluations,
        **_metrics(found.candidates, lowest),
    }


def _generator(config: Config, run: Run) -> Generator:
    dtype = jnp.dtype(config.potential_precision)
    if config.generator is not None:
        name = config.generator
        generator = load_generator(name, dtype=dtype)
    elif config.formula is None:
        raise ConfigError(
            "a formula is needed, or a generator that chooses elements: "
            "formula=SrTiO3, or generator=FILE"
        )
    else:
        name, generator = covering_generator(
            config.formula, config.n_formula, dtype=dtype
        )
    run.log.info("%s, trained on %s", name, generator.coverage.described)
    return generator if config.formula is None else generator.predictor


def _options(config: Config, generator: Generator, potential: Potential) -> dict:
    """What sampling is told beside the formula, once the potential is known to fit."""
    wanted = set(generator.coverage.species)
    if config.formula is not None:
        wanted = set(generator.coverage.atoms_of(config.formula, config.n_formula))
    if unknown := tuple(sorted(map(int, wanted - set(potential.species)))):
        raise ConfigError(
            f"{config.potential} knows nothing of {', '.join(symbols(unknown))}: name "
            "another potential"
        )
    usual = generator.recipe.sampler
    asked = {"method": config.method, "steps": config.steps}
    sampler = dataclasses.replace(usual, **{k: v for k, v in asked.items() if v})
    return {
        "sampler": sampler,
        "constraints": Constraints(space_group=config.space_group),
        "conditions": config.conditions,
        "guidance": config.guidance,
        "steering": config.steer.steering(potential),
    }


def _metrics(
    candidates: Sequence[Candidate], lowest: Sequence[float]
) -> dict[str, float]:
    best = candidates[0]
    checked = [f for f in lowest if not math.isnan(f)]
    metrics = {
        "n_candidates": len(candidates),
        "n_converged": sum(c.converged for c in candidates),
        "n_unlike_data": sum(bool(c.unlike) for c in candidates),
        "best_energy_eV_per_atom": best.energy,
        "best_space_group": best.number,
        "best_copies": best.copies,
        "best_volume_A3_per_atom": float(best.crystal.volume) / best.crystal.n_atoms,
        "n_phonons": len(checked),
        "n_stable": sum(f > STABLE for f in checked),
    }
    if not math.isnan(lowest[0]):
        metrics["best_lowest_frequency_THz"] = lowest[0]
    return metrics
