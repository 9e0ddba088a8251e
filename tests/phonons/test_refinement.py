"""Phonons interpolated from exact grids: exact where the range fits, else measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models import LennardJones, Springs
from matjax.phonons import RealSpaceForceConstants, phonons
from matjax.phonons.grids import force_constants_on_grid
from matjax.phonons.refinement import grid_of, random_points, refined
from matjax.phonons.symmetry import operations_of
from matjax.physics import Potential
from tests.phonons.lattices import chain, fcc, silicon, springs, stillinger_weber

RNG = np.random.default_rng(7)
Q = RNG.uniform(-1, 1, (20, 3))


def long_springs():
    """Range 5.5 Å in cells of 2.8 Å: several grids are too small."""
    model = Springs(species=(8, 30), stiffness=1.0, distance=1.9, onset=2.0, cutoff=5.5)
    return Potential.create(model).astype(jnp.float64)


WURTZITE = Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.38))
TRICLINIC = Crystal.create(
    [30, 8],
    [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [0.2, 0.9, -3.9]],
    fractional=[[0, 0, 0], [0.4, 1.3, 0.1]],
)


@pytest.fixture(scope="module")
def exact():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def of_wurtzite():
    return phonons(long_springs(), WURTZITE)


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


def test_the_grid_grows_until_the_measured_error_is_below_the_tolerance(of_wurtzite):
    for tolerance in (0.5, 1e-3):
        found = phonons(long_springs(), WURTZITE, tolerance=tolerance)
        assert 0 < found.interpolation_error <= tolerance
        q = random_points(4)
        error = abs(found.frequencies(q) - of_wurtzite.frequencies(q)).max()
        assert_allclose(found.interpolation_error, error, atol=1e-9)  # round-off
        # Elsewhere it is of the same size.
        others = abs(found.frequencies(Q) - of_wurtzite.frequencies(Q)).max()
        assert others < 5 * tolerance
    assert np.prod(found.grid) > np.prod(grid_of(WURTZITE, 8.0))


def test_crystals_without_symmetry_have_grids_too():
    found = phonons(long_springs(), TRICLINIC, tolerance=0.01)
    expected = phonons(long_springs(), TRICLINIC).frequencies(Q)
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


def test_points_that_grids_share_are_computed_once(of_wurtzite):
    operations, known = operations_of(WURTZITE), {}
    source = of_wurtzite.source
    _, first = force_constants_on_grid(source, operations, (2, 2, 2), known=known)
    larger, more = force_constants_on_grid(source, operations, (4, 4, 2), known=known)
    alone, columns = force_constants_on_grid(source, operations, (4, 4, 2))
    assert more == columns - first
    assert_allclose(larger, alone, atol=1e-12)  # round-off


def test_interpolated_phonons_are_differentiable_by_q(exact):
    found = phonons(stillinger_weber(), silicon(), grid=(3, 3, 3))
    q = jnp.array([0.1, 0.2, 0.35])

    def total(q, of):
        return jnp.sum(jnp.asarray(of.frequencies(q)))

    slope = jax.grad(total)(q, found)
    assert_allclose(slope, jax.grad(total)(q, exact), atol=1e-8)  # round-off


def test_the_start_of_random_points_is_random_and_the_rest_spread():
    assert len(random_points(1)) == 4
    assert len(random_points(20)) == 2
    points = random_points(2)
    assert_allclose(points, random_points(2))
    assert abs(points - random_points(2, seed=1)).min() > 1e-3
    for a in range(4):
        apart = points[a] - np.delete(points, a, axis=0)
        apart -= np.rint(apart)
        assert np.linalg.norm(apart, axis=1).min() > 0.25


def test_a_tolerance_that_no_grid_meets_is_refused():
    argon = Crystal.create(
        [18], 3.8 / np.sqrt(2) * (1 - np.eye(3)), fractional=[[0.0, 0, 0]]
    )
    potential = Potential.create(LennardJones()).astype(jnp.float64)
    response = phonons(potential, argon).source
    with pytest.raises(ValueError, match=r"off by .* more than the tolerance of 1e-09"):
        refined(
            response,
            argon,
            1e-9,
            lambda matrices: np.linalg.eigvalsh(matrices),
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
