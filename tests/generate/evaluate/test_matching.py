"""Match rates, uniqueness and novelty, by the definitions of the papers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.generate.evaluate import match_everyone, match_rate, novelty, uniqueness
from matjax.generate.evaluate.matching import closest
from tests.generate.evaluate.perovskites import SITES, perovskite

BARIUM = [56, 22, 8, 8, 8]


def test_matches_are_counted_and_measured():
    pytest.importorskip("pymatgen")
    moved = SITES + 0.3
    displaced = SITES.copy()
    displaced[0] += [0.05, 0, 0]
    swapped = perovskite(numbers=[22, 8, 38, 8, 8])
    found = [perovskite(sites=moved), perovskite(sites=displaced), swapped, None]
    result = match_rate([perovskite()] * 4, [found])
    assert_allclose(result["match_rate_percent"], 50.0)
    # A displacement d of one of five atoms, less the mean: √(d²/5 − d²/25).
    distance = 0.05 * 5 ** (1 / 3) * np.sqrt(1 / 5 - 1 / 25)
    assert_allclose(result["match_rmse"], distance / 2, rtol=1e-3)


def test_of_several_samples_the_best_counts():
    pytest.importorskip("pymatgen")
    swapped = perovskite(numbers=[22, 8, 38, 8, 8])
    result = match_rate([perovskite()], [[swapped], [perovskite()]], suffix="_2")
    assert result["match_rate_2_percent"] == 100.0
    assert_allclose(result["match_rmse_2"], 0, atol=1e-8)


def test_sets_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one for each true structure"):
        match_rate([perovskite()], [[]])


def test_everyone_is_compared_with_every_reference_of_its_composition():
    pytest.importorskip("pymatgen")
    other = perovskite(numbers=[56, 22, 8, 8, 8])
    found = match_everyone([perovskite(), other], [None, perovskite(sites=SITES + 0.2)])
    assert found["metre_percent"] == 50.0
    assert_allclose(found["crmse"], 0.25, atol=1e-6)
    with pytest.raises(ValueError, match="at least one reference"):
        match_everyone([], [])


def test_the_best_of_the_candidates_counts_and_no_other():
    pytest.importorskip("pymatgen")
    displaced = SITES.copy()
    displaced[0] += [0.05, 0, 0]
    others = [perovskite(), perovskite(sites=displaced), None, perovskite(0.6)]
    found = closest([perovskite()] * 4, others, [[0, 1], [1], [2, 3], []])
    assert_allclose(found[0], 0, atol=1e-8)
    assert_allclose(found[1], 0.05 * 5 ** (1 / 3) * 0.4, rtol=1e-3)
    assert found[2:] == [None, None]
    some = closest([perovskite()], others, [[1, 0]], first=True)
    assert_allclose(some, found[1], rtol=1e-12)


def test_samples_are_unique_that_match_none_before_them():
    pytest.importorskip("pymatgen")
    swapped = perovskite(numbers=[22, 8, 38, 8, 8])
    again = perovskite(4.0, sites=SITES + 0.1)
    found = uniqueness([perovskite(), swapped, again, perovskite(numbers=BARIUM)])
    assert found == {"unique_percent": 75.0}


def test_samples_are_novel_that_no_crystal_of_the_training_set_matches():
    pytest.importorskip("pymatgen")
    samples = [perovskite(), perovskite(numbers=BARIUM)]
    assert novelty(samples, [perovskite(4.0)]) == {"novel_percent": 50.0}
    assert novelty(samples, []) == {"novel_percent": 100.0}


def test_what_is_far_less_dense_is_another_structure():
    pytest.importorskip("pymatgen")
    assert novelty([perovskite(3.9)], [perovskite(4.3)]) == {"novel_percent": 100.0}


@pytest.mark.slow
def test_several_processes_find_the_same():
    pytest.importorskip("pymatgen")
    truth = [perovskite(), perovskite(numbers=BARIUM)]
    samples = [[perovskite(4.0, sites=SITES + 0.2), None]]
    alone = match_rate(truth, samples)
    assert match_rate(truth, samples, n_workers=2) == alone
    assert alone["match_rate_percent"] == 50.0
