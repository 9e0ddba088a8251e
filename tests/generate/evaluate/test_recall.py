"""Recall and precision of known points."""

import numpy as np
import pytest

from matjax.generate.evaluate import (
    CUTOFFS,
    Cutoffs,
    Fingerprints,
    cutoffs_of,
    recall_and_precision,
)

NEAR = Cutoffs(0.2, 4.0)


def points(*rows):
    """Structures and compositions that lie on two lines; None for what has none."""
    rows = [(np.nan, 0.0) if row is None else row for row in rows]
    structures, compositions = np.zeros((2, len(rows), 3))
    structures[:, 1], compositions[:, 0] = np.array(rows).T
    return Fingerprints(structures, compositions)


def percents(found):
    return found["cov_recall_percent"], found["cov_precision_percent"]


def test_what_is_near_in_structure_and_composition_is_covered():
    truth = points((0.0, 0.0), (1.0, 0.0), (0.0, 10.0), (5.0, 5.0))
    samples = points((0.1, 3.9), (0.3, 0.0), (0.0, 20.0), (1.2, 10.0), None)
    # Of the truth all but the last; of the samples the first and the fourth: the
    # second is far in structure, the third in composition.
    assert percents(recall_and_precision(samples, truth, NEAR)) == (75.0, 40.0)


def test_structure_and_composition_may_be_near_different_samples():
    found = recall_and_precision(
        points((0.0, 50.0), (7.0, 0.0)), points((0.1, 1.0)), NEAR
    )
    assert found["cov_recall_percent"] == 100.0
    assert found["cov_precision_percent"] == 0.0


def test_a_set_covers_itself():
    truth = points((0.0, 0.0), (1.0, 9.0))
    assert percents(recall_and_precision(truth, truth, NEAR)) == (100.0, 100.0)


def test_samples_without_fingerprints_cover_nothing():
    found = recall_and_precision(points(None, None), points((0.0, 0.0)), NEAR)
    assert percents(found) == (0.0, 0.0)


def test_truth_without_fingerprints_is_refused():
    with pytest.raises(ValueError, match="number 1 has none"):
        recall_and_precision(points((0, 0)), points((0, 0), None), NEAR)
    nothing = Fingerprints(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="at least one sample"):
        recall_and_precision(nothing, points((0, 0)), NEAR)


def test_cutoffs_are_those_of_the_data_set():
    assert cutoffs_of("perov_5/test") == CUTOFFS["perov_5"] == Cutoffs(0.2, 4.0)
    assert cutoffs_of("carbon_24_unique/test") == Cutoffs(0.2, 4.0)
    assert cutoffs_of("mp20_mini") == cutoffs_of("mine.extxyz") == Cutoffs(0.4, 10.0)
