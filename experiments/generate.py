"""A generator of crystals, trained on a data set; its samples judged on another."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig, Section
from matjax.data import Dataset, read_dataset
from matjax.generate import (
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    SamplerConfig,
    data_scales,
    denoising_labels,
    denoising_losses,
    load_generator,
    save_generator,
)
from matjax.generate.evaluate import (
    is_valid_structure,
    match_rate,
    validity,
    wasserstein,
)
from matjax.nn import CHEMICAL_SYSTEM
from matjax.predictors import initial_parameters
from matjax.reports import learning_figure
from matjax.studies import Data, Run, fit_graphs, generation
from matjax.train import FitConfig, Task, Term, read_records


class Weights(Section):
    """What the loss of each part counts."""

    fractional: float = Field(default=1.0, gt=0)
    """Coordinates."""
    cell: float = Field(default=1.0, gt=0)
    """The cell."""
    elements: float = Field(default=1.0, gt=0)
    """Elements, where they are not given."""


class Sampling(Section):
    """How samples are made, and how many are judged."""

    method: str = "ode"
    """Sampler: ancestral, predictor_corrector, langevin, ode or heun."""
    steps: PositiveInt = 50
    """From noise to data."""
    n: PositiveInt = 256
    """Crystals of the validation set that are predicted from their composition, or
    samples if elements are not given."""


class Config(ExperimentConfig):
    """Which crystals, which noise, which network."""

    train: str
    """Data set by name (``perov_5/train``), file or folder."""
    validation: str
    """Data set on which the best parameters are chosen and samples judged."""
    n_validation: PositiveInt = 512
    """Crystals of it whose loss is watched, at one time of noise each."""
    network: dict[str, Any] = Field(default_factory=lambda: {"name": "diffcsp"})
    """Name and attributes of the denoiser; species come from the data."""
    condition: str | tuple[str, ...] = ()
    """Labels that the network ``mattergen`` takes as conditions, chemical_system among
    them."""
    base: str | None = None
    """Generator by name or file whose parameters stay; adapters of the conditions alone
    are trained. Network and process are those of the base."""
    process: ProcessConfig = ProcessConfig()
    """Noise of coordinates, cell and elements."""
    weights: Weights = Weights()
    """Of the losses."""
    batch_size: PositiveInt = 256
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    sampling: Sampling = Sampling()


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The generator as a file, samples of it, and how good they are."""
    asked = (
        (config.condition,) if isinstance(config.condition, str) else config.condition
    )
    labeled = [name for name in asked if name != CHEMICAL_SYSTEM]
    training = read_dataset(config.train, labeled)
    validation = read_dataset(config.validation, labeled)
    validation.require_species(training.species, "the training set")
    generator = _start(config, training, asked)
    process = generator.process
    labels = denoising_labels(process)
    losses = denoising_losses(generator.model, process, seed=config.seed)
    start = generator.params
    kept: dict[str, Any] = {}
    if config.base is not None:
        kept, start = start, generation.trained_parameters(start)
    task = Task(
        predict=lambda params, batch: losses({**kept, **params}, batch),
        params=start,
        terms=[
            Term(label, getattr(config.weights, part)) for part, label in labels.items()
        ],
        identity={"model": repr(generator.model), "process": repr(process)},
    )
    held_out = _first(validation, config.n_validation)
    data = Data(
        graphs=[generation.numbered_graphs(training, labels.values(), labeled)],
        held_out=generation.numbered_graphs(held_out, labels.values(), labeled),
        batch_size=config.batch_size,
        seed=config.seed,
        alone=True,
    )
    path = run.path("generator.safetensors")

    def keep(params: Any) -> None:
        whole = generator.replace(params={**kept, **params})
        save_generator(whole, path, overwrite=True)

    fitted = fit_graphs(task, data, run, config.fit, on_best=keep)
    if run.writes:
        title = f"{config.network['name']}, {config.train}"
        curve = learning_figure(read_records(run.folder), title=title)
        run.save_figure("learning", curve)
    trained = generator.replace(params={**kept, **fitted.params})
    judged = _judged(trained, _first(validation, config.sampling.n), config, run)
    return {**fitted.metrics, "n_train": len(training), **judged}


def _start(config: Config, training: Dataset, asked: tuple[str, ...]) -> Generator:
    """The untrained generator."""
    if config.base is not None:
        base = load_generator(config.base, dtype=jnp.float32)
        training.require_species(base.model.species, "the base")
        return generation.adapted(base, asked, training, config.seed)
    crystals = [example.crystal for example in training.examples]
    scales = data_scales(crystals)
    model = generation.new_denoiser(config.network, training, scales, asked)
    recipe = Recipe(
        process=config.process,
        scales=scales,
        coverage=Coverage.of(crystals, config.train),
        method=config.sampling.method,
        steps=config.sampling.steps,
    )
    _ = recipe.sampler  # refused before the training, not after it
    params = initial_parameters(model, config.seed)
    return Generator(params=params, model=model, recipe=recipe).astype(jnp.float32)


def _first(dataset: Dataset, n: int) -> Dataset:
    """The first crystals of a data set."""
    return dataclasses.replace(dataset, examples=dataset.examples[:n])


def _judged(
    generator: Generator, truth: Dataset, config: Config, run: Run
) -> dict[str, float]:
    """Samples as a file, and how good they are beside the truth."""
    expected = [example.crystal for example in truth.examples]
    sampler = SamplerConfig(config.sampling.method, config.sampling.steps)
    begun = time.monotonic()
    sampled = generator.sample_each(
        [np.asarray(crystal.numbers) for crystal in expected],
        config.seed,
        sampler=sampler,
    )
    seconds = (time.monotonic() - begun) / len(expected)
    if found := sampled.finite:
        run.save_crystal("samples.extxyz", found)
    metrics = {
        "n_sampled": len(expected),
        "n_not_finite": sampled.n_failed,
        "network_evaluations": sampled.evaluations,
        "seconds_per_sample": seconds,
    }
    if config.process.elements == "given":
        return metrics | match_rate(expected, [sampled.crystals])
    valid = [crystal for crystal in found if is_valid_structure(crystal)]
    if valid:
        metrics |= wasserstein(valid, expected)
    if find_spec("smact") is None:
        run.log.warning("validity is left out: it needs smact, pip install smact")
        return metrics
    return metrics | validity(sampled.crystals)
