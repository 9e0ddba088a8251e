"""Parts of data, how sure ensembles are, scores of classes."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.predictors import Label
from matjax.studies import (
    Judged,
    calibration,
    errors_of,
    in_logarithms,
    parts_of_data,
    require_classes,
    scale_and_shift,
)
from matjax.studies.properties import class_scores
from tests.data.examples import random_dataset, write_frames

GAP = Label("gap", unit="eV")
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    def named(frames):
        for k, atoms in enumerate(frames):
            atoms.info["split"] = ("train", "train", "val", "test")[k % 4]

    folder = tmp_path_factory.mktemp("properties")
    return str(write_frames(folder / "all.extxyz", random_dataset(40), named))


def sources(part):
    return {example.source for example in part.examples}


@pytest.mark.parametrize(
    "how", [{}, {"column": "split"}, {"fold_number": 2}, {"test": "itself"}]
)
def test_parts_are_disjoint_and_together_the_whole(path, how):
    how = {**how, "test": path} if "test" in how else how
    parts = parts_of_data(path, [GAP], **how)
    kept, held_out, judging = map(sources, parts)
    assert kept.isdisjoint(held_out)
    if "test" in how:  # another data set, whatever it holds
        assert len(judging) == 40
    else:
        assert judging.isdisjoint(kept | held_out)
        assert len(kept | held_out | judging) == 40
    if "column" in how:
        assert [len(part) for part in parts] == [20, 10, 10]


def test_what_judges_is_said_once(path):
    with pytest.raises(ValueError, match="one of test, column and fold"):
        parts_of_data(path, [GAP], column="split", fold_number=0)
    with pytest.raises(ValueError, match="must name the parts train and test"):
        parts_of_data(path, [GAP], column="group")


def test_logarithms_name_the_row_that_has_none():
    dataset = random_dataset(3)
    logs = in_logarithms(dataset, "gap")
    for example, log in zip(dataset.examples, logs.examples, strict=True):
        assert_allclose(10 ** log.labels["gap"], example.labels["gap"], rtol=1e-12)
    assert logs.fingerprint != dataset.fingerprint
    wrong = dataclasses.replace(dataset.examples[1], labels={"gap": 0.0})
    dataset = dataclasses.replace(dataset, examples=(dataset.examples[0], wrong))
    with pytest.raises(ValueError, match="random#1: the logarithm of gap"):
        in_logarithms(dataset, "gap")
    with pytest.raises(ValueError, match="random#0: gap must be a class, 0 or 1"):
        require_classes(dataset, "gap")


def test_calibrated_deviations_cover_as_often_as_a_normal_distribution():
    deviation = RNG.uniform(0.1, 2.0, 3000)
    error = 2.5 * deviation * RNG.normal(size=3000)
    held_out, unseen = (
        Judged(error[part], np.zeros(1500), deviation[part])
        for part in (slice(1500), slice(1500, None))
    )
    factor = calibration(held_out)
    assert_allclose(factor, 2.5, rtol=0.1)  # of 1,500 draws
    right = dataclasses.replace(unseen, deviation=factor * unseen.deviation)
    numbers = errors_of({"gap": right}, [GAP], classes=False)
    assert_allclose(numbers["test_gap_inside_1_sigma_percent"], 68.3, atol=4)
    assert_allclose(numbers["test_gap_inside_2_sigma_percent"], 95.4, atol=2)
    assert_allclose(numbers["test_gap_mae_eV"], np.abs(unseen.predicted).mean())


def test_scores_of_classes_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    odds = RNG.normal(size=200).round(1)  # some are equal
    classes = (RNG.uniform(size=200) < 1 / (1 + np.exp(-odds))).astype(float)
    scores = class_scores(odds, classes)
    assert_allclose(scores["roc_auc"], metrics.roc_auc_score(classes, odds))
    assert_allclose(scores["f1"], metrics.f1_score(classes, odds > 0))
    accuracy = metrics.accuracy_score(classes, odds > 0)
    assert_allclose(scores["accuracy_percent"], 100 * accuracy)
    # Of one class there is no curve.
    assert "roc_auc" not in class_scores(odds, np.ones(200))


def test_outputs_begin_at_the_mean_or_the_share():
    dataset = random_dataset(30)
    values = np.array([e.labels["gap"] for e in dataset.examples])
    assert_allclose(scale_and_shift(GAP, dataset), (values.std(), values.mean()))
    classes = dataclasses.replace(
        dataset,
        examples=tuple(
            dataclasses.replace(e, labels={"gap": float(k < 6)})
            for k, e in enumerate(dataset.examples)
        ),
    )
    scale, shift = scale_and_shift(GAP, classes, classes=True)
    assert scale == 1
    assert_allclose(1 / (1 + np.exp(-shift)), 6 / 30)
    same = dataclasses.replace(classes, examples=classes.examples[:6])
    with pytest.raises(ValueError, match="gap must vary; all its values are 1"):
        scale_and_shift(GAP, same)
