"""Gaussian diffusion: its moments, its posterior, its deterministic way."""

import jax
import jax.numpy as jnp
from numpy.testing import assert_allclose

from matjax.generate.processes.gaussian import GaussianDiffusion
from tests.generate.processes import contract

PROCESS = GaussianDiffusion(2)
CLEAN = jnp.array([[0.4, -1.0], [2.0, 0.1], [-0.7, 0.3], [0, 0]])


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 2)
    contract.assert_trained_ideally(PROCESS, CLEAN, 2)


def test_variance_is_preserved():
    alpha, sigma = jax.vmap(PROCESS.scales)(jnp.linspace(0, 1, 11))
    assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-12)
    assert alpha[-1] > 0.01


def test_the_deterministic_way_leads_from_noise_to_the_data_it_came_from():
    time = jnp.asarray(0.8)
    noisy = PROCESS.corrupt(contract.KEY, CLEAN, time, contract.MASK)
    slope = PROCESS.direction(noisy.values, noisy.target, time)
    span = (time, jnp.asarray(0.0))
    back = PROCESS.advance(noisy.values, slope, span, contract.MASK)
    assert_allclose(back, CLEAN, atol=1e-12)


def test_steps_have_the_moments_of_the_posterior_of_two_normal_variables():
    now, then = jnp.asarray(0.7), jnp.asarray(0.5)
    (a, s), (a2, s2) = PROCESS.scales(now), PROCESS.scales(then)
    x0, xt = 0.6, -0.9
    # q(x_s given x_0) = N(a2 x0, s2²) and q(x_t given x_s) = N(r x_s, v).
    r, v = a / a2, s**2 - (a / a2) ** 2 * s2**2
    precision = 1 / s2**2 + r**2 / v
    mean = (a2 * x0 / s2**2 + r * xt / v) / precision
    n = 40_000
    values = jnp.full((n, 2), xt)
    noise = jnp.full((n, 2), (xt - a * x0) / s)
    mask = jnp.ones(n, bool)
    found = PROCESS.step(jax.random.key(0), values, noise, (now, then), mask)
    # Four standard errors of 80,000 numbers.
    assert_allclose(found.mean(), mean, atol=4 * (precision * 2 * n) ** -0.5)
    assert_allclose(found.var(), 1 / precision, rtol=4 * n**-0.5)


def test_the_score_is_that_of_the_noise():
    time = jnp.asarray(0.3)
    alpha, sigma = PROCESS.scales(time)
    x, x0 = jnp.array([[0.3, -0.2]]), jnp.array([[1.0, 0.5]])
    log_density = lambda x: -jnp.sum((x - alpha * x0) ** 2) / (2 * sigma**2)
    noise = (x - alpha * x0) / sigma
    assert_allclose(PROCESS.score(noise, time), jax.grad(log_density)(x), rtol=1e-8)
