"""A generator of crystals, trained on a data set; its samples judged on another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from matjax.config import ExperimentConfig
from matjax.data import Dataset, read_dataset, split
from matjax.generate import (
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    data_scales,
    denoising_labels,
    denoising_losses,
    load_generator,
    loss_weights,
    save_generator,
)
from matjax.nn import CHEMICAL_SYSTEM
from matjax.predictors import initial_parameters
from matjax.reports import learning_figure
from matjax.studies import (
    Data,
    Run,
    Sampling,
    Truth,
    fit_graphs,
    generation,
    sample_and_judge,
)
from matjax.train import FitConfig, Task, Term, read_records


def _named(network: Any) -> Any:
    """Attributes of a network of which the name may be all that is given."""
    return {"name": network} if isinstance(network, str) else network


class Config(ExperimentConfig):
    """Which crystals, which noise, which network."""

    train: str
    """Data set by name (``perov_5/train``), file or folder of CIF."""
    validation: str | None = None
    """Data set on which the best parameters are chosen; by default a share of the
    training data, which is not trained on."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """That share, where there is no data set for it."""
    truth: str | None = None
    """Data set beside which samples are judged; by default the validation set."""
    n_validation: PositiveInt = 512
    """Crystals of it whose loss is watched, at one time of noise each."""
    network: Annotated[dict[str, Any], BeforeValidator(_named)] = Field(
        default_factory=lambda: {"name": "diffcsp"}
    )
    """Name and attributes of the denoiser, or its name alone; species come from the
    data."""
    condition: str | tuple[str, ...] = ()
    """Labels that the network ``mattergen`` takes as conditions, chemical_system among
    them."""
    base: str | None = None
    """Generator by name or file whose parameters stay; adapters of the conditions alone
    are trained. Network and process are those of the base."""
    process: ProcessConfig = ProcessConfig()
    """Noise of coordinates, cell and elements."""
    weights: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Of the losses by name; by default those published for the network, or 1."""
    batch_size: PositiveInt = 256
    """Crystals in a step."""
    alike: PositiveInt = 16
    """Batches in a row whose crystals are sorted by size, so that there is less
    padding: a network of all pairs of atoms has four times as many in the double."""
    fit: FitConfig = FitConfig()
    sampling: Sampling = Sampling()


def main(config: Config, run: Run) -> Mapping[str, float | int]:
    """The generator as a file, samples of it, and how good they are."""
    asked = (
        (config.condition,) if isinstance(config.condition, str) else config.condition
    )
    labeled = [name for name in asked if name != CHEMICAL_SYSTEM]
    labeled += [x for x in [config.network.get("label")] if x]
    training, validation = _data(config, labeled)
    truth = validation if config.truth is None else read_dataset(config.truth, ())
    for unseen in (validation, truth):
        unseen.require_species(training.species, "the training set")
    generator = _start(config, training, asked)
    process = generator.process
    labels = denoising_labels(process, generator.model)
    weights = loss_weights(generator.model, labels, config.weights)
    losses = denoising_losses(generator.model, process, seed=config.seed)
    start = generator.params
    kept: dict[str, Any] = {}
    if config.base is not None:
        kept, start = start, generation.trained_parameters(start)
    task = Task(
        predict=lambda params, batch: losses({**kept, **params}, batch),
        params=start,
        terms=[Term(label, weights[part]) for part, label in labels.items()],
        identity={"model": repr(generator.model), "process": repr(process)},
    )
    held_out = _first(validation, config.n_validation)
    data = Data(
        graphs=[generation.numbered_graphs(training, labels.values(), labeled)],
        held_out=generation.numbered_graphs(held_out, labels.values(), labeled),
        batch_size=config.batch_size,
        seed=config.seed,
        alone=True,
        alike=config.alike,
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
    crystals, seen = ([e.crystal for e in d.examples] for d in (truth, training))
    beside = Truth(truth.name, crystals, seen)
    judged = sample_and_judge(trained, beside, config.sampling, run, seed=config.seed)
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
        annealing=config.sampling.annealing,
    )
    _ = recipe.sampler  # refused before the training, not after it
    params = initial_parameters(model, config.seed)
    return Generator(params=params, model=model, recipe=recipe).astype(jnp.float32)


def _data(config: Config, labels: Sequence[str]) -> tuple[Dataset, Dataset]:
    """What is trained on, and what is not."""
    training = read_dataset(config.train, labels)
    if config.validation is not None:
        return training, read_dataset(config.validation, labels)
    shares = (1 - config.held_out, config.held_out)
    kept, held_out = split(training, shares, seed=config.seed, known_elements=True)
    return kept, held_out


def _first(dataset: Dataset, n: int) -> Dataset:
    """The first crystals of a data set."""
    return dataclasses.replace(dataset, examples=dataset.examples[:n])
