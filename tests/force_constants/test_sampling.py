"""Frequencies between exact wave vectors are within the error that is said."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import band_path, regular_mesh
from matjax.lattice_dynamics import phonons
from tests.force_constants.lattices import silicon, stillinger_weber


@pytest.fixture(scope="module")
def exact():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def q():
    path = band_path(silicon(), spacing=0.1)
    return np.concatenate([path.q, regular_mesh(silicon(), (8, 8, 8)).q])


@pytest.mark.parametrize(("tolerance", "share"), [(0.1, 0.7), (0.01, 0.9)])
def test_the_error_that_is_said_is_the_largest(exact, q, tolerance, share):
    found = exact.sampled(q, tolerance=tolerance)
    difference = np.abs(found.frequencies(q) - exact.frequencies(q)).max()
    assert found.interpolation_error <= tolerance
    # Where two predictions agree both may err: twice at most, in all that was tried.
    assert difference < 2 * tolerance
    assert found.source.is_exact.sum() < share * len(found.source.q)


def test_computed_wave_vectors_and_all_others_are_exact(exact, q):
    found = exact.sampled(q, tolerance=0.1)
    computed = found.source.q[found.source.is_exact]
    elsewhere = np.array([[0.123, 0.234, 0.345]])
    for some in (computed, elsewhere, computed + np.array([1, 0, -2])):
        expected = exact.force_constants(some)
        # Round-off of the reconstruction by symmetry.
        assert_allclose(found.force_constants(some), expected, atol=1e-8)


def test_few_wave_vectors_are_all_computed(exact):
    q = np.array([[0.1, 0.2, 0.3], [0.0, 0.0, 0.0], [0.1, 0.2, 0.3]])
    found = exact.sampled(q)
    assert found.interpolation_error == 0
    assert_allclose(found.frequencies(q), exact.frequencies(q), atol=1e-6)


def test_phonons_on_a_grid_are_not_sampled(exact):
    on_grid = phonons(stillinger_weber(), silicon(), grid=(2, 2, 2))
    with pytest.raises(ValueError, match="exact phonons of a potential"):
        on_grid.sampled(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="must be positive"):
        exact.sampled(np.zeros((1, 3)), tolerance=0.0)
