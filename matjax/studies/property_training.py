"""Networks for properties, trained as studies ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
from pydantic import Field, PositiveInt

from matjax.config import ConfigError, ExperimentConfig
from matjax.data import LabeledGraphs
from matjax.models import make_model
from matjax.predictors import Label, PropertyPredictor
from matjax.reports import learning_figure
from matjax.studies.properties import (
    Parts,
    calibration,
    in_logarithms,
    judged,
    parts_of_data,
    require_classes,
    scale_and_shift,
)
from matjax.studies.run import Run
from matjax.studies.training import Data, fit_graphs
from matjax.train import (
    FitConfig,
    Fitted,
    Kind,
    Task,
    Term,
    property_predictions,
    read_records,
)
from matjax.weights import require_settings, save_predictor

FILE = "predictor.safetensors"
"""What holds the best parameters."""


class PropertyConfig(ExperimentConfig):
    """Which property, of which crystals, by which network."""

    train: str
    """Data set by name (``perov_5/val``), file or folder."""
    test: str | None = None
    """Data set on which the result is judged, never trained on; by default a share of
    the training data."""
    column: str | None = None
    """Text of the data that names the parts instead: train, test and perhaps val."""
    fold: int | None = Field(default=None, ge=0, le=4)
    """One of MatBench's five folds of the data instead, from 0."""
    test_share: float = Field(default=0.1, gt=0, lt=1)
    """That share, where nothing else says what judges."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the training data on which the best parameters are chosen."""
    unseen: Literal["refuse", "untrained"] = "refuse"
    """Of elements that only what judges holds: an error, or parameters as they were
    before the training."""
    label: str | tuple[str, ...]
    """Name of the property in the data, or names of several."""
    unit: str | tuple[str, ...]
    """Unit of the property, such as ``eV`` or ``eV/atom``, or of each."""
    per: Literal["graph", "cell", "atom", "spectrum"] = "graph"
    """What has a value: the crystal, whatever its cell (graph); the cell, twice as much
    if it is doubled (cell); each atom (atom); the crystal at each point of an axis
    (spectrum)."""
    shape: tuple[PositiveInt, ...] = ()
    """Shape of one value: [] of a number, [3, 3] of a tensor, [points] of a
    spectrum."""
    logarithmic: bool = False
    """Whether the decimal logarithm is learned, and its errors count."""
    classes: bool = False
    """Whether values are classes, 0 and 1, whose probability is learned."""
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "cgcnn"})
    """Name and attributes of the network; species, scale and shift come from the
    data."""
    members: PositiveInt = 1
    """Networks that are trained, of seeds that follow each other; of two or more the
    mean is taken, and uncertainties are calibrated on the held-out crystals."""
    loss: Kind = "mae"
    """What of an error counts; it is taken in standard deviations of the property."""
    batch_size: PositiveInt = 64
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    baselines: bool = True
    """Whether gradient boosting on the composition is trained too, for numbers of
    crystals; it is left out, and said so, where its packages are not installed."""

    @property
    def title(self) -> str:
        """Of figures."""
        return f"{self.model['name']}, {self.test or self.train}"


class Trained(NamedTuple):
    """The end of one training or of several."""

    predictor: PropertyPredictor
    """Of one network, or of all members with their calibration."""
    test: LabeledGraphs
    """What judges it."""
    metrics: dict[str, float | int]
    """Of the first member's training."""


def property_labels(config: PropertyConfig) -> tuple[Label, ...]:
    """Kinds of the properties.

    Raises:
        ConfigError: if keys contradict each other.
    """
    names = [config.label] if isinstance(config.label, str) else config.label
    units = [config.unit] if isinstance(config.unit, str) else config.unit
    if len(names) != len(units) or not names:
        raise ConfigError(
            f"label and unit: one unit of each property is needed; received {names} "
            f"and {units}"
        )
    numbers_only = config.classes or config.logarithmic
    if numbers_only and (config.shape or config.per == "cell"):
        raise ConfigError(
            "classes and logarithmic: these are of numbers, not of tensors, spectra or "
            "what grows with the cell"
        )
    if config.classes and config.logarithmic:
        raise ConfigError("classes have no logarithm: leave out logarithmic")
    return tuple(
        Label(
            *(name, config.per, config.shape, unit),
            shown=(f"log10_{name}", "", 1.0) if config.logarithmic else None,
        )
        for name, unit in zip(names, units, strict=True)
    )


