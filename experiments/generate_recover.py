"""Known crystals predicted from their formulas: which are found, which are stable."""

from __future__ import annotations

import time
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.data import read_dataset
from matjax.generate import load_generator
from matjax.generate.evaluate import match_rate
from matjax.generate.refinement import STABLE, lowest_frequencies, refined
from matjax.mechanics import relax
from matjax.studies import Run, Steer
from matjax.weights import load_potential


class Config(ExperimentConfig):
    """Which crystals, by which generator and potential."""

    generator: str
    """Name or file of a generator to which elements can be given."""
    truth: str
    """Data set by name, file or folder; crystals of it are chosen at random."""
    n_crystals: PositiveInt = 10
    """Crystals."""
    n: PositiveInt = 20
    """Samples for each."""
    potential: str = "nequix-mp-1-pft"
    """Name or file of the potential in which samples come to rest."""
    steer: Steer = Steer()
    fmax: float = Field(default=5e-3, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: PositiveInt = 300
    """Of a relaxation."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (2, 2, 2)
    """Wave vectors of the phonons, Γ among them."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table of the crystals; how many are found, and how many samples are stable."""
    generator = load_generator(config.generator, dtype=jnp.float32).predictor
    potential = load_potential(config.potential).astype("float32")
    examples = read_dataset(config.truth, ()).examples
    rng = np.random.default_rng(config.seed)
    chosen = rng.choice(len(examples), config.n_crystals, replace=False)
    true = [examples[k].crystal for k in sorted(chosen)]
    at_rest = [r.crystal for r in relax(potential, true, fmax=config.fmax)]
    steering = config.steer.steering(potential)
    rows: list[dict[str, object]] = []
    found, seconds, n_stable, n_samples = [], 0.0, 0, 0
    for crystal in run.progress(true, "crystals"):
        composition = [np.asarray(crystal.numbers)] * config.n
        begun = time.monotonic()
        sampled = generator.sample_each(composition, config.seed, steering=steering)
        seconds += time.monotonic() - begun
        limits = {"fmax": config.fmax, "max_steps": config.max_steps}
        candidates = refined(potential, sampled.finite, **limits).candidates
        kept = [c.relaxed for c in candidates]
        lowest = lowest_frequencies(potential, kept, config.mesh)
        stable = sum(
            c.copies for c, f in zip(candidates, lowest, strict=True) if f > STABLE
        )
        n_stable, n_samples = n_stable + stable, n_samples + config.n
        found.append(candidates[0].relaxed if candidates else None)
        if kept:
            run.save_crystal(f"candidates_{len(rows)}.extxyz", kept)
        rows.append(
            {
                "formula": crystal.to_ase().get_chemical_formula("metal"),
                "n_candidates": len(candidates),
                "copies_of_lowest": candidates[0].copies if candidates else 0,
                "space_group": candidates[0].space_group if candidates else "",
                "n_stable": stable,
                "lowest_frequency_THz": float(lowest[0]) if len(lowest) else np.nan,
            }
        )
        run.save_table("recovered", {k: [row[k] for row in rows] for k in rows[0]})
    matches = {
        name: match_rate(known, [found])["match_rate_percent"] / 100 * len(true)
        for name, known in (("given", true), ("relaxed", at_rest))
    }
    return {
        "n_crystals": len(true),
        "n_samples_each": config.n,
        "n_found": round(matches["given"]),
        "n_found_beside_relaxed": round(matches["relaxed"]),
        "stable_percent": 100 * n_stable / n_samples,
        "seconds_per_sample": seconds / n_samples,
    }
