"""Densities of states against analytic ones and phonopy's, and their parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import density_of_states, phonons
from tests.force_constants.lattices import (
    DISTANCE,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)
from tests.lattice_dynamics.phonopy.oracle import phonopy_of

PARTS = {
    "elements": ("Cu", "Mg"),
    "atoms": ("Cu1", "Mg1"),
    "directions": ("x", "y", "z"),
    "coordinates": ("Cu1 x", "Cu1 y", "Cu1 z", "Mg1 x", "Mg1 y", "Mg1 z"),
}


@pytest.fixture(scope="module")
def hexagonal():
    """Two elements on the places of the hexagonal close packing, with springs."""
    cell = DISTANCE * np.array(
        [[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]]
    )
    crystal = Crystal.create(
        [29, 12], cell, fractional=[[0, 0, 0], [1 / 3, 2 / 3, 0.5]]
    )
    return phonons(springs((12, 29)), crystal)


def integral(dos):
    return dos.density.sum() * (dos.frequencies[1] - dos.frequencies[0])


def test_the_integral_is_the_number_of_modes():
    dos = phonons(stillinger_weber(), silicon()).dos((5, 5, 5), n_bins=37)
    assert_allclose(integral(dos), 6, rtol=1e-12)  # round-off


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


def test_intervals_and_widths_that_cannot_be_are_refused():
    mesh = regular_mesh(fcc(), (2, 2, 2))
    frequencies = np.ones((len(mesh.q), 3))
    with pytest.raises(ValueError, match="smearing must be positive THz"):
        density_of_states(mesh, frequencies, smearing=0)
    with pytest.raises(ValueError, match="one interval or more"):
        density_of_states(mesh, frequencies, n_bins=0)
    with pytest.raises(ValueError, match="lower to a higher"):
        density_of_states(mesh, frequencies, window=(3, 1))
    # The tests' type checker speaks before the function does.
    with pytest.raises((ValueError, TypeCheckError), match=r"and an axis of|q modes"):
        density_of_states(mesh, frequencies, weights=np.ones((1, 3, 2)))
    weights = np.ones((len(mesh.q), 3, 2))
    with pytest.raises(ValueError, match="as many labels or none"):
        density_of_states(mesh, frequencies, weights=weights, labels=("a",))


@pytest.mark.parametrize("smearing", [None, 0.2])
def test_projections_add_up_and_count_the_coordinates_of_their_part(
    hexagonal, smearing
):
    for onto, labels in PARTS.items():
        dos = hexagonal.projected_dos((4, 4, 3), onto=onto, smearing=smearing)
        assert dos.labels == labels
        # round-off
        assert_allclose(dos.parts.sum(axis=0), dos.density, atol=1e-12)
        width = dos.frequencies[1] - dos.frequencies[0]
        # round-off; beyond six widths lie 1e-9 of a Gaussian
        assert_allclose(dos.parts.sum(axis=1) * width, 6 / len(labels), rtol=1e-8)


def test_smeared_densities_are_differentiable_in_the_frequencies():
    """Moving all modes up by δ moves the curve: −dg/dν."""
    mesh = regular_mesh(fcc(), (2, 2, 2))
    nu = np.linspace(3, 8, len(mesh.q) * 3).reshape(-1, 3)

    def density(shift):
        frequencies = jnp.asarray(nu) + shift
        options = {"smearing": 0.7, "window": (0, 12), "n_bins": 240}
        return density_of_states(mesh, frequencies, **options).density

    slope = jax.jacfwd(density)(0.0)
    expected = -np.gradient(np.asarray(density(0.0)), 0.05)
    assert_allclose(slope[1:-1], expected[1:-1], atol=5e-3)  # (0.05/0.7)² differences
    plain = density_of_states(mesh, nu, smearing=0.7, window=(0, 12), n_bins=240)
    assert_allclose(density(0.0), plain.density, rtol=1e-9, atol=1e-14)  # round-off
    with pytest.raises(ValueError, match="needs a window"):
        jax.jit(lambda f: density_of_states(mesh, f, smearing=1.0).density)(nu)


@pytest.fixture(scope="module")
def phonopys():
    """phonopy's mesh of silicon; 3 × 3 × 3 holds all neighbors that forces reach."""
    theirs = phonopy_of(silicon(), stillinger_weber(), (3, 3, 3), degree=8)
    theirs.run_mesh(
        (8, 8, 8), is_gamma_center=True, is_mesh_symmetry=False, with_eigenvectors=True
    )
    return theirs


def test_smeared_projections_equal_phonopys(phonopys):
    found = phonons(stillinger_weber(), silicon())
    dos = found.projected_dos((8, 8, 8), onto="coordinates", smearing=0.4, n_bins=600)
    step = dos.frequencies[1] - dos.frequencies[0]
    phonopys.run_projected_dos(
        sigma=0.4,
        freq_min=dos.frequencies[0],
        freq_max=dos.frequencies[-1] + step / 2,
        freq_pitch=step,
        use_tetrahedron_method=False,
        xyz_projection=True,
    )
    expected = phonopys.projected_dos.projected_dos
    # Means over an interval of 0.1 widths: 0.1²/24 of the curvature. Finite
    # displacements change frequencies by 1e-5.
    assert_allclose(dos.parts, expected, atol=1e-3 * expected.max())
    phonopys.run_total_dos(
        sigma=0.4,
        freq_min=dos.frequencies[0],
        freq_max=dos.frequencies[-1] + step / 2,
        freq_pitch=step,
        use_tetrahedron_method=False,
    )
    expected = phonopys.total_dos.dos
    assert_allclose(dos.density, expected, atol=1e-3 * expected.max())


def test_projections_by_tetrahedra_equal_phonopys(phonopys):
    found = phonons(stillinger_weber(), silicon())
    dos = found.projected_dos((8, 8, 8), onto="atoms", n_bins=100)
    step = (dos.frequencies[1] - dos.frequencies[0]) / 5
    phonopys.run_projected_dos(
        freq_min=dos.frequencies[0] - 2 * step,
        freq_max=dos.frequencies[-1] + 2.5 * step,
        freq_pitch=step,
    )
    points = phonopys.projected_dos.projected_dos[:, :500]
    # Means of five points stand for means over our intervals.
    expected = points.reshape(2, -1, 5).mean(axis=2)
    assert_allclose(dos.parts, expected, atol=0.03 * expected.max())


def test_parts_and_meshes_that_are_none_are_refused(hexagonal):
    with pytest.raises((ValueError, TypeCheckError), match=r"onto"):
        hexagonal.projected_dos(onto="species")
    with pytest.raises(ValueError, match="three positive integers"):
        hexagonal.projected_dos((4, 0, 4))
    with pytest.raises(ValueError, match="smearing must be positive"):
        hexagonal.dos((2, 2, 2), smearing=-0.1)
