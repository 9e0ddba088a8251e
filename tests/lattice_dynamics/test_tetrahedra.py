"""Integrals over the zone: bands whose states can be counted on paper."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import density_of_states
from tests.force_constants.lattices import (
    silicon,
)


def cubic():
    return Crystal.create([6], 3 * np.eye(3), fractional=[[0, 0, 0]])


def integral(dos):
    return dos.density.sum() * (dos.frequencies[1] - dos.frequencies[0])


def test_flat_bands_keep_their_weight_between_two_edges():
    mesh = regular_mesh(cubic(), (4, 4, 4))
    frequencies = np.tile([2.0, 5.0, 5.0], (len(mesh.q), 1))
    dos = density_of_states(mesh, frequencies, n_bins=100)
    assert_allclose(integral(dos), 3, rtol=1e-12)  # round-off
    assert np.count_nonzero(dos.density) == 2
    low, high = dos.frequencies[dos.density > 0]
    assert_allclose([low, high], [2, 5], atol=0.02)  # half an interval


def test_a_tight_binding_band_has_its_moments():
    """ν = Σ cos 2πq_i: mean square 3/2, and vanishing odd moments."""
    mesh = regular_mesh(cubic(), (24, 24, 24))
    band = np.cos(2 * np.pi * mesh.q).sum(axis=1, keepdims=True)
    dos = density_of_states(mesh, band, n_bins=300)
    share = dos.density * (dos.frequencies[1] - dos.frequencies[0])
    assert_allclose(share.sum(), 1, rtol=1e-12)
    # Linear interpolation of a cosine lowers it by (2π/24)²/12 on average, in each of
    # three directions: 1 % of the square.
    assert_allclose(share @ dos.frequencies**2, 1.5, rtol=0.02)
    assert_allclose(share @ dos.frequencies, 0, atol=2e-3)  # anisotropic cutting
    # 0.1427/t at the center of the band 2t Σ cos (Economou, Green's Functions in
    # Quantum Physics, chapter 5), here with t = 1/2; linear interpolation
    center = np.interp(0, dos.frequencies, dos.density)
    assert_allclose(center, 0.2854, rtol=0.01)


def test_a_linear_band_is_exact_inside_a_tetrahedron():
    """For sound, ν = c|q|, the number of states below ν is 4π/3 (ν/c)³."""
    mesh = regular_mesh(cubic(), (40, 40, 40))
    q = mesh.q - np.round(mesh.q)
    dos = density_of_states(mesh, np.linalg.norm(q, axis=1)[:, None], n_bins=400)
    width = dos.frequencies[1] - dos.frequencies[0]
    below = np.cumsum(dos.density) * width
    edge = dos.frequencies + width / 2
    inside = (edge > 0.2) & (edge < 0.45)
    expected = 4 * np.pi / 3 * edge**3
    # curvature of |q| over a step of 1/40
    assert_allclose(below[inside], expected[inside], rtol=0.01)


def test_weights_are_as_exact_inside_a_tetrahedron_as_frequencies():
    """Modes weighted by their frequency have, in each interval, a mean inside it."""
    mesh = regular_mesh(silicon(), (5, 5, 5))
    frequencies = np.random.default_rng(0).uniform(2, 9, (len(mesh.q), 2))
    dos = density_of_states(mesh, frequencies, weights=frequencies[:, :, None])
    filled = dos.density > 1e-6
    mean = dos.parts[0][filled] / dos.density[filled]
    half = (dos.frequencies[1] - dos.frequencies[0]) / 2
    # intervals, and round-off of small densities
    assert abs(mean - dos.frequencies[filled]).max() < half * (1 + 1e-6)
