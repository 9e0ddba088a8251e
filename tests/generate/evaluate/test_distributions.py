"""Distributions of samples beside those of data."""

from numpy.testing import assert_allclose

from matjax.generate.evaluate import densities, n_elements, wasserstein
from tests.generate.evaluate.perovskites import perovskite


def test_densities_and_numbers_of_elements_are_those_of_the_crystals():
    # SrTiO3 with a = 3.9 Å has 183.48 amu in 59.32 Å³.
    assert_allclose(densities([perovskite(3.9)]), 5.136, rtol=1e-3)
    assert n_elements([perovskite(), perovskite(numbers=[8] * 5)]).tolist() == [3, 1]


def test_distances_of_distributions_are_those_of_densities_and_elements():
    found = wasserstein([perovskite(3.9)], [perovskite(3.9)] * 3)
    assert found == {"wasserstein_density": 0.0, "wasserstein_elements": 0.0}
    twice = wasserstein([perovskite(3.9)], [perovskite(3.9 * 2 ** (1 / 3))])
    # SrTiO3 with a = 3.9 Å has 183.48 amu in 59.32 Å³, 5.136 g/cm³.
    assert_allclose(twice["wasserstein_density"], 5.136 / 2, rtol=1e-3)
    other = wasserstein([perovskite(numbers=[22, 22, 8, 8, 8])], [perovskite()])
    assert other["wasserstein_elements"] == 1.0
