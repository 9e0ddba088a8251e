"""Elements as points with normal noise."""

import jax.numpy as jnp
from numpy.testing import assert_allclose

from matjax.generate.processes import ElementContinuous
from tests.generate.processes import contract

PROCESS = ElementContinuous(3)


def test_it_keeps_the_protocol():
    clean = PROCESS.encoded(jnp.array([2, 0, 1, 0])).at[3].set(0)
    contract.assert_process(PROCESS, clean, 3)


def test_points_mean_the_elements_they_are_nearest_to():
    species = jnp.array([2, 0, 1])
    points = PROCESS.encoded(species)
    assert_allclose(PROCESS.decided(points + 0.3), species)
    assert_allclose(PROCESS.shares(points), points)
