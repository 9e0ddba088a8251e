"""SOAP is DScribe's; a second radial basis is a quadrature of the density itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import spherical_in

from matjax.descriptors import DVRBasis, GTOBasis, soap_features
from matjax.descriptors.soap import scaled_bessel
from matjax.graphs import build_graph
from matjax.nn import polynomial_envelope
from matjax.numerics import safe_norm
from tests.descriptors import oracle

CUTOFF, SIGMA = 3.5, 0.4
REACH = CUTOFF + SIGMA * np.sqrt(-2 * np.log(1e-3))
"""Neighbors whose density reaches into the cutoff, as DScribe has it."""
GTO = GTOBasis(CUTOFF, 3, 3, SIGMA)


def test_values_are_those_of_dscribe():
    crystals = oracle.crystals()
    graph = build_graph(crystals, REACH)
    found = np.asarray(jax.jit(lambda g: soap_features(g, oracle.SPECIES, GTO))(graph))
    expected = np.concatenate([oracle.power_spectrum(k) for k in range(len(crystals))])
    assert_allclose(found[: len(expected)], expected, atol=2e-9)  # their digits


@pytest.mark.parametrize("basis", [GTO, DVRBasis(CUTOFF, 5, 4, SIGMA)])
def test_features_do_not_turn_with_the_crystal_and_have_slopes(basis):
    crystal = oracle.crystals()[2]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    graphs = [
        build_graph(c, CUTOFF)
        for c in (crystal, crystal.replace(cell=crystal.cell @ turn.T))
    ]

    def features(graph):
        ends = polynomial_envelope(safe_norm(graph.edge_vectors()), CUTOFF, 6.0)
        return soap_features(graph, oracle.SPECIES, basis, envelope=ends)

    one, other = map(jax.jit(features), graphs)
    assert_allclose(other, one, atol=1e-10 * np.abs(one).max())  # round-off
    weights = np.random.default_rng(1).normal(size=one.shape)

    @jax.jit
    def value(positions):
        return jnp.sum(weights * features(graphs[0].replace(positions=positions)))

    positions = graphs[0].positions
    direction = np.random.default_rng(2).normal(size=positions.shape)
    slope = jnp.sum(jax.grad(value)(positions) * direction)
    step = 1e-4
    ends = [value(positions + s * step * direction) for s in (1, -1)]
    assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def test_bessel_functions_are_those_of_scipy_in_both_precisions():
    x = np.array([1e-2, 0.3, 1.0, 5.0, 40.0, 200.0])
    expected = np.stack(
        [np.exp(-x[:5]) * spherical_in(degree, x[:5]) for degree in range(7)], axis=-1
    )
    found = scaled_bessel(jnp.asarray(x), 6)
    assert_allclose(found[:5], expected, rtol=1e-10)
    assert_allclose(found[5, 0], 1 / 400, rtol=1e-10)  # (1 − e^−2x)/(2x)
    single = scaled_bessel(jnp.asarray(x, jnp.float32), 6)
    assert_allclose(single, found, rtol=1e-5)


def test_the_second_basis_is_the_density_at_points():
    """Of one neighbor at r the projection at x on Y_l0 is an integral over angles."""
    basis = DVRBasis(CUTOFF, 4, 3, SIGMA)
    r = 1.7
    found = np.asarray(basis.functions(jnp.array([r])))[0]
    points, weights = np.polynomial.legendre.leggauss(4)
    x, w = CUTOFF * (points + 1) / 2, CUTOFF * weights / 2
    cosine, angles = np.polynomial.legendre.leggauss(60)
    for degree in range(4):
        legendre = np.polynomial.legendre.Legendre.basis(degree)(cosine)
        squares = x[:, None] ** 2 + r**2 - 2 * x[:, None] * r * cosine
        density = np.exp(-squares / (2 * SIGMA**2))
        # ∫ ρ Y_l0 dΩ by Y_l0 along r, which is √((2l + 1)/4π): the ratio is g_l.
        projected = 2 * np.pi * (angles * legendre * density).sum(axis=1)
        assert_allclose(found[:, degree], np.sqrt(w) * x * projected, rtol=1e-9)
