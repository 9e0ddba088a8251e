"""Radial bases and envelopes: their values and their derivatives at both ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import (
    bessel_basis,
    cosine_envelope,
    gaussian_basis,
    polynomial_envelope,
    sine_basis,
    spaced_gaussians,
    xplor_envelope,
)

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


def test_frequencies_may_be_any_numbers():
    r, frequencies = jnp.linspace(0.5, CUTOFF, 9), jnp.array([0.8, 1.9])
    expected = 2 / CUTOFF * np.sin(frequencies * np.pi * r[:, None] / CUTOFF)
    assert_allclose(
        sine_basis(r, frequencies, CUTOFF), expected / r[:, None], rtol=1e-12
    )
    whole = jnp.arange(1.0, 5.0)
    assert_allclose(sine_basis(r, whole, CUTOFF), bessel_basis(r, 4, CUTOFF))


def test_switch_is_one_before_its_onset_and_ends_with_its_slope():
    onset = 4.5
    switch = lambda r: xplor_envelope(r, onset, CUTOFF)
    slope = jax.grad(switch)
    for r, value in ((1.0, 1.0), (onset, 1.0), (CUTOFF, 0.0), (6.0, 0.0)):
        assert_allclose(switch(jnp.asarray(r)), value, atol=1e-12)
    for r in (onset, CUTOFF):
        for side in (-1e-7, 1e-7):
            # The second derivative, at most 30/Å² here, times 1e-7 Å.
            assert_allclose(slope(jnp.asarray(r + side)), 0, atol=1e-5)
    # Half way in r² the polynomial is 1/2 by its symmetry.
    half = np.sqrt((onset**2 + CUTOFF**2) / 2)
    assert_allclose(switch(jnp.asarray(half)), 0.5, rtol=1e-12)


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


def test_gaussians_have_the_width_that_is_given_or_their_distance():
    r = jnp.asarray([0.0, 1.3, 4.9])
    centers = np.linspace(0, 5, 11)
    for given, width in ((None, 0.5), (0.8, 0.8)):
        expected = np.exp(-((np.asarray(r)[:, None] - centers) ** 2) / width**2)
        found = gaussian_basis(r, 0.5, 5.0, given)
        assert_allclose(found, expected, rtol=1e-12, atol=1e-15)  # round-off


def test_cosine_ends_with_one_derivative():
    envelope = lambda r: cosine_envelope(r[None], CUTOFF)[0]
    slope = jax.grad(envelope)
    end = jnp.asarray(CUTOFF * (1 - 1e-9))
    assert envelope(jnp.asarray(0.0)) == 1
    assert_allclose(envelope(jnp.asarray(CUTOFF / 2)), 0.5, rtol=1e-12)
    assert_allclose([envelope(end), slope(end)], 0, atol=1e-8)
    assert_allclose(jax.grad(slope)(end), np.pi**2 / CUTOFF**2 / 2, rtol=1e-6)
    assert envelope(jnp.asarray(CUTOFF * 1.1)) == 0


def test_spaced_gaussians_have_centers_at_both_ends():
    basis = spaced_gaussians(jnp.array([-1.0, 0.5]), -1.0, 1.0, 5)
    centers = np.linspace(-1, 1, 5)
    for row, x in zip(basis, (-1.0, 0.5), strict=True):
        assert_allclose(row, np.exp(-((x - centers) ** 2) / 0.5), rtol=1e-12)
