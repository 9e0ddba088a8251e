"""A generator of crystals, trained on a data set; its samples judged on another."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from matjax.config import ExperimentConfig, Section
from matjax.data import Dataset, LabeledGraphs, read_dataset
from matjax.generate import (
    EXAMPLE,
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    SamplerConfig,
    data_scales,
    denoising_labels,
    denoising_losses,
    loss_weights,
    property_settings,
    save_generator,
)
from matjax.generate.evaluate import (
    is_valid_structure,
    match_rate,
    validity,
    wasserstein,
)
from matjax.models import make_model
from matjax.predictors import Label, initial_parameters
from matjax.reports import learning_figure
from matjax.studies import Data, Run, fit_graphs
from matjax.train import FitConfig, Task, Term, read_records
from matjax.weights import require_settings

NO_EDGES = 0.0
"""Cutoff of the graphs of data: edges are found where the noise is."""


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
    process: ProcessConfig = ProcessConfig()
    """Noise of coordinates, cell and elements."""
    weights: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Of the losses by name; by default those published for the network, or 1."""
    batch_size: PositiveInt = 256
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    sampling: Sampling = Sampling()


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The generator as a file, samples of it, and how good they are."""
    wanted = [x for x in [config.network.get("label")] if x]
    training = read_dataset(config.train, wanted)
    validation = read_dataset(config.validation, wanted)
    validation.require_species(training.species, "the training set")
    generator = _start(config, training)
    process = generator.process
    labels = denoising_labels(process, generator.model)
    weights = loss_weights(generator.model, labels, config.weights)
    task = Task(
        predict=denoising_losses(generator.model, process, seed=config.seed),
        params=generator.params,
        terms=[Term(label, weights[part]) for part, label in labels.items()],
        identity={"model": repr(generator.model), "process": repr(process)},
    )
    data = Data(
        graphs=[_graphs(training, labels, wanted)],
        held_out=_graphs(_first(validation, config.n_validation), labels, wanted),
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
    judged = _judged(trained, _first(validation, config.sampling.n), config, run)
    return {**fitted.metrics, "n_train": len(training), **judged}


def _start(config: Config, training: Dataset) -> Generator:
    """The untrained generator."""
    crystals = [example.crystal for example in training.examples]
    scales = data_scales(crystals)
    coverage = Coverage.of(crystals, config.train)
    model = make_model(
        *(config.network, "denoiser"),
        species=training.species,
        sizes=coverage.n_atoms,
        **scales._asdict(),
        **property_settings(config.network.get("label"), training),
    )
    require_settings(model, "the key network")
    training.require_species(model.species, "the key network")
    recipe = Recipe(
        process=config.process,
        scales=scales,
        coverage=coverage,
        method=config.sampling.method,
        steps=config.sampling.steps,
    )
    _ = recipe.sampler  # refused before the training, not after it
    params = initial_parameters(model, config.seed)
    return Generator(params=params, model=model, recipe=recipe).astype(jnp.float32)


def _first(dataset: Dataset, n: int) -> Dataset:
    """The first crystals of a data set."""
    return dataclasses.replace(dataset, examples=dataset.examples[:n])


def _graphs(
    dataset: Dataset, labels: Mapping[str, Label], others: list[str]
) -> LabeledGraphs:
    """Crystals with their number, from which noise follows, and losses of zero."""

    def labeled(k: int) -> Any:
        example = dataset.examples[k]
        zeros = {
            label.name: np.zeros(example.crystal.n_atoms) if label.of_atoms else 0.0
            for label in labels.values()
        }
        own = {name: example.labels[name] for name in others}
        return dataclasses.replace(example, labels={EXAMPLE: float(k), **zeros, **own})

    examples = tuple(map(labeled, range(len(dataset))))
    numbered = dataclasses.replace(dataset, examples=examples)
    return LabeledGraphs(
        numbered, NO_EDGES, labels=[*labels.values(), EXAMPLE, *others]
    )


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
