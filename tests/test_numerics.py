"""Safe operations: right where the textbook form is, finite where it is not."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.numerics import safe_norm, safe_where

VECTOR = jnp.array([0.3, -1.2, 0.7])
ZERO = jnp.zeros(3)


def test_norm_is_euclidean_over_the_last_axis():
    vectors = np.random.default_rng(0).normal(size=(2, 5, 3))
    assert_allclose(safe_norm(vectors), np.linalg.norm(vectors, axis=-1), rtol=1e-14)


def test_derivatives_of_the_norm_are_unit_vector_and_projector():
    r = jnp.linalg.norm(VECTOR)
    unit = VECTOR / r
    assert_allclose(jax.grad(safe_norm)(VECTOR), unit, rtol=1e-14)  # round-off
    expected = (jnp.eye(3) - jnp.outer(unit, unit)) / r
    assert_allclose(jax.hessian(safe_norm)(VECTOR), expected, atol=1e-14)


def test_norm_and_its_derivatives_vanish_for_the_zero_vector():
    assert safe_norm(ZERO) == 0
    assert_allclose(jax.grad(safe_norm)(ZERO), 0)
    assert_allclose(jax.hessian(safe_norm)(ZERO), 0)
    assert_allclose(jax.jacfwd(jax.hessian(safe_norm))(ZERO), 0)


def test_one_zero_vector_of_many_leaves_the_other_derivatives_alone():
    def total(vectors):
        return jnp.sum(safe_norm(vectors) ** 3)

    both = jax.hessian(total)(jnp.stack([VECTOR, ZERO]))
    r = jnp.linalg.norm(VECTOR)
    expected = 3 * (r * jnp.eye(3) + jnp.outer(VECTOR, VECTOR) / r)
    assert_allclose(both[0, :, 0], expected, rtol=1e-13)  # round-off
    assert_allclose(both[1], 0)


def test_masked_function_is_zero_outside_with_zero_derivatives():
    x = jnp.array([4.0, 0.0, -1.0])

    def root(x):
        return jnp.sum(safe_where(x > 0, jnp.sqrt, x, inside=1.0))

    assert_allclose(root(x), 2)
    assert_allclose(jax.grad(root)(x), [0.25, 0, 0])
    assert_allclose(jnp.diag(jax.hessian(root)(x)), [-1 / 32, 0, 0])


def test_precision_follows_the_argument():
    assert safe_norm(VECTOR.astype(jnp.float32)).dtype == jnp.float32
