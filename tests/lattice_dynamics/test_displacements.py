"""Mean-square displacements against oscillators, identities and phonopy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.io.cif import parse_cif
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, write
from matjax.force_constants import Response, regular_mesh
from matjax.lattice_dynamics import cif_loop, mean_square_displacements, phonons, u_cif
from matjax.units import BOLTZMANN, PLANCK_THZ, THZ
from tests.force_constants.lattices import (
    DISTANCE,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)
from tests.lattice_dynamics.phonopy.oracle import phonopy_of

T = np.array([0.0, 100.0, 300.0])
RNG = np.random.default_rng(2)


def close_packed():
    """Hexagonal close packing: sites of symmetry −6m2."""
    cell = DISTANCE * np.array(
        [[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]]
    )
    return Crystal.create([29, 29], cell, fractional=[[0, 0, 0], [1 / 3, 2 / 3, 0.5]])


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def hexagonal():
    return phonons(springs(), close_packed())


def test_einstein_oscillators_have_the_textbook_amplitude():
    """⟨u_x²⟩ = ħ/(2mω) coth(ħω/2kT)."""
    mesh = regular_mesh(fcc(), (2, 2, 2), shift=(0.5, 0.5, 0.5))
    square = 0.4  # eV/(Å² amu)
    matrices = np.tile(square * np.eye(3), (len(mesh.q), 1, 1)).astype(complex)
    found = mean_square_displacements(fcc(), mesh, matrices, T[1:])
    quantum = PLANCK_THZ * THZ * np.sqrt(square)
    amplitude = quantum / (2 * fcc().masses[0] * square)
    expected = amplitude / np.tanh(quantum / (2 * BOLTZMANN * T[1:]))
    # round-off
    assert_allclose(found.isotropic, expected[:, None], rtol=1e-12)
    diagonal = expected[:, None, None, None] * np.eye(3)
    assert_allclose(found.tensors, diagonal, rtol=1e-12, atol=1e-15)
    assert found.fraction_excluded == 0


def test_displacements_have_the_symmetry_of_their_site(of_silicon, hexagonal):
    cubic = of_silicon.displacements(T, (4, 4, 4)).tensors
    # round-off
    assert_allclose(cubic, cubic[..., :1, :1] * np.eye(3), atol=1e-15)
    uniaxial = hexagonal.displacements(T, (4, 4, 3)).tensors
    assert_allclose(uniaxial[..., 0, 0], uniaxial[..., 1, 1], rtol=1e-9)
    assert_allclose(uniaxial[..., 0, 1:], 0, atol=1e-15)
    assert abs(uniaxial[..., 2, 2] / uniaxial[..., 0, 0] - 1).min() > 0.01


def test_symmetry_changes_no_displacement(hexagonal):
    results = []
    for symmetry in (True, False):
        mesh = regular_mesh(close_packed(), (3, 3, 2), symmetry=symmetry)
        matrices = hexagonal.dynamical_matrix(mesh.q)
        results.append(mean_square_displacements(close_packed(), mesh, matrices, T))
    reduced, full = results
    assert_allclose(reduced.tensors, full.tensors, atol=1e-12)  # round-off
    assert_allclose(reduced.fraction_excluded, full.fraction_excluded, rtol=1e-12)


def test_displacements_turn_with_the_crystal_and_those_of_cif_do_not(hexagonal):
    crystal = close_packed()
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    turned = phonons(springs(), crystal.replace(cell=crystal.cell @ turn))
    here = hexagonal.displacements(T, (2, 2, 2)).tensors
    there = turned.displacements(T, (2, 2, 2)).tensors
    # round-off
    assert_allclose(there, turn.T @ here @ turn, atol=1e-12)
    assert_allclose(u_cif(turned.crystal, there), u_cif(crystal, here), atol=1e-12)


def test_hexagonal_tensors_of_cif_have_half_of_u11_beside_the_diagonal(hexagonal):
    """Site symmetry 3 or more: U22 = U11, U12 = U11/2, U13 = U23 = 0."""
    tensors = hexagonal.displacements([300.0], (3, 3, 2)).tensors
    u = u_cif(close_packed(), tensors)[0, 0]
    a, c = tensors[0, 0, 0, 0], tensors[0, 0, 2, 2]
    # round-off
    assert_allclose(u, [[a, a / 2, 0], [a / 2, a, 0], [0, 0, c]], atol=1e-12)


def test_soft_modes_are_left_out_below_the_cutoff(of_silicon):
    all_modes = of_silicon.displacements(T, (4, 4, 4))
    stiff = of_silicon.displacements(T, (4, 4, 4), softest=5)
    assert_allclose(all_modes.fraction_excluded, 3 / (6 * 64))
    assert stiff.fraction_excluded > 0.1
    assert (stiff.isotropic < all_modes.isotropic).all()


@pytest.mark.parametrize("name", ["silicon", "hexagonal"])
def test_displacements_equal_phonopys(name, of_silicon, hexagonal):
    if name == "silicon":
        ours, size, degree, shape = of_silicon, (3, 3, 3), 8, (4, 4, 4)
        theirs = phonopy_of(silicon(), stillinger_weber(), size, degree=degree)
    else:
        ours, size, degree, shape = hexagonal, (3, 3, 2), 16, (4, 4, 3)
        theirs = phonopy_of(close_packed(), springs(), size, degree=degree)
    theirs.run_mesh(
        shape, is_gamma_center=True, is_mesh_symmetry=False, with_eigenvectors=True
    )
    theirs.run_thermal_displacement_matrices(temperatures=T, freq_min=0.1)
    expected = theirs.thermal_displacement_matrices
    found = ours.displacements(T, shape, softest=0.1)
    # Å²: of 0.006, frequencies to 1e-5 by finite displacements
    assert_allclose(found.tensors, expected.thermal_displacement_matrices, atol=3e-7)
    assert_allclose(
        u_cif(ours.crystal, found.tensors),
        expected.thermal_displacement_matrices_cif,
        atol=3e-7,
    )


def test_the_loop_of_a_cif_file_names_its_sites(tmp_path, hexagonal):
    tensors = hexagonal.displacements([300.0], (2, 2, 2)).tensors[0]
    path = tmp_path / "thermal.cif"
    write(path, close_packed())
    with path.open("a") as file:
        file.write(cif_loop(close_packed(), tensors))
    (block,) = parse_cif(str(path))
    assert block["_atom_site_aniso_label"] == block["_atom_site_label"]
    for i, j in ((1, 1), (3, 3), (1, 2)):
        expected = u_cif(close_packed(), tensors)[:, i - 1, j - 1]
        column = block[f"_atom_site_aniso_u_{i}{j}"]
        assert_allclose(column, expected, atol=6e-7)  # printed digits


def test_displacements_are_differentiable_by_parameters_at_degeneracies():
    """At high temperature ⟨u²⟩ = kT Σ 1/mω² ∝ 1/k; Γ and X are degenerate."""
    crystal = fcc()
    source = phonons(springs(), crystal)

    def classical(potential):
        response = Response(potential, potential.graph(crystal), n_atoms=1)
        found = source.replace(source=response)
        return found.displacements([1e7], (2, 2, 2)).tensors[0, 0, 0, 0]

    value, slope = jax.value_and_grad(classical)(springs())
    stiffness = springs().params["stiffness"]
    # x²/12 is 1e-10; round-off
    assert_allclose(slope.params["stiffness"], -value / stiffness, rtol=1e-7)


def test_derivatives_by_single_elements_are_those_of_differences():
    mesh = regular_mesh(silicon(), (2, 1, 1), symmetry=False)
    a, b = RNG.normal(size=(2, 2, 6, 6))
    base = np.eye(6) + 0.1 * (a + 1j * b)
    step = RNG.normal(size=(2, 6, 6)) + 1j * RNG.normal(size=(2, 6, 6))

    def total(x):
        found = mean_square_displacements(silicon(), mesh, base + x * step, [50.0])
        return (found.tensors * jnp.arange(18).reshape(2, 3, 3)).sum()

    h = 1e-5
    slope = jax.jacfwd(total)(0.0)
    expected = (total(h) - total(-h)) / (2 * h)
    assert_allclose(slope, expected, rtol=1e-7)  # h² and round-off over h


@pytest.mark.parametrize("temperatures", [[-1.0], [np.nan]])
def test_temperatures_that_are_none_are_refused(of_silicon, temperatures):
    with pytest.raises(ValueError, match="finite and not negative"):
        of_silicon.displacements(temperatures)


def test_meshes_that_are_none_are_refused(of_silicon):
    with pytest.raises(ValueError, match="three positive integers"):
        of_silicon.displacements([300.0], (0, 4, 4))
