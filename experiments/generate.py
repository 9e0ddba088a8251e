"""A generator of crystals, trained on a data set; its samples judged on another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig, Section
from matjax.data import Dataset, LabeledGraphs, read_dataset
from matjax.generate import (
    EXAMPLE,
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    data_scales,
    denoising_labels,
    denoising_losses,
    save_generator,
)
from matjax.models import make_model
from matjax.predictors import Label, initial_parameters
from matjax.reports import learning_figure
from matjax.studies import Data, Run, Sampling, Truth, fit_graphs, sample_and_judge
from matjax.train import FitConfig, Task, Term, read_records
from matjax.weights import require_settings

NO_EDGES = 0.0
"""Cutoff of the graphs of data: edges of noisy crystals are found where the noise
is."""


class Weights(Section):
    """What the loss of each part counts."""

    fractional: float = Field(default=1.0, gt=0)
    """Coordinates."""
    cell: float = Field(default=1.0, gt=0)
    """The cell."""
    elements: float = Field(default=1.0, gt=0)
    """Elements, where they are not given."""


class Config(ExperimentConfig):
    """Which crystals, which noise, which network."""

    train: str
    """Data set by name (``perov_5/train``), file or folder."""
    validation: str
    """Data set on which the best parameters are chosen."""
    truth: str | None = None
    """Data set beside which samples are judged; by default the validation set."""
    n_validation: PositiveInt = 512
    """Crystals of it whose loss is watched, at one time of noise each."""
    network: dict[str, Any] = Field(default_factory=lambda: {"name": "diffcsp"})
    """Name and attributes of the denoiser; species come from the data."""
    process: ProcessConfig = ProcessConfig()
    """Noise of coordinates, cell and elements."""
    weights: Weights = Weights()
    """Of the losses."""
    batch_size: PositiveInt = 256
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    sampling: Sampling = Sampling()


def main(config: Config, run: Run) -> Mapping[str, float | int]:
    """The generator as a file, samples of it, and how good they are."""
    training = read_dataset(config.train, ())
    validation = read_dataset(config.validation, ())
    validation.require_species(training.species, "the training set")
    truth = read_dataset(config.truth or config.validation, ())
    truth.require_species(training.species, "the training set")
    generator = _start(config, training)
    process = generator.process
    labels = denoising_labels(process)
    task = Task(
        predict=denoising_losses(generator.model, process, seed=config.seed),
        params=generator.params,
        terms=[
            Term(label, getattr(config.weights, part)) for part, label in labels.items()
        ],
        identity={"model": repr(generator.model), "process": repr(process)},
    )
    data = Data(
        graphs=[_graphs(training, labels)],
        held_out=_graphs(_first(validation, config.n_validation), labels),
        batch_size=config.batch_size,
        seed=config.seed,
        alone=True,
    )
    path = run.path("generator.safetensors")

    def keep(params: Any) -> None:
        save_generator(generator.replace(params=params), path, overwrite=True)

    fitted = fit_graphs(task, data, run, config.fit, on_best=keep)
    if run.writes:
        title = f"{config.network['name']}, {config.train}"
        curve = learning_figure(read_records(run.folder), title=title)
        run.save_figure("learning", curve)
    trained = generator.replace(params=fitted.params)
    crystals, seen = ([e.crystal for e in d.examples] for d in (truth, training))
    beside = Truth(truth.name, crystals, seen)
    judged = sample_and_judge(trained, beside, config.sampling, run, seed=config.seed)
    return {**fitted.metrics, "n_train": len(training), **judged}


def _start(config: Config, training: Dataset) -> Generator:
    """The untrained generator."""
    crystals = [example.crystal for example in training.examples]
    scales = data_scales(crystals)
    model = make_model(
        config.network, "denoiser", species=training.species, **scales._asdict()
    )
    require_settings(model, "the key network")
    training.require_species(model.species, "the key network")
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


def _graphs(dataset: Dataset, labels: Mapping[str, Label]) -> LabeledGraphs:
    """Crystals with their number, from which noise follows, and losses of zero."""

    def labeled(k: int) -> Any:
        example = dataset.examples[k]
        zeros = {
            label.name: np.zeros(example.crystal.n_atoms) if label.of_atoms else 0.0
            for label in labels.values()
        }
        return dataclasses.replace(example, labels={EXAMPLE: float(k), **zeros})

    examples = tuple(map(labeled, range(len(dataset))))
    numbered = dataclasses.replace(dataset, examples=examples)
    return LabeledGraphs(numbered, NO_EDGES, labels=[*labels.values(), EXAMPLE])
