"""The wrapped normal distribution: its density, its score, and their averages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.generate.processes.torus import (
    mean_square_score,
    wrap,
    wrapped_log_density,
    wrapped_score,
)

SIGMAS = [0.005, 0.03, 0.1, 0.25, 0.5, 1.0]


def test_differences_lead_to_the_nearest_image():
    x = jnp.array([0.2, 0.7, -0.7, 1.1, -0.5, 0.5])
    assert_allclose(wrap(x), [0.2, -0.3, 0.3, 0.1, -0.5, -0.5], atol=1e-12)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_score_is_the_gradient_of_the_log_density(sigma):
    # Within three widths of the place, and never where the nearest image changes.
    x = jnp.linspace(-0.45, 0.45, 31) * min(1, 6 * sigma)
    slope = jax.vmap(jax.grad(lambda x: wrapped_log_density(x, jnp.asarray(sigma))))(x)
    scale = 1 / sigma
    found = wrapped_score(x, jnp.asarray(sigma))
    assert_allclose(found / scale, slope / scale, atol=1e-8)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_density_integrates_to_one_over_a_period(sigma):
    x = jnp.linspace(0, 1, 4096, endpoint=False)
    density = jnp.exp(wrapped_log_density(x, jnp.asarray(sigma)))
    assert_allclose(density.mean(), 1, rtol=1e-10)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_mean_square_score_is_that_of_the_density(sigma):
    x = jnp.linspace(0, 1, 4096, endpoint=False)
    density = jnp.exp(wrapped_log_density(x, jnp.asarray(sigma)))
    squares = jnp.square(wrapped_score(x, jnp.asarray(sigma)))
    # Gauss–Hermite quadrature of a function with kinks that carry little weight.
    expected = jnp.mean(density * squares)
    assert_allclose(mean_square_score(jnp.asarray(sigma)), expected, rtol=1e-4)


def test_narrow_noise_does_not_feel_the_period():
    assert_allclose(mean_square_score(jnp.asarray(0.01)), 1e4, rtol=1e-9)
    x = jnp.asarray(0.013)
    assert_allclose(wrapped_score(x, jnp.asarray(0.01)), -130, rtol=1e-9)


def test_scores_are_numbers_in_float32_at_the_edge_of_the_cell():
    x = jnp.asarray([-0.5, 0.4999, 0.0], jnp.float32)
    for sigma in (0.005, 0.5):
        found = wrapped_score(x, jnp.asarray(sigma, jnp.float32))
        assert np.isfinite(found).all()
        assert found.dtype == jnp.float32
