"""A potential trained on energies, forces, stresses; its errors on a test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax.numpy as jnp
from pydantic import Field, PositiveFloat, PositiveInt

from matjax.config import ExperimentConfig, Section
from matjax.data import (
    Dataset,
    LabeledGraphs,
    dataset_statistics,
    describe,
    joined,
    read_dataset,
    split,
)
from matjax.predictors import Potential
from matjax.reports import learning_figure, parity_figure
from matjax.studies import Data, Judgment, Run, fit_graphs, judge, new_potential
from matjax.train import (
    FitConfig,
    Kind,
    Task,
    Term,
    potential_predictions,
    read_records,
    with_references,
)
from matjax.weights import load_potential, save_potential


class Weight(Section):
    """One term of the loss."""

    weight: float = Field(default=1.0, gt=0)
    """Weight of its mean error."""
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

    train: str | dict[str, PositiveFloat]
    """Data set by name (``mlearn/Si/train``) or file; or several, each with its weight:
    how often it is drawn from, relative to the others."""
    test: str | None = None
    """Data set on which the result is judged, never trained on."""
    held_out: float = Field(default=0.05, gt=0, lt=1)
    """Share of each data set on which the best parameters are chosen."""
    pretrained: str | None = None
    """Potential to start from; by default a new model."""
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "nequip"})
    """Name and attributes of a new model; species, mean neighbors and scale come from
    the data."""
    losses: Losses = Losses()
    batch_size: PositiveInt = 4
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    precision: Literal["float32", "float64"] = "float32"
    """As in every experiment; the training itself is in float32."""
    matmul_precision: str = "float32"
    """Precision of matrix products where the hardware has faster ones, such as
    bfloat16."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The trained potential as a file, figures, and errors with units."""
    terms = _terms(config.losses)
    labels = [term.name for term in terms]
    names = {config.train: 1.0} if isinstance(config.train, str) else config.train
    training, held_out = _divided(config, list(names), labels)
    test = None if config.test is None else read_dataset(config.test, labels)
    unseen = [held_out] if test is None else [held_out, test]
    potential, graphs, numbers = _start(config, training, unseen, labels)
    task = Task(
        predict=potential_predictions(
            potential.model, labels, matmul_precision=config.matmul_precision
        ),
        params=potential.params,
        terms=terms,
        identity={
            "model": repr(potential.model),
            "pretrained": config.pretrained,
            "precision": config.matmul_precision,  # as older checkpoints name it
            "losses": config.losses.model_dump(mode="json"),
        },
    )
    data = Data(
        graphs=graphs,
        held_out=LabeledGraphs(held_out, potential.cutoff, labels=labels),
        batch_size=config.batch_size,
        weights=list(names.values()) if len(names) > 1 else None,
        seed=config.seed,
    )
    path = run.path("potential.safetensors")

    def keep(params: Any) -> None:
        save_potential(potential.replace(params=params), path, overwrite=True)

    fitted = fit_graphs(task, data, run, config.fit, on_best=keep)
    model = config.pretrained or str(config.model["name"])
    if run.writes:
        title = f"{model}, {', '.join(names)}"
        curve = learning_figure(read_records(run.folder), title=title)
        run.save_figure("learning", curve)
    metrics = {**numbers, **fitted.metrics}
    if test is None:
        return metrics
    judged = LabeledGraphs(test, potential.cutoff, labels=labels)
    judgment = judge(task, fitted.params, judged, config.batch_size)
    _show(judgment, run, f"{model}, {config.test}")
    errors = {f"test_{key}": value for key, value in judgment.errors.items()}
    return metrics | {"n_test": len(test)} | errors


def _terms(losses: Losses) -> list[Term]:
    given = losses.model_dump()
    return [Term(label, **term) for label, term in given.items() if term is not None]


def _divided(
    config: Config, names: Sequence[str], labels: Sequence[str]
) -> tuple[list[Dataset], Dataset]:
    """The training part of each data set, and the held-out parts of all as one."""
    fractions = (1 - config.held_out, config.held_out)
    pairs = [
        split(read_dataset(name, labels), fractions, seed=config.seed) for name in names
    ]
    return [pair[0] for pair in pairs], joined([pair[1] for pair in pairs])


def _start(
    config: Config,
    training: Sequence[Dataset],
    unseen: Sequence[Dataset],
    labels: Sequence[str],
) -> tuple[Potential, list[LabeledGraphs], dict[str, float]]:
    """Where training starts, the graphs of each data set, and numbers of all."""
    whole = joined(training)
    if config.pretrained is not None:
        potential = load_potential(config.pretrained, dtype=jnp.float32)
        whole.require_species(potential.species, config.pretrained)
        graphs = LabeledGraphs(whole, potential.cutoff, labels=labels)
        known, whose = potential.species, config.pretrained
    else:
        potential, graphs = new_potential(
            config.model, whole, labels=labels, seed=config.seed
        )
        known, whose = whole.species, "the training set"
    for dataset in unseen:
        dataset.require_species(known, whose)
    numbers = dataset_statistics(graphs)
    if "energy" in labels:
        potential, _ = with_references(potential, graphs)
    return potential, _parts(graphs, training), dict(describe(numbers))


def _parts(whole: LabeledGraphs, training: Sequence[Dataset]) -> list[LabeledGraphs]:
    """Graphs of each data set, as those of the whole are."""
    if len(training) == 1:
        return [whole]
    return [whole.of(part) for part in training]


def _show(judgment: Judgment, run: Run, title: str) -> None:
    """Predictions of the test set beside its labels, as figure and file."""
    run.save_figure("parity", parity_figure(judgment.comparisons, title=title))
    run.save_arrays(
        "test",
        **{
            f"{label}_{which}": getattr(pair, which)
            for label, pair in judgment.comparisons.items()
            for which in ("predicted", "expected")
        },
    )
