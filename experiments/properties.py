"""A network for properties of whole crystals, beside what simple predictors achieve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.data import Dataset, Example, LabeledGraphs, read_dataset, split
from matjax.models import make_model
from matjax.predictors import Label, PropertyPredictor
from matjax.reports import learning_figure, parity_figure
from matjax.studies import Data, Run, fit_graphs, judge
from matjax.train import FitConfig, Kind, Task, Term, property_predictions, read_records
from matjax.weights import require_settings, save_predictor


class Config(ExperimentConfig):
    """Which property, of which crystals, by which network."""

    train: str
    """Data set by name (``perov_5/val``), file or folder."""
    test: str
    """Data set on which the result is judged, never trained on."""
    label: str
    """Name of the property in the data."""
    unit: str
    """Unit of the property, such as ``eV`` or ``eV/atom``."""
    per: Literal["graph", "cell", "atom", "spectrum"] = "graph"
    """What has a value: the crystal, whatever its cell (graph); the cell, twice as much
    if it is doubled (cell); each atom (atom); the crystal at each point of an axis
    (spectrum)."""
    shape: tuple[PositiveInt, ...] = ()
    """Shape of one value: [] of a number, [3, 3] of a tensor, [points] of a
    spectrum."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the training data on which the best parameters are chosen."""
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "cgcnn"})
    """Name and attributes of the network; species, scale and shift come from the
    data."""
    loss: Kind = "mae"
    """What of an error counts; it is taken in standard deviations of the property."""
    batch_size: PositiveInt = 64
    """Crystals in a step."""
    fit: FitConfig = FitConfig()
    baselines: bool = True
    """Whether gradient boosting on the composition is trained too, for numbers of
    crystals; it is left out, and said so, where scikit-learn is not installed."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The network as a file, figures, and errors beside those of the baselines."""
    label = Label(config.label, config.per, config.shape, config.unit)
    whole = read_dataset(config.train, (label,))
    test = read_dataset(config.test, (label,))
    parts = (1 - config.held_out, config.held_out)
    training, validation = split(whole, parts, seed=config.seed, known_elements=True)
    for unseen in (validation, test):
        unseen.require_species(training.species, "the training set")
    predictor, spread = _start(config, label, training)
    model = predictor.model
    graphs = partial(
        LabeledGraphs,
        cutoff=model.cutoff,
        labels=(label,),
        n_nearest=predictor.n_nearest,
    )
    task = Task(
        predict=property_predictions(model),
        params=predictor.params,
        terms=[Term(label, 1.0, config.loss, scale=spread)],
        identity={"model": repr(model), "loss": config.loss},
    )
    data = Data(
        graphs=[graphs(training)],
        held_out=graphs(validation),
        batch_size=config.batch_size,
        seed=config.seed,
    )
    path = run.path("predictor.safetensors")

    def keep(params: Any) -> None:
        save_predictor(predictor.replace(params=params), path, overwrite=True)

    fitted = fit_graphs(task, data, run, config.fit, on_best=keep)
    network = config.model["name"]
    if run.writes:
        title = f"{network}, {config.train}"
        curve = learning_figure(read_records(run.folder), title=title)
        run.save_figure("learning", curve)
    judgment = judge(task, fitted.params, graphs(test), config.batch_size)
    parity = parity_figure(
        judgment.comparisons,
        units={config.label: config.unit},
        title=f"{network}, {config.test}",
    )
    run.save_figure("parity", parity)
    name, error = next(iter(judgment.errors.items()))
    metrics = {
        **fitted.metrics,
        f"test_{name}": error,
        "n_train": len(training),
        "n_test": len(test),
    }
    simple = _baselines(config, label, training, test, run)
    return metrics | {f"test_{name}_{kind}": value for kind, value in simple.items()}


def _start(
    config: Config, label: Label, training: Dataset
) -> tuple[PropertyPredictor, float]:
    """The untrained network, and the standard deviation of the property."""
    values = _values(training.examples, label)
    # A tensor other than a multiple of the unit tensor must not be added to others.
    shift = 0.0 if label.shape and label.per != "spectrum" else float(values.mean())
    model = make_model(
        config.model,
        "property",
        species=training.species,
        properties=(config.label,),
        scale=float(values.std()),
        shift=shift,
    )
    require_settings(model, "the key model")
    training.require_species(model.species, "the key model")
    predictor = PropertyPredictor.create(model, [label], seed=config.seed)
    return predictor.astype(jnp.float32), float(values.std())


def _values(examples: Sequence[Example], label: Label) -> np.ndarray:
    """Values of all crystals, or of all their atoms, along the first axis."""
    values = [np.asarray(example.labels[label.name]) for example in examples]
    return np.concatenate(values) if label.of_atoms else np.array(values)


def _baselines(
    config: Config, label: Label, training: Dataset, test: Dataset, run: Run
) -> dict[str, float]:
    """Test errors of the mean, and of gradient boosting on the composition."""
    y = _values(training.examples, label)
    expected = _values(test.examples, label)
    errors = {"of_mean": float(np.abs(expected - y.mean(axis=0)).mean())}
    if not config.baselines or label.shape or label.of_atoms:
        return errors
    if find_spec("sklearn") is None:
        run.log.warning(
            "gradient boosting on the composition is left out: it needs scikit-learn, "
            "pip install scikit-learn"
        )
        return errors
    from sklearn.ensemble import HistGradientBoostingRegressor

    run.log.info("gradient boosting on the composition, to compare with")
    species = sorted({*training.species, *test.species})
    forest = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=500, random_state=config.seed
    )
    forest.fit(_compositions(training, species), y)
    predicted = forest.predict(_compositions(test, species))
    errors["of_boosting"] = float(np.abs(expected - predicted).mean())
    return errors


def _compositions(dataset: Dataset, species: list[int]) -> np.ndarray:
    """Shares of the elements, and mean, spread and extremes of their properties."""
    from ase.data import atomic_masses, covalent_radii

    rows = []
    for example in dataset.examples:
        numbers = np.asarray(example.crystal.numbers)
        row = [np.mean(numbers == z) for z in species]
        for of_element in (np.arange(119), atomic_masses, covalent_radii):
            values = of_element[numbers]
            row += [values.mean(), values.std(), values.min(), values.max()]
        rows.append(row)
    return np.array(rows)