def property_data(config: PropertyConfig, labels: Sequence[Label]) -> Parts:
    """The data, in logarithms where these are learned.

    Raises:
        ValueError: naming the row, if a value has no logarithm or is no class; or if
            what judges has elements that the training set lacks, and may not.
    """
    parts = parts_of_data(
        *(config.train, labels),
        test=config.test,
        column=config.column,
        fold_number=config.fold,
        shares=(config.test_share, config.held_out),
        seed=config.seed,
    )
    for label in labels:
        if config.logarithmic:
            parts = Parts(*(in_logarithms(part, label.name) for part in parts))
        for part in parts if config.classes else ():
            require_classes(part, label.name)
    if config.unseen == "refuse":
        for part in parts[1:]:
            part.require_species(parts.training.species, "the training set")
    return parts


def train_properties(
    config: PropertyConfig, labels: Sequence[Label], parts: Parts, run: Run
) -> Trained:
    """Trains all members; the predictor and figures of the trainings are files.

    Args:
        config: of the study.
        labels: of :func:`property_labels`.
        parts: of :func:`property_data`.
        run: whose folder is that of the first member; the others have one in it.
    """
    first = _untrained(config, labels, parts, config.seed)
    training, validation, test = (
        LabeledGraphs(part, first.cutoff, labels=labels, n_nearest=first.n_nearest)
        for part in parts
    )
    for graphs in (training, validation, test):
        graphs.require_neighbors()
    members, fits = [], []
    for k in range(config.members):
        start = _untrained(config, labels, parts, config.seed + k) if k else first
        output = run.part(f"member_{k}") if k else run
        data = Data(
            graphs=[training],
            held_out=validation,
            batch_size=config.batch_size,
            seed=config.seed + k,
        )
        fits.append(_fitted(config, start, data, output))
        members.append(start.replace(params=fits[k].params))
    predictor = members[0]
    if len(members) > 1:
        predictor = PropertyPredictor.ensemble(members)
        held_out = judged(predictor, validation, config.batch_size, labels)
        factors = tuple(calibration(held_out[label.name]) for label in labels)
        predictor = predictor.replace(calibration=factors)
    if run.writes:
        save_predictor(predictor, run.path(FILE), overwrite=True)
    return Trained(predictor, test, fits[0].metrics)


def _untrained(
    config: PropertyConfig, labels: Sequence[Label], parts: Parts, seed: int
) -> PropertyPredictor:
    """A network before its training, on the scale of the training data."""
    rows = [scale_and_shift(x, parts.training, classes=config.classes) for x in labels]
    scales, shifts = zip(*rows, strict=True)
    model = make_model(
        config.model,
        "property",
        species=tuple(sorted({z for part in parts for z in part.species})),
        properties=tuple(label.name for label in labels),
        scale=scales if len(labels) > 1 else scales[0],
        shift=shifts if len(labels) > 1 else shifts[0],
    )
    require_settings(model, "the key model")
    parts.training.require_species(model.species, "the key model")
    return PropertyPredictor.create(
        *(model, labels),
        logarithmic=(config.logarithmic,) * len(labels),
        probability=(config.classes,) * len(labels),
        seed=seed,
    ).astype(jnp.float32)


def _fitted(
    config: PropertyConfig, start: PropertyPredictor, data: Data, run: Run
) -> Fitted:
    """One network trained; its best parameters so far are a file in its folder."""
    kind = "logistic" if config.classes else config.loss

    def spread(label: Label) -> float:
        known = data.graphs[0].dataset
        return scale_and_shift(label, known, classes=config.classes)[0]

    task = Task(
        predict=property_predictions(start.model),
        params=start.params,
        terms=[Term(x, 1.0, kind, scale=spread(x)) for x in start.labels],
        identity={"model": repr(start.model), "loss": kind},
    )
    path = run.path(FILE)

    def keep(params: Any) -> None:
        save_predictor(start.replace(params=params), path, overwrite=True)

    fitted = fit_graphs(task, data, run, config.fit, on_best=keep)
    if run.writes:
        curve = learning_figure(read_records(run.folder), title=config.title)
        run.save_figure("learning", curve)
    return fitted
