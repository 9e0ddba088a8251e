"""The density of states against analytic ones, and phonopy's tetrahedra."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.phonons import density_of_states, phonons, regular_mesh
from tests.phonons.lattices import fcc, silicon, stillinger_weber


def cubic():
    return Crystal.create([6], 3 * np.eye(3), fractional=[[0, 0, 0]])


def integral(dos):
    return dos.density.sum() * (dos.frequencies[1] - dos.frequencies[0])


def test_the_integral_is_the_number_of_modes():
    dos = phonons(stillinger_weber(), silicon()).dos((5, 5, 5), n_bins=37)
    assert_allclose(integral(dos), 6, rtol=1e-12)  # round-off


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


def test_shifted_and_reduced_meshes_give_the_same_density():
    found = phonons(stillinger_weber(), silicon())
    curves = []
    for options in ({}, {"shift": (0.5, 0.5, 0.5)}, {"symmetry": False}):
        mesh = regular_mesh(silicon(), (10, 10, 10), **options)
        dos = density_of_states(mesh, found.frequencies(mesh.q), n_bins=60)
        width = dos.frequencies[1] - dos.frequencies[0]
        grid = np.linspace(0, 18, 30)
        edges = dos.frequencies + width / 2
        curves.append(np.interp(grid, edges, np.cumsum(dos.density) * width))
    assert_allclose(curves[2], curves[0], atol=1e-5)  # roots of round-off at Γ
    assert_allclose(curves[1], curves[0], atol=0.05)  # meshes of finite density


def test_frequencies_of_another_mesh_are_refused():
    mesh = regular_mesh(fcc(), (4, 4, 4))
    with pytest.raises(ValueError, match="as many rows of frequencies"):
        density_of_states(mesh, np.ones((3, 3)))
