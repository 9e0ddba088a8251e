"""Radial bases and envelopes: their values and their derivatives at both ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import bessel_basis, polynomial_envelope, spaced_gaussians

CUTOFF = 5.0


def test_bessel_functions_are_the_formula_and_orthogonal():
    r = jnp.linspace(1e-3, CUTOFF, 4001)
    basis = bessel_basis(r, 4, CUTOFF)
    n = np.arange(1, 5)
    expected = 2 / CUTOFF * np.sin(n * np.pi * r[:, None] / CUTOFF) / r[:, None]
    assert_allclose(basis, expected, rtol=1e-9, atol=1e-12)
    # ∫ r² B_m B_n dr = (2/c) δ_mn; trapezoid error h².
    overlap = jnp.trapezoid(
        (r**2)[:, None, None] * basis[:, :, None] * basis[:, None, :], r, axis=0
    )
    assert_allclose(overlap, np.eye(4) * 2 / CUTOFF, atol=1e-6)


def test_bessel_functions_are_smooth_at_the_origin():
    value = bessel_basis(jnp.zeros(1), 3, CUTOFF)[0]
    assert_allclose(value, 2 / CUTOFF * np.pi * np.arange(1, 4) / CUTOFF, rtol=1e-12)
    slope = jax.jacfwd(lambda r: bessel_basis(r[None], 3, CUTOFF)[0])(jnp.zeros(()))
    assert_allclose(slope, 0, atol=1e-12)


@pytest.mark.parametrize("p", [2.0, 6.0])
def test_envelope_vanishes_with_two_derivatives_at_the_cutoff(p):
    envelope = lambda r: polynomial_envelope(r[None], CUTOFF, p)[0]
    slope, curvature = jax.grad(envelope), jax.grad(jax.grad(envelope))
    just_inside = jnp.asarray(CUTOFF * (1 - 1e-6))
    assert envelope(jnp.asarray(0.0)) == 1
    for function in (envelope, slope, curvature):
        # The third derivative is about 100/c³; 1e-6 from the end it gives 1e-5.
        assert_allclose(function(just_inside), 0, atol=1e-4)
        assert function(jnp.asarray(CUTOFF * 1.1)) == 0


def test_spaced_gaussians_have_centers_at_both_ends():
    basis = spaced_gaussians(jnp.array([-1.0, 0.5]), -1.0, 1.0, 5)
    centers = np.linspace(-1, 1, 5)
    for row, x in zip(basis, (-1.0, 0.5), strict=True):
        assert_allclose(row, np.exp(-((x - centers) ** 2) / 0.5), rtol=1e-12)
