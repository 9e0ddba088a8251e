"""Norms look at one row at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import feature_norm

X = np.random.default_rng(0).normal(size=(5, 8))


@pytest.mark.parametrize("norm", ["layer", "affine"])
def test_a_row_does_not_depend_on_the_others(norm):
    module = feature_norm(norm, name="norm")
    variables = module.init(jax.random.key(0), X)
    whole = module.apply(variables, X)
    assert_allclose(module.apply(variables, X[2:3]), whole[2:3], rtol=1e-12)


def test_affine_is_a_scale_and_an_offset():
    module = feature_norm("affine", name="norm")
    params = {"scale": jnp.arange(8.0), "bias": jnp.ones(8)}
    assert_allclose(module.apply({"params": params}, X), X * np.arange(8.0) + 1)
