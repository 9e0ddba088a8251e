"""Match rates and validity, by the definitions of the papers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate.evaluate import (
    is_valid_composition,
    is_valid_structure,
    match_everyone,
    match_rate,
    validity,
    wasserstein,
)

SITES = np.array(
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
)
NUMBERS = [38, 22, 8, 8, 8]


def perovskite(a=3.9, numbers=NUMBERS, sites=SITES):
    return Crystal.create(numbers, np.eye(3) * a, fractional=sites)


def test_a_structure_is_valid_unless_atoms_meet_or_the_cell_is_empty():
    assert is_valid_structure(perovskite())
    assert not is_valid_structure(perovskite(a=0.6))
    close = SITES.copy()
    close[1] = [0.01, 0, 0]
    assert not is_valid_structure(perovskite(sites=close))
    close[1] = [0, 0, 0]
    assert not is_valid_structure(perovskite(sites=close))


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


@pytest.mark.parametrize(
    ("numbers", "valid"),
    [
        (NUMBERS, True),  # Sr2+ Ti4+ O2-
        ([11, 17], True),
        ([11, 17, 17], False),  # Na has no state 2+
        ([14], True),
        ([28, 13, 13], True),  # an alloy
        ([2, 9], False),  # helium has no states
    ],
)
def test_compositions_are_valid_that_can_be_neutral(numbers, valid):
    pytest.importorskip("smact")
    assert is_valid_composition(numbers) is valid


def test_shares_of_valid_samples_count_what_is_no_crystal():
    pytest.importorskip("smact")
    found = validity([perovskite(), perovskite(0.6), None, perovskite(4.0)])
    assert found["validity_structure_percent"] == 50.0
    assert found["validity_composition_percent"] == 75.0
    with pytest.raises(ValueError, match="at least one sample"):
        validity([])


def test_distances_of_distributions_are_those_of_densities_and_elements():
    found = wasserstein([perovskite(3.9)], [perovskite(3.9)] * 3)
    assert found == {"wasserstein_density": 0.0, "wasserstein_elements": 0.0}
    twice = wasserstein([perovskite(3.9)], [perovskite(3.9 * 2 ** (1 / 3))])
    # SrTiO3 with a = 3.9 Å has 183.48 amu in 59.32 Å³, 5.136 g/cm³.
    assert_allclose(twice["wasserstein_density"], 5.136 / 2, rtol=1e-3)
    other = wasserstein([perovskite(numbers=[22, 22, 8, 8, 8])], [perovskite()])
    assert other["wasserstein_elements"] == 1.0


def test_everyone_is_compared_with_every_reference_of_its_composition():
    pytest.importorskip("pymatgen")
    other = perovskite(numbers=[56, 22, 8, 8, 8])
    found = match_everyone([perovskite(), other], [None, perovskite(sites=SITES + 0.2)])
    assert found["metre_percent"] == 50.0
    assert_allclose(found["crmse"], 0.25, atol=1e-6)
    with pytest.raises(ValueError, match="at least one reference"):
        match_everyone([], [])
