"""Normal distributions of latents, their divergence, and priors under a condition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import Gaussian, GaussianHead, Head, LatentPrior, divergence

ONE = Gaussian(jnp.array([[0.3, -1.0]]), jnp.array([[0.2, -0.7]]))
OTHER = Gaussian(jnp.array([[1.0, 0.5]]), jnp.array([[-0.3, 0.4]]))
STANDARD = Gaussian(jnp.zeros((1, 2)), jnp.zeros((1, 2)))


def test_the_divergence_from_the_standard_normal_is_the_analytic_one():
    mean, log = (np.asarray(x) for x in ONE)
    expected = 0.5 * np.sum(mean**2 + np.exp(log) - 1 - log)
    assert_allclose(divergence(ONE, STANDARD), expected, rtol=1e-12)


def test_the_divergence_is_the_mean_difference_of_logarithms():
    def log_density(of, x):
        away = jnp.square(x - of.mean) / jnp.exp(of.log_variance)
        return -jnp.sum(away + of.log_variance, axis=-1) / 2

    draws = jax.vmap(ONE.draw)(jax.random.split(jax.random.key(0), 40_000))
    differences = log_density(ONE, draws) - log_density(OTHER, draws)
    error = float(jnp.std(differences)) / 200
    found = float(divergence(ONE, OTHER)[0])
    assert_allclose(jnp.mean(differences), found, atol=4 * error)
    assert_allclose(divergence(ONE, ONE), 0, atol=1e-12)


def test_draws_have_mean_and_variance():
    draws = jax.vmap(ONE.draw)(jax.random.split(jax.random.key(1), 40_000))[:, 0]
    # 40,000 draws: within four standard errors of mean and variance.
    assert_allclose(draws.mean(axis=0), ONE.mean[0], atol=0.025)
    assert_allclose(draws.var(axis=0), jnp.exp(ONE.log_variance[0]), rtol=0.03)


def test_distributions_have_unit_variance_before_any_training():
    x = jax.random.normal(jax.random.key(0), (3, 5))
    module = GaussianHead(4)
    found = module.apply(module.init(jax.random.key(1), x), x)
    assert_allclose(found.log_variance, 0, atol=0)
    assert found.mean.shape == (3, 4)


def test_means_and_variances_stay_in_bounds():
    x = 1e4 * jnp.ones((1, 5))
    module = GaussianHead(4)
    params = jax.tree.map(jnp.ones_like, module.init(jax.random.key(1), x))
    found = module.apply(params, x)
    assert_allclose(found.mean, 14)
    assert_allclose(found.log_variance, 6)


def test_a_head_has_one_hidden_layer():
    module = Head(7, 2)
    params = module.init(jax.random.key(0), jnp.ones((3, 4)))["params"]
    shapes = {k: v["kernel"].shape for k, v in params.items()}
    assert shapes == {"hidden": (4, 7), "out": (7, 2)}


@pytest.mark.parametrize("kind", ["normal", "gaussian", "diffusion"])
def test_priors_have_the_parameters_that_they_need(kind):
    prior = LatentPrior(kind, 4, 6, 3)
    condition = jnp.ones((2, 5))
    z, time = jnp.ones((2, 4)), jnp.full(2, 0.5)
    method = "noise" if kind == "diffusion" else "__call__"
    arguments = (z, time, condition) if kind == "diffusion" else (condition,)
    variables = prior.init(jax.random.key(0), *arguments, method=method)
    assert ("params" in variables) == (kind != "normal")
    if kind == "diffusion":
        early, late = (
            prior.apply(variables, z, t * time, condition, method="noise")
            for t in (0.2, 1.0)
        )
        assert early.shape == (2, 4)
        assert np.abs(early - late).max() > 1e-6
    if kind != "gaussian":
        found = prior.apply(variables, condition)
        assert_allclose(found.mean, 0, atol=0)
        assert_allclose(found.log_variance, 0, atol=0)
