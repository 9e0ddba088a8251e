"""Lattice sums: direct ones, Madelung constants, no matter how they are split."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import exponential_sums, power_sums

CUBIC = 4.0 * np.eye(3)
CELLS = {
    "cubic": CUBIC,
    "face centered": 2.1 * (np.ones((3, 3)) - np.eye(3)),
    "body centered": 1.6 * (np.ones((3, 3)) - 2 * np.eye(3)),
    "tetragonal": np.diag([3.9, 3.9, 9.5]),
    "flat": np.diag([8.0, 8.0, 3.1]),
    "hexagonal": np.array([[3.2, 0, 0], [-1.6, 1.6 * 3**0.5, 0], [0, 0, 5.2]]),
    "orthorhombic": np.diag([3.1, 5.2, 7.0]),
    "monoclinic": np.array([[5.1, 0, 0], [0, 5.2, 0], [-0.8, 0, 5.3]]),
    "triclinic": np.array([[4.1, 0.3, 0.2], [-1.2, 4.6, 0.5], [0.7, 1.9, 5.0]]),
    "skewed": np.array([[4.1, 0, 0], [12.0, 4.6, 0.5], [-7.0, 9.9, 5.0]]),
}
SUM = jax.jit(power_sums, static_argnames=("power", "reach"))


def pairs(cell):
    """Vectors of an atom to its own images, and to another atom."""
    return np.array([[0.0, 0, 0], [0.31, 0.42, 0.17]]) @ cell


def images(v, cell, radius):
    """Distances of all images within the radius, the atom itself left out."""
    inverse = np.linalg.inv(cell)
    n = np.ceil(radius * np.linalg.norm(inverse, axis=0)).astype(int) + 1
    steps = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in n]), -1).reshape(-1, 3)
    r = np.linalg.norm(v + steps @ cell, axis=1)
    return r[(r > 1e-6) & (r < radius)]


@pytest.mark.parametrize("name", CELLS)
def test_dispersion_is_the_direct_sum(name):
    cell, radius = CELLS[name], 91.0
    # What lies beyond is even to the accuracy of the sum: 4π ∫ r² r⁻⁶ dr / V.
    beyond = 4 * np.pi / (3 * radius**3) / abs(np.linalg.det(cell))
    direct = [np.sum(images(v, cell, radius) ** -6.0) + beyond for v in pairs(cell)]
    assert_allclose(SUM(pairs(cell), cell, 6), direct, rtol=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_exponentials_are_the_direct_sum(name):
    cell = CELLS[name]
    direct = [np.sum(np.exp(-3 * images(v, cell, 12.0))) for v in pairs(cell)]
    assert_allclose(exponential_sums(pairs(cell), cell, 3.0), direct, rtol=1e-6)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("power", [1, 6])
def test_the_splitting_does_not_matter(name, power):
    cell = CELLS[name]
    found = [
        SUM(pairs(cell), cell, power, reach=6, splitting=x) for x in (0.7, 1.0, 1.4)
    ]
    assert_allclose(found[1:], [found[0]] * 2, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("cell", "site", "constant", "distance"),
    [  # Madelung constants by the nearest distance, as tables have them
        (2.82 * (np.ones((3, 3)) - np.eye(3)), [0.5, 0.5, 0.5], 1.7475645946, 2.82),
        (4.12 * np.eye(3), [0.5, 0.5, 0.5], 1.7626747731, 4.12 * 3**0.5 / 2),
        (
            2.705 * (np.ones((3, 3)) - np.eye(3)),
            [0.25, 0.25, 0.25],
            1.6380550534,
            2.705 * 3**0.5 / 2,
        ),
    ],
    ids=["rock salt", "cesium chloride", "zinc blende"],
)
def test_charges_have_their_madelung_constants(cell, site, constant, distance):
    vectors = np.array([np.zeros(3), np.array(site) @ cell])
    own, other = SUM(vectors, cell, 1)
    assert_allclose((other - own) * distance, constant, rtol=1e-7)


def test_a_mean_over_the_cell_is_zero():
    cell = CELLS["triclinic"]
    grid = (np.arange(8) + 0.37) / 8
    sites = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3)
    # A grid of 8³ sees waves of |n| = 8 alone, beyond a near field of r⁻¹.
    direct = SUM(sites @ cell, cell, 1)
    assert abs(np.mean(direct)) < 2e-3 * np.abs(direct).max()


@pytest.mark.slow
def test_gradients_are_those_of_differences():
    cell = CELLS["triclinic"]
    total = partial(lambda v, p: power_sums(v[None], cell, p)[0])
    v = pairs(cell)[1]
    for power in (1, 6):
        slope = jax.grad(total)(jnp.asarray(v), power)
        for axis in range(3):
            h = 1e-4 * np.eye(3)[axis]
            difference = (total(v + h, power) - total(v - h, power)) / 2e-4
            assert_allclose(slope[axis], difference, rtol=1e-5, atol=1e-8)


def test_sums_that_have_not_ended_are_no_numbers():
    needle = np.diag([2.0, 2.0, 60.0])
    assert np.isnan(SUM(pairs(needle), needle, 1)).all()
    assert np.isnan(exponential_sums(pairs(CUBIC), CUBIC, 0.5)).all()
