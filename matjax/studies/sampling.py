"""Samples of a trained generator: made, written, and judged as they are written."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal
from matjax.generate import Generator, SamplerConfig, Steering
from matjax.generate.sampler import MOST_ANNEALING
from matjax.predictors import Potential
from matjax.studies.judging import Truth, can_judge, judge_new, judge_predicted
from matjax.studies.run import Run

PLACES = 4
"""Decimals of coordinates and cells (Å) in files of samples, which so stay small."""

N_WRITTEN = 1000
"""Samples in a file at most; all of more are written beside it."""

AGAIN = 19
"""Predictions beside the first, which make 20 as in the papers."""


class Sampling(Section):
    """How samples are made, and how many are judged."""

    method: str = "ode"
    """Sampler: ancestral, predictor_corrector, langevin, ode or heun."""
    steps: PositiveInt = 50
    """From noise to data."""
    annealing: float = Field(default=0.0, ge=0, le=MOST_ANNEALING)
    """How much the velocities of a flow of coordinates grow towards the data."""
    n: PositiveInt = 256
    """Crystals of the truth that are predicted from their composition, where elements
    are given or were in a share of the training."""
    n_20: NonNegativeInt = 64
    """Of these, the first ones that are predicted 20 times; the best counts."""
    n_new: PositiveInt = 1000
    """New crystals that are made where the generator chooses elements. Coverage grows
    with them: the papers have 10,000. The fingerprints of 1,000 take two minutes."""
    n_workers: PositiveInt | None = None
    """Processes that judge them; by default one for each core."""

    @property
    def sampler(self) -> SamplerConfig:
        """The sampler that takes these steps."""
        return SamplerConfig(self.method, self.steps, annealing=self.annealing)


class Steer(Section):
    """By what the potential steers samples on their way; by nothing if both are 0."""

    energy: float = Field(default=0.0, ge=0)
    """Weight of its energy."""
    stability: float = Field(default=0.0, ge=0)
    """Worth of its lowest eigenvalue at the zone boundary, Å²."""
    start: float = Field(default=0.2, gt=0, le=1)
    """Time, falling from 1 to 0, at which it begins."""

    def steering(self, potential: Potential) -> Steering | None:
        """What it does to samples; None for nothing."""
        if not (self.energy or self.stability):
            return None
        return Steering.create(potential, **self.model_dump())


def sample_and_judge(
    generator: Generator, truth: Truth, sampling: Sampling, run: Run, *, seed: int
) -> dict[str, float | int]:
    """Predictions and new crystals, as the generator can make them, and how good.

    Where it makes both, the cost of a sample is that of a new crystal.

    Args:
        generator: that was trained.
        truth: beside which samples are judged.
        sampling: how many samples are made, and how.
        run: where files go.
        seed: of the samples.
    """
    metrics: dict[str, float | int] = {}
    predictor = generator.predictor
    if predictor.recipe.process.elements == "given":
        true = truth.crystals[: sampling.n]
        compositions = [np.asarray(crystal.numbers) for crystal in true]
        found, metrics = _made(
            predictor, compositions, sampling, run, name="predictions", seed=seed
        )
        if can_judge("predicted", run):
            sets = _again(predictor, compositions[: sampling.n_20], sampling, seed + 1)
            metrics |= judge_predicted(
                [found, *sets], true, run, n_workers=sampling.n_workers
            )
    if generator.recipe.process.elements != "given":
        # Latents, where a network has them, tell numbers of atoms to the same seed.
        wanted = generator.unnamed(sampling.n_new, seed + 2)
        found, numbers = _made(
            generator, wanted, sampling, run, name="samples", seed=seed + 2
        )
        metrics |= numbers
        if can_judge("new", run):
            metrics |= judge_new(found, truth, run, n_workers=sampling.n_workers)
    return metrics


def save_samples(
    run: Run, name: str, crystals: Sequence[Crystal | None]
) -> list[Crystal | None]:
    """Writes samples as they are judged, and gives them.

    Args:
        run: where the file goes.
        name: of the file, such as ``samples.extxyz.gz``.
        crystals: None for what is no crystal, which the file leaves out. It holds 1,000
            at most; of more all are written to another, ``all_samples.extxyz.gz``.
    """
    kept = [None if crystal is None else _rounded(crystal) for crystal in crystals]
    found = [crystal for crystal in kept if crystal is not None]
    if found:
        run.save_crystal(name, found[:N_WRITTEN])
    if len(found) > N_WRITTEN:
        run.save_crystal(f"all_{name}", found)
    return kept


def _made(
    generator: Generator,
    compositions: Sequence[np.ndarray],
    sampling: Sampling,
    run: Run,
    *,
    name: str,
    seed: int,
) -> tuple[list[Crystal | None], dict[str, float | int]]:
    """Samples as they are written, and what they cost."""
    begun = time.monotonic()
    sampled = generator.sample_each(compositions, seed, sampler=sampling.sampler)
    seconds = time.monotonic() - begun
    return save_samples(run, f"{name}.extxyz.gz", sampled.crystals), {
        f"n_{name}": len(compositions),
        f"n_{name}_not_finite": sampled.n_failed,
        "network_evaluations": sampled.evaluations,
        "seconds_per_sample": seconds / len(compositions),
    }


def _again(
    generator: Generator,
    compositions: Sequence[np.ndarray],
    sampling: Sampling,
    seed: int,
) -> list[list[Crystal | None]]:
    """Further sets of predictions; none if there is nothing to predict."""
    n = len(compositions)
    if not n:
        return []
    wanted = [*compositions] * AGAIN
    found = generator.sample_each(wanted, seed, sampler=sampling.sampler).crystals
    return [found[k : k + n] for k in range(0, len(found), n)]


def _rounded(crystal: Crystal) -> Crystal:
    """The crystal as a short file has it."""
    return Crystal.create(
        np.asarray(crystal.numbers),
        np.asarray(crystal.cell, np.float64).round(PLACES),
        positions=np.asarray(crystal.positions, np.float64).round(PLACES),
    )
