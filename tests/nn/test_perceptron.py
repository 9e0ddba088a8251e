"""Perceptrons with biases, and gated ones: their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import GatedPerceptron, Perceptron, shifted_softplus

X = np.random.default_rng(0).normal(size=(5, 3))


def silu(x):
    return x / (1 + np.exp(-x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def made(module):
    """The module's result for X, and its parameters, none of them zero."""
    variables = module.init(jax.random.key(0), X)
    params = jax.tree.map(lambda p: jnp.asarray(p, float) + 0.1, variables["params"])
    return np.asarray(module.apply({"params": params}, X)), params


def layers(x, params, last):
    n = len(params)
    for i in range(n):
        p = params[f"layer_{i}"]
        x = x @ p["kernel"] + p.get("bias", 0)
        x = silu(x) if i < n - 1 or last else x
    return x


@pytest.mark.parametrize("ends_active", [True, False])
def test_layers_follow_one_another_with_activations(ends_active):
    found, params = made(Perceptron((4, 2), ends_active=ends_active))
    assert_allclose(found, layers(X, params, ends_active), rtol=1e-12)  # round-off


@pytest.mark.parametrize("ends_active", [True, False])
def test_gate_is_the_logistic_function_of_a_second_perceptron(ends_active):
    module = GatedPerceptron((4, 2), ends_active=ends_active, use_bias=False)
    found, params = made(module)
    core = layers(X, params["core"], ends_active)
    expected = core * sigmoid(layers(X, params["gate"], last=False))
    assert_allclose(found, expected, rtol=1e-12)  # round-off
    shut = module.apply({"params": params}, X, gate=0 * X)
    assert_allclose(shut, core / 2, rtol=1e-12)


def test_moved_softplus_is_zero_at_zero_and_overflows_nowhere():
    x = jnp.asarray([-800.0, 0.0, 1.5, 800.0])
    expected = [-np.log(2), 0, np.log((1 + np.exp(1.5)) / 2), 800 - np.log(2)]
    assert_allclose(shifted_softplus(x), expected, atol=1e-12)
