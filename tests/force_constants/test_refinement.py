"""Phonons interpolated from exact grids: exact where the range fits, else measured."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import RealSpaceForceConstants
from matjax.force_constants.grids import by_symmetry
from matjax.force_constants.refinement import (
    N_POINTS,
    START,
    grid_of,
    refined,
    uncertain_points,
)
from matjax.lattice_dynamics import phonons
from matjax.models.potentials import LennardJones, Morse, Springs
from matjax.predictors import Potential
from matjax.units import THZ
from tests.force_constants.lattices import (
    chain,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)

RNG = np.random.default_rng(7)
Q = RNG.uniform(-1, 1, (20, 3))


def spectrum(matrices, masses):
    roots = np.sqrt(np.repeat(masses, 3))
    squares = np.linalg.eigvalsh(matrices / np.outer(roots, roots))
    return THZ * np.sign(squares) * np.sqrt(abs(squares))


def ionic():
    """Springs at rest at the nearest distance of the triclinic crystal, up to 4 Å."""
    model = Springs(species=(8, 30), stiffness=1.0, distance=1.9, onset=2.0, cutoff=4.0)
    return Potential.create(model).astype(jnp.float64)


def morse():
    """Range 7 to 8.5 Å in cells of 2.6 Å: several grids are too small."""
    return Potential.create(Morse()).astype(jnp.float64)


COPPER = Crystal.create([29], 1.805 * (1 - np.eye(3)), fractional=[[0.0, 0, 0]])
TRICLINIC = Crystal.create(
    [30, 8],
    [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [0.2, 0.9, -3.9]],
    fractional=[[0, 0, 0], [0.4, 1.3, 0.1]],
)


@pytest.fixture(scope="module")
def exact():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def of_copper():
    return phonons(morse(), COPPER)


def test_a_grid_wider_than_the_range_is_exact_everywhere(exact):
    found = phonons(stillinger_weber(), silicon(), grid=(4, 4, 4))
    assert isinstance(found.source, RealSpaceForceConstants)
    assert found.grid == (4, 4, 4)
    assert found.interpolation_error is None
    # Three-body terms reach 2 · 3.8 Å, images are 12.5 Å apart; round-off.
    assert_allclose(found.force_constants(Q), exact.force_constants(Q), atol=1e-10)
    assert_allclose(found.max_force, exact.max_force, atol=1e-12)


def test_a_grid_is_exact_at_its_points_and_off_between_where_too_small(exact):
    found = phonons(stillinger_weber(), silicon(), grid=(2, 2, 2))
    q = np.indices((2, 2, 2)).reshape(3, -1).T / 2
    assert_allclose(found.force_constants(q), exact.force_constants(q), atol=1e-10)
    assert abs(found.frequencies(Q) - exact.frequencies(Q)).max() > 0.1


@pytest.mark.slow
def test_the_grid_grows_until_the_measured_error_is_below_the_tolerance(of_copper):
    for tolerance in (0.5, 0.002):
        found = phonons(morse(), COPPER, tolerance=tolerance)
        assert 0 < found.interpolation_error <= tolerance
        # Measured at the least certain q: 20 others are off by hardly more.
        others = abs(found.frequencies(Q) - of_copper.frequencies(Q)).max()
        assert others < 1.5 * found.interpolation_error
    assert np.prod(found.grid) > np.prod(grid_of(COPPER, 10.0))


def test_the_measured_error_is_the_actual_one(of_copper):
    frequencies = partial(spectrum, masses=of_copper.masses)
    exact = by_symmetry(of_copper.source, COPPER)
    found = refined(exact, COPPER, 0.5, frequencies)
    assert len(found.q) > N_POINTS
    error = frequencies(found.source(found.q)) - of_copper.frequencies(found.q)
    assert_allclose(found.error, abs(error).max(), atol=1e-9)  # round-off


def test_crystals_without_symmetry_have_grids_too():
    found = phonons(ionic(), TRICLINIC, tolerance=0.01)
    expected = phonons(ionic(), TRICLINIC).frequencies(Q)
    assert_allclose(found.frequencies(Q), expected, atol=0.05)  # interpolation


def test_directions_that_do_not_repeat_are_not_divided():
    potential = springs((11, 17))
    found = phonons(potential, chain(), tolerance=0.01)
    assert found.grid[0] > 1
    assert found.grid[1:] == (1, 1)
    expected = phonons(potential, chain()).frequencies(Q)
    assert_allclose(found.frequencies(Q), expected, atol=1e-5)  # roots of round-off
    with pytest.raises(ValueError, match="periodic directions only"):
        phonons(potential, chain(), grid=(4, 2, 1))


@pytest.mark.slow
def test_what_is_exact_is_computed_once_and_serves_all_grids(of_copper):
    frequencies = partial(spectrum, masses=of_copper.masses)
    exact = by_symmetry(of_copper.source, COPPER)
    found = refined(exact, COPPER, 0.002, frequencies)
    assert found.grid != grid_of(COPPER, START)  # more than one grid was tried
    places = np.unique(np.round(found.q, 7) % 1.0, axis=0)
    assert len(places) == len(found.q)


def test_interpolated_phonons_are_differentiable_by_q(exact):
    found = phonons(stillinger_weber(), silicon(), grid=(3, 3, 3))
    q = jnp.array([0.1, 0.2, 0.35])

    slope = jax.grad(lambda q: jnp.sum(jnp.asarray(found.frequencies(q))))(q)
    step = 1e-4 * np.eye(3)
    ahead = exact.frequencies(q + step).sum(axis=1)
    behind = exact.frequencies(q - step).sum(axis=1)
    # THz; h² of the difference
    assert_allclose(slope, (ahead - behind) / 2e-4, atol=1e-4)


def test_errors_are_measured_where_they_are_large(of_copper):
    frequencies = partial(spectrum, masses=of_copper.masses)
    source = phonons(morse(), COPPER, grid=(4, 4, 4)).source
    q = uncertain_points(source, COPPER, (4, 4, 4), frequencies)
    assert_allclose(q, uncertain_points(source, COPPER, (4, 4, 4), frequencies))
    error = abs(frequencies(source(q)) - of_copper.frequencies(q)).max()
    others = abs(frequencies(source(Q)) - of_copper.frequencies(Q)).max()
    assert error > 0.9 * others


def test_a_tolerance_that_no_grid_meets_is_refused():
    argon = Crystal.create(
        [18], 3.8 / np.sqrt(2) * (1 - np.eye(3)), fractional=[[0.0, 0, 0]]
    )
    potential = Potential.create(LennardJones()).astype(jnp.float64)
    response = phonons(potential, argon, symmetry=True).source
    with pytest.raises(ValueError, match=r"off by .* more than the tolerance of 1e-09"):
        refined(
            response,
            argon,
            1e-9,
            partial(spectrum, masses=argon.masses),
            longest=9.0,
        )


def test_bad_grids_and_tolerances_are_refused():
    potential = springs()
    for grid in ((0, 4, 4), (4, 4)):
        with pytest.raises(ValueError, match="three positive integers"):
            phonons(potential, fcc(), grid=grid)
    for tolerance in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance must be positive"):
            phonons(potential, fcc(), tolerance=tolerance)
    with pytest.raises(ValueError, match="not both"):
        phonons(potential, fcc(), grid=(2, 2, 2), tolerance=0.1)


def test_grids_under_a_transformation_are_refused():
    def total(potential):
        return phonons(potential, fcc(), grid=(2, 2, 2)).frequencies(Q).sum()

    with pytest.raises(ValueError, match="concrete potential and crystal"):
        jax.grad(total)(springs())


def test_symmetry_saves_columns_of_exact_phonons(exact):
    found = phonons(stillinger_weber(), silicon(), symmetry=True)
    assert found.grid is None
    assert_allclose(found.frequencies(Q), exact.frequencies(Q), atol=1e-8)  # round-off
