"""Samples of any generator, in a file, judged beside a data set."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from pydantic import NonNegativeInt, PositiveInt

from matjax.config import ConfigError, ExperimentConfig
from matjax.crystals import Crystal, read_each
from matjax.data import read_dataset
from matjax.generate import load_generator
from matjax.generate.evaluate import is_valid, match_everyone
from matjax.studies import (
    Run,
    Sampling,
    Truth,
    judge_energies,
    judge_new,
    judge_predicted,
    sample_and_judge,
)


class Config(ExperimentConfig):
    """Which samples, and beside what."""

    samples: str | None = None
    """File of samples, in a format that ASE reads."""
    generator: str | None = None
    """Name or file of a generator whose samples are made and judged instead, as after
    its training."""
    sampling: Sampling = Sampling()
    """Of that generator."""
    truth: str
    """Data set by name (``perov_5/test``), file or folder."""
    train: str | None = None
    """Data set that the generator has seen, for novelty."""
    predicted: bool = False
    """Whether samples predict the true structures: one for each, in their order, or
    several such sets one after the other. Else they are new crystals."""
    everyone: bool = False
    """Whether each true structure is searched among all samples too (METRe, cRMSE)."""
    n_missing: NonNegativeInt = 0
    """Samples that the file leaves out because they are no crystals; not valid ones."""
    cutoffs: tuple[float, float] | None = None
    """Distances of structures and of compositions for coverage; by default those that
    are published for the truth, or those of MP-20."""
    potential: str | None = None
    """Potential for energies and stability; they are left out by default."""
    n_energies: PositiveInt = 200
    """Samples whose energies are computed, at most."""
    n_workers: PositiveInt | None = None
    """Processes of this machine; by default one for each core."""


def main(config: Config, run: Run) -> Mapping[str, float | int]:
    """The numbers of the papers, and figures beside the data."""
    true = [example.crystal for example in read_dataset(config.truth, ()).examples]
    training = () if config.train is None else read_dataset(config.train, ()).examples
    truth = Truth(
        name=config.truth,
        crystals=true,
        training=[example.crystal for example in training],
        cutoffs=config.cutoffs,
    )
    if (config.samples is None) == (config.generator is None):
        raise ConfigError(
            "a file of samples or a generator is needed, and not both; received "
            f"samples={config.samples!r}, generator={config.generator!r}"
        )
    if config.generator is not None:
        generator = load_generator(config.generator, dtype=jnp.float32)
        generator.coverage.require_species(
            {int(z) for crystal in true for z in crystal.numbers}, config.truth
        )
        sampling, seed = config.sampling, config.seed
        return sample_and_judge(generator, truth, sampling, run, seed=seed)
    samples = _samples(str(config.samples), config.n_missing)
    metrics: dict[str, float | int] = {"n_samples": len(samples), "n_truth": len(true)}
    if config.everyone:
        metrics |= match_everyone(
            true, samples, n_workers=config.n_workers or 1, progress=run.progress
        )
    if config.predicted:
        if len(samples) % len(true):
            raise ConfigError(
                "samples that predict the truth are as many as it has structures, or a "
                f"multiple; received {len(samples)} samples and {len(true)} structures"
            )
        n = len(true)
        sets = [samples[k : k + n] for k in range(0, len(samples), n)]
        return metrics | judge_predicted(sets, true, run, n_workers=config.n_workers)
    metrics |= judge_new(samples, truth, run, n_workers=config.n_workers)
    if config.potential is None:
        return metrics
    valid = [c for c in samples if c is not None and is_valid(c)]
    return metrics | judge_energies(
        *(valid, config.truth, config.potential, run),
        n=config.n_energies,
        n_workers=config.n_workers,
    )


def _samples(path: str, n_missing: int) -> list[Crystal | None]:
    """Samples of the file; None for what is no crystal, or is not there."""
    # Atoms that are too close are for the validity to tell.
    read = read_each(path, allow_close=True)
    found = [one if isinstance(one, Crystal) else None for _, one in read]
    if not found:
        raise ConfigError(f"{path} holds no sample: one at least is needed")
    return [*found, *[None] * n_missing]
