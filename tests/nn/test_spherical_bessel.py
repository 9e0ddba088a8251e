"""Spherical Bessel functions and smooth sums of them: values, norms, ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import spherical_jn

from matjax.nn import smooth_bessel_basis, spherical_bessel_basis
from matjax.nn.spherical_bessel import spherical_bessel_roots

CUTOFF = 5.0
R = jnp.linspace(1e-3, CUTOFF, 6001)


def overlap(basis):
    """∫ r² u_m u_n dr between all functions; trapezoid error h²."""
    weighed = (R**2)[:, None, None] * basis[:, :, None] * basis[:, None, :]
    return jnp.trapezoid(weighed, R, axis=0)


def test_roots_and_functions_are_those_of_scipy():
    basis = spherical_bessel_basis(R[600:], 4, 3, CUTOFF)
    for degree in range(4):
        roots = spherical_bessel_roots(degree, 3)
        assert_allclose(spherical_jn(degree, roots), 0, atol=1e-14)
        gaps = np.diff([0, *roots])
        assert (gaps > 2.9).all(), "a root is missing"  # they lie about π apart
        norm = np.sqrt(2 / CUTOFF**3) / np.abs(spherical_jn(degree + 1, roots))
        expected = norm * spherical_jn(degree, np.outer(R[600:], roots) / CUTOFF)
        found = basis[:, 3 * degree : 3 * degree + 3]
        assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_functions_of_a_degree_are_orthonormal():
    basis = spherical_bessel_basis(R, 3, 3, CUTOFF)
    for degree in range(3):
        part = basis[:, 3 * degree : 3 * degree + 3]
        assert_allclose(overlap(part), np.eye(3), atol=1e-5)


def test_smooth_functions_are_orthonormal():
    assert_allclose(overlap(smooth_bessel_basis(R, 5, CUTOFF)), np.eye(5), atol=1e-5)


def test_smooth_functions_end_with_two_derivatives():
    function = lambda r: smooth_bessel_basis(r[None], 4, CUTOFF)[0]
    slope = jax.jacfwd(function)
    end = jnp.asarray(CUTOFF)
    for derivative in (function, slope, jax.jacfwd(slope)):
        assert_allclose(derivative(end), 0, atol=1e-12)  # round-off
    assert float(jnp.abs(jax.jacfwd(jax.jacfwd(slope))(end)).max()) > 1e-3


def test_plain_functions_end_with_a_slope():
    function = lambda r: spherical_bessel_basis(r[None], 3, 2, CUTOFF)[0]
    end = jnp.asarray(CUTOFF)
    assert_allclose(function(end), 0, atol=1e-12)
    assert float(jnp.abs(jax.jacfwd(function)(end)).min()) > 0.05


def test_degrees_without_a_closed_form_are_refused():
    with pytest.raises(ValueError, match="up to degree 3; received 5"):
        spherical_bessel_basis(R[:2], 5, 2, CUTOFF)
