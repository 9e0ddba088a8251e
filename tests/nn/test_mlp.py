"""Perceptrons: their formula, their variance, and purity of what they return."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.nn import MLP


def bound(model, seed=0):
    """Function of the perceptron and its kernels."""
    params = model.init(jax.random.key(seed))
    return model.apply(params), params["params"]


def test_it_is_activations_between_products_without_bias():
    function, kernels = bound(MLP((2, 3, 4, 1), activation=jnp.tanh))
    x = np.random.default_rng(0).normal(size=(5, 2))
    expected = np.tanh(np.tanh(x @ kernels["kernel_0"]) @ kernels["kernel_1"])
    expected = expected @ kernels["kernel_2"]
    # Parameters are in single precision.
    assert_allclose(function(x), expected, rtol=1e-6)
    assert_allclose(function(np.zeros((1, 2))), 0)


def test_hidden_layers_begin_with_the_variance_of_the_gain():
    _, kernels = bound(MLP((400, 500, 300), gain=4.0))
    # 200,000 and 150,000 samples: standard errors of 0.4 %.
    assert_allclose(np.var(kernels["kernel_0"]) * 400, 4.0, rtol=0.02)
    assert_allclose(np.var(kernels["kernel_1"]) * 500, 1.0, rtol=0.02)


def test_the_function_may_be_mapped():
    function, _ = bound(MLP((2, 3, 1)))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 2)))
    assert_allclose(jax.lax.map(function, x), function(x), rtol=1e-6)
