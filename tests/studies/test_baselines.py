"""Simple predictors: the mean, and boosting that sees the composition."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.predictors import Label
from matjax.studies import Parts, Run, baseline_errors
from matjax.studies.baselines import boosted, magpie_features
from tests.data.examples import random_dataset

GAP = Label("gap", unit="eV")


def of_composition(seed):
    """Crystals whose gap is the share of silicon."""
    dataset = random_dataset(240, seed=seed)
    return dataclasses.replace(
        dataset,
        examples=tuple(
            dataclasses.replace(
                e, labels={"gap": float(np.mean(np.asarray(e.crystal.numbers) == 14))}
            )
            for e in dataset.examples
        ),
    )


def test_the_mean_is_that_of_the_training_set(tmp_path):
    parts = Parts(of_composition(0), of_composition(1), of_composition(2))
    options = {"boosting": False, "classes": False, "seed": 0}
    errors = baseline_errors(parts, [GAP], Run(tmp_path / "run"), **options)
    known, judged = ([e.labels["gap"] for e in p.examples] for p in parts[::2])
    expected = np.abs(np.array(judged) - np.mean(known)).mean()
    assert_allclose(errors["test_gap_mae_eV_of_mean"], expected)
    assert list(errors) == ["test_gap_mae_eV_of_mean"]


def test_boosting_learns_what_the_composition_decides():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pytest.importorskip("matminer", reason="matminer is not installed")
    training, test = of_composition(0), of_composition(2)
    assert magpie_features(test).shape == (240, 132)
    targets = np.array([e.labels["gap"] for e in training.examples])
    expected = np.array([e.labels["gap"] for e in test.examples])
    found = boosted(training, targets, test, classes=False, seed=0)
    of_mean = np.abs(expected - targets.mean()).mean()
    assert np.abs(found - expected).mean() < 0.5 * of_mean
    chances = boosted(training, targets > 0.5, test, classes=True, seed=0)
    assert np.mean((chances > 0.5) == (expected > 0.5)) > 0.9
