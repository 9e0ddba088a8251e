"""Densities of states against analytic ones and phonopy's, and their parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import density_of_states, phonons, projections
from matjax.units import THZ
from tests.force_constants.lattices import (
    DISTANCE,
    STIFFNESS,
    chain,
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


def test_projections_on_a_reduced_mesh_are_those_on_the_full_one(hexagonal):
    """Of atoms that symmetry relates and of directions that it mixes."""
    for found in (hexagonal, phonons(stillinger_weber(), silicon())):
        results = []
        for symmetry in (True, False):
            mesh = regular_mesh(found.crystal, (4, 4, 4), symmetry=symmetry)
            modes = found.modes(mesh.q)
            _, shares = projections(found.crystal, *modes, onto="coordinates")
            dos = density_of_states(
                mesh, modes.frequencies, weights=shares, smearing=0.5, window=(0, 20)
            )
            results.append(dos.parts)
            # Without the average the full mesh gives the same.
            plain = abs(modes.eigenvectors.swapaxes(1, 2)) ** 2
            results.append(
                density_of_states(
                    mesh, modes.frequencies, weights=plain, smearing=0.5, window=(0, 20)
                ).parts
            )
        reduced, _, full, unaveraged = results
        # round-off, and its roots at Γ
        assert_allclose(reduced, full, atol=1e-6)
        assert_allclose(reduced, unaveraged, atol=1e-6)


def test_atoms_of_different_mass_are_not_averaged():
    heavy = phonons(stillinger_weber(), silicon(), masses=np.array([28.0, 90.0]))
    dos = heavy.projected_dos((3, 3, 3), onto="atoms", n_bins=30)
    assert abs(dos.parts[0] - dos.parts[1]).max() > 0.1


def test_next_to_the_gap_of_a_chain_only_one_kind_of_atom_moves():
    """At the zone boundary ω² = 2k/M and 2k/m, with the other kind at rest."""
    found = phonons(springs((11, 17)), chain())
    dos = found.projected_dos((200, 1, 1), n_bins=300)
    assert dos.labels == ("Na", "Cl")
    light, heavy = THZ * np.sqrt(2 * STIFFNESS / found.masses)
    share = dos.parts[0] / np.where(dos.density > 0, dos.density, 1)
    # one interval away from either edge of the gap
    assert share[np.searchsorted(dos.frequencies, heavy) - 1] < 0.1
    assert share[np.searchsorted(dos.frequencies, light) + 1] > 0.9


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
