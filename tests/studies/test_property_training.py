"""Trainings of property networks: ensembles, classes, several labels, resumed runs."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.config import ConfigError, build_config
from matjax.predictors import Label
from matjax.studies import (
    Parts,
    PropertyConfig,
    Run,
    errors_of,
    judged,
    property_labels,
    train_properties,
)
from matjax.weights import load_predictor
from tests.data.examples import random_dataset

TINY = {"name": "cgcnn", "features": 4, "layers": 1, "cutoff": 4.0, "head": [4]}


def config(**keys):
    usual = {
        "train": "unused",
        "label": "gap",
        "unit": "eV",
        "model": TINY,
        "batch_size": 8,
        "fit": {"epochs": 2},
    }
    return build_config(PropertyConfig, {**usual, **keys})


def parts(change=lambda value: {"gap": value}):
    """Three data sets whose labels follow from a random number."""
    return Parts(
        *(
            dataclasses.replace(
                dataset,
                examples=tuple(
                    dataclasses.replace(e, labels=change(e.labels["gap"]))
                    for e in dataset.examples
                ),
            )
            for dataset in (random_dataset(n, seed=n) for n in (24, 12, 10))
        )
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unit": ["eV", "eV"]}, "one unit of each property"),
        ({"classes": True, "shape": [3, 3]}, "these are of numbers"),
        ({"classes": True, "logarithmic": True}, "classes have no logarithm"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys, message):
    with pytest.raises(ConfigError, match=message):
        property_labels(config(**keys))


def test_errors_of_logarithms_are_named_so():
    (label,) = property_labels(config(logarithmic=True, unit="GPa"))
    assert label.metric("mae") == ("log10_gap_mae", 1.0)
    assert label.unit == "GPa"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An ensemble of two networks of two properties, and what it was trained on."""
    settings = config(label=["gap", "twice"], unit=["eV", "meV"], members=2)
    labels = property_labels(settings)
    data = parts(lambda value: {"gap": value, "twice": 2000 * value})
    run = Run(tmp_path_factory.mktemp("trained") / "run")
    return settings, labels, data, run, train_properties(settings, labels, data, run)


def test_an_ensemble_of_several_properties_is_trained_calibrated_and_kept(trained):
    _, labels, data, run, found = trained
    read = load_predictor(run.folder / "predictor.safetensors", dtype=np.float32)
    assert read.n_members == 2
    assert read.calibration == found.predictor.calibration
    assert read.calibration != (1.0, 1.0)
    crystal = data.test.examples[0].crystal
    assert_allclose(read(crystal)["gap"], found.predictor(crystal)["gap"], rtol=1e-6)
    assert read(crystal).units == {"gap": "eV", "twice": "meV"}
    one = judged(found.predictor, found.test, 8, labels)
    # Within a batch crystals go by size.
    by_gap = {e.labels["gap"]: found.predictor(e.crystal) for e in data.test.examples}
    for k, gap in enumerate(one["gap"].expected):
        nearest = by_gap[min(by_gap, key=lambda value, gap=gap: abs(value - gap))]
        # In float32, and in a batch of another size.
        assert_allclose(one["gap"].predicted[k], nearest["gap"], rtol=1e-4)
        uncertainty = nearest.uncertainties["gap"]
        assert_allclose(one["gap"].deviation[k], uncertainty, rtol=1e-3, atol=1e-6)
    numbers = errors_of(one, labels, classes=False)
    assert {"test_gap_mae_eV", "test_twice_mae_meV"} <= numbers.keys()


def test_a_training_that_ended_is_not_repeated(trained):
    settings, labels, data, run, found = trained
    again = train_properties(settings, labels, data, Run(run.folder, resume=True))
    minutes = [x.metrics["train_minutes"] for x in (again, found)]
    assert_allclose(*minutes, rtol=0.05)  # what opening a checkpoint takes
    assert again.predictor.calibration == found.predictor.calibration


def test_classes_are_learned_as_probabilities(tmp_path):
    settings = config(classes=True, unit="", fit={"epochs": 1})
    labels = property_labels(settings)
    data = parts(lambda value: {"gap": float(value > 0.5)})
    found = train_properties(settings, labels, data, Run(tmp_path / "run"))
    chance = found.predictor(data.test.examples[0].crystal)["gap"]
    assert 0 < chance < 1
    odds = judged(found.predictor, found.test, 8, labels)["gap"].predicted[0]
    assert_allclose(chance, 1 / (1 + np.exp(-odds)), rtol=1e-4)  # float32
    assert property_labels(settings) == (Label("gap"),)
