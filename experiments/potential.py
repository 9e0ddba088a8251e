"""A potential trained on energies, forces, stresses; its errors on a test set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig, Section
from matjax.models import MODELS
from matjax.physics import Potential
from matjax.plot import learning_figure, parity_figure
from matjax.runs import Run
from matjax.train import (
    Dataset,
    FitConfig,
    Kind,
    LabeledGraphs,
    Loader,
    Predict,
    Share,
    Task,
    Term,
    compare,
    dataset_statistics,
    describe,
    fit,
    in_order,
    mean_absolute_errors,
    potential_predictions,
    read_dataset,
    read_records,
    split,
    with_references,
)
from matjax.weights import load_potential, save_potential


class Weight(Section):
    """One term of the loss."""

    weight: float = Field(default=1.0, gt=0)
    """Of its mean error."""
    kind: Kind = "huber"
    """What of an error counts: mae, mse, huber, or norm (of vectors)."""
    delta: float = Field(default=0.01, gt=0)
    """eV by atom, eV/Å or eV/Å³, where huber turns from square to linear."""


class Losses(Section):
    """Terms of the loss; those without a weight are not trained."""

    energy: Weight | None = Weight()
    """Error by atom, eV."""
    forces: Weight | None = Weight()
    """eV/Å."""
    stress: Weight | None = None
    """eV/Å³."""


class Config(ExperimentConfig):
    """What is trained on what."""

    train: str
    """Data set by name (``mlearn/Si/train``) or file."""
    test: str | None = None
    """Data set on which the result is judged, never trained on."""
    held_out: float = Field(default=0.05, gt=0, lt=1)
    """Share of the training data on which the best parameters are chosen."""
    pretrained: str | None = None
    """Potential to start from; by default a new model."""
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "nequip"})
    """Name and attributes of a new model; species, mean neighbors and scale come from
    the data."""
    losses: Losses = Losses()
    batch_size: PositiveInt = 4
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    precision: str = "float32"
    """Of matrix products where the hardware has faster ones, such as bfloat16."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The trained potential as a file, figures, and errors with units."""
    terms = _terms(config.losses)
    labels = tuple(term.label for term in terms)
    training, validation = split(
        read_dataset(config.train, labels),
        (1 - config.held_out, config.held_out),
        seed=config.seed,
    )
    potential, found = _start(config, training, labels)
    share = Share(
        n_shards=jax.local_device_count() * config.fit.accumulate,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    predict = potential_predictions(potential.model, labels, precision=config.precision)
    batches = partial(
        in_order,
        LabeledGraphs(validation, potential.cutoff, labels=labels),
        batch_size=config.batch_size,
        share=share,
    )
    path = run.path("potential.safetensors")

    def keep(params: Any) -> None:
        save_potential(potential.replace(params=params), path, overwrite=True)

    fitted = fit(
        Task(
            predict=predict,
            params=potential.params,
            terms=terms,
            identity={
                "model": repr(potential.model),
                "pretrained": config.pretrained,
                "precision": config.precision,
                "losses": config.losses.model_dump(mode="json"),
            },
        ),
        Loader(
            LabeledGraphs(training, potential.cutoff, labels=labels),
            batch_size=config.batch_size,
            seed=config.seed,
            share=share,
        ),
        lambda: (batch for _, batch in batches()),
        run.folder,
        config.fit,
        on_best=keep,
        resume=run.resume,
        progress=run.progress,
    )
    keep(fitted.params)
    run.save_figure("learning", learning_figure(read_records(run.folder)))
    metrics = {
        **found,
        **fitted.errors,
        "train_minutes": fitted.seconds / 60,
        "structures_per_s": fitted.structures_per_second,
        "n_parameters": sum(np.size(x) for x in jax.tree.leaves(fitted.params)),
    }
    if config.test is not None:
        metrics |= _judge(config, predict, potential, fitted.params, run)
    return metrics


def _terms(losses: Losses) -> list[Term]:
    given = losses.model_dump()
    return [Term(label, **term) for label, term in given.items() if term is not None]


def _start(
    config: Config, training: Dataset, labels: tuple[str, ...]
) -> tuple[Potential, dict[str, float]]:
    """Where training starts, and numbers of the data."""
    if config.pretrained is not None:
        potential = load_potential(config.pretrained, dtype=jnp.float32)
        for example in training.examples:
            potential.require_species(example.crystal)
        graphs = LabeledGraphs(training, potential.cutoff, labels=labels)
        found = describe(dataset_statistics(graphs))
    else:
        options = {k: _frozen(v) for k, v in config.model.items() if k != "name"}
        make = MODELS[config.model["name"]]
        draft = make(species=training.species, **options)
        graphs = LabeledGraphs(training, draft.cutoff, labels=labels)
        numbers = dataset_statistics(graphs)
        found = describe(numbers)
        options.setdefault("neighbors", round(numbers.mean_neighbors, 3))
        options.setdefault("scale", round(numbers.force_rms or 1.0, 4))
        model = make(species=training.species, **options)
        potential = Potential.create(model, seed=config.seed).astype(jnp.float32)
    if "energy" in labels:
        potential, _ = with_references(potential, graphs)
    return potential, dict(found)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _judge(
    config: Config, predict: Predict, potential: Potential, params: Any, run: Run
) -> dict[str, float]:
    """Errors on the test set, and a figure of it."""
    labels = tuple(term.label for term in _terms(config.losses))
    test = read_dataset(config.test or "", labels)
    graphs = LabeledGraphs(test, potential.cutoff, labels=labels)
    batches = (batch for _, batch in in_order(graphs, batch_size=config.batch_size))
    found = compare(predict, params, batches, labels)
    run.save_figure("parity", parity_figure(found))
    run.save_arrays(
        "test",
        **{
            f"{label}_{which}": getattr(pair, which)
            for label, pair in found.items()
            for which in ("predicted", "expected")
        },
    )
    errors = mean_absolute_errors(found)
    return {
        "n_test": len(test),
        **{f"test_{key}": value for key, value in errors.items()},
    }
