"""A training as experiments set it up: graphs in, batches on all devices, fit, test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from matjax.data import (
    Batch,
    Dataset,
    LabeledGraphs,
    Loader,
    NumberedLoader,
    Share,
    dataset_statistics,
    in_order,
    numbered,
)
from matjax.models import make_model
from matjax.predictors import Potential
from matjax.train import (
    Comparison,
    FitConfig,
    Fitted,
    Task,
    compare,
    fit,
    mean_absolute_errors,
)
from matjax.weights import require_settings


class Data(NamedTuple):
    """What a training sees."""

    graphs: Sequence[LabeledGraphs]
    """Graphs of each data set."""
    held_out: LabeledGraphs
    """On which the best parameters are chosen."""
    batch_size: int
    """Structures in a step, over all processes."""
    weights: Sequence[float] | None = None
    """How often examples come from each data set, as :class:`matjax.data.Loader` has
    it."""
    seed: int = 0
    """Seed of the order."""
    alike: int = 1
    """Batches in a row among which examples are sorted by size."""
    alone: bool = False
    """Whether each part of a batch is one structure, with the number of the batch among
    its labels: for tasks that draw random numbers for each."""


@runtime_checkable
class Output(Protocol):
    """Where a training writes; :class:`matjax.studies.run.Run` is one."""

    folder: Path
    resume: bool
    """Whether to go on from a checkpoint in the folder."""

    def progress(
        self, items: Iterable, description: str, *, total: int | None = None
    ) -> Iterator:
        """The items, with a progress bar."""
        ...


class Judgment(NamedTuple):
    """How good a model is on data that it has not seen."""

    comparisons: dict[str, Comparison]
    """By label."""
    errors: dict[str, float]
    """Mean absolute ones, by names that carry the unit."""


def fit_graphs(
    task: Task,
    data: Data,
    output: Output,
    config: FitConfig,
    *,
    on_best: Callable[[Any], None] | None = None,
) -> Fitted:
    """Trains on graphs, over all devices of all processes; see :func:`fit`.

    Args:
        task: what is trained.
        data: on what.
        output: whose folder takes checkpoints and records.
        config: how.
        on_best: as :func:`fit` has it.

    Raises:
        ValueError: if a batch cannot be divided over the devices, or a checkpoint
            belongs to another configuration or other data.
        DivergenceError: if the loss is not a number.
    """
    share = process_share(config)
    if data.alone:
        n_shards = data.batch_size // share.process_count
        share = dataclasses.replace(share, n_shards=n_shards)
    loader = Loader(
        data.graphs,
        batch_size=data.batch_size,
        weights=data.weights,
        seed=data.seed,
        alike=data.alike,
        share=share,
    )

    def validation() -> Iterator[Batch]:
        batches = in_order(data.held_out, batch_size=data.batch_size, share=share)
        return (numbered(b, 0) if data.alone else b for _, b in batches)

    return fit(
        task,
        NumberedLoader(loader) if data.alone else loader,
        validation,
        output.folder,
        config,
        on_best=on_best,
        resume=output.resume,
        progress=output.progress,
    )


def new_potential(
    settings: Mapping[str, Any],
    dataset: Dataset,
    *,
    labels: Sequence[str],
    seed: int = 0,
) -> tuple[Potential, LabeledGraphs]:
    """An untrained potential in float32, fitted to the sizes of a data set's numbers.

    Args:
        settings: name and attributes of the model; species come from the data, mean
            neighbors and scale too where they are not given.
        dataset: that it shall learn.
        labels: that batches carry.
        seed: of the parameters.

    Returns:
        The potential, and the graphs of the data at its cutoff.

    Raises:
        ValueError: as :func:`matjax.models.make_model` has it.
    """
    draft = make_model(settings, species=dataset.species)
    require_settings(draft, "the key model")
    dataset.require_species(draft.species, "the key model")
    graphs = LabeledGraphs(dataset, draft.cutoff, labels=labels)
    numbers = dataset_statistics(graphs)
    model = make_model(
        settings,
        species=dataset.species,
        neighbors=round(numbers.mean_neighbors, 3),
        scale=round(numbers.force_rms or 1.0, 4),
    )
    return Potential.create(model, seed=seed).astype(jnp.float32), graphs


def process_share(config: FitConfig) -> Share:
    """The parts of a batch that this process puts together for its devices."""
    return Share(
        n_shards=jax.local_device_count() * config.accumulate,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def judge(task: Task, params: Any, graphs: LabeledGraphs, batch_size: int) -> Judgment:
    """Predictions of a trained model beside labels, and its errors.

    Every process does it alone, on one device.

    Args:
        task: that was trained.
        params: of the model.
        graphs: of the test set.
        batch_size: crystals evaluated together.
    """
    labels = [term.what for term in task.terms]
    batches = (batch for _, batch in in_order(graphs, batch_size=batch_size))
    comparisons = compare(task.predict, params, batches, labels)
    return Judgment(comparisons, mean_absolute_errors(comparisons, labels))
