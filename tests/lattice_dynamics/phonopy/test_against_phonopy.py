"""Exact force constants against phonopy's finite displacements with the same forces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import commensurate_q
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import density_of_states, phonons
from tests.force_constants.lattices import silicon, stillinger_weber
from tests.lattice_dynamics.phonopy.oracle import phonopy_of

SIZE = (2, 2, 2)


@pytest.fixture(scope="module")
def both():
    """Our phonons and phonopy's, of silicon with a strained cell of low symmetry."""
    strain = np.array([[0.01, 0.004, 0], [0.004, -0.008, 0.002], [0, 0.002, 0.005]])
    crystal, potential = silicon().strained(strain), stillinger_weber()
    # Forces that the strained cell has at rest cancel in pairs of displacements ±.
    theirs = phonopy_of(crystal, potential, SIZE, degree=8)
    return phonons(potential, crystal), theirs


def test_frequencies_equal_phonopys_at_commensurate_points(both):
    ours, theirs = both
    q = commensurate_q(SIZE)[1:]
    theirs.run_qpoints(q)
    # THz: finite displacements of 1e-3 Å, and round-off 1e-13 over them
    assert_allclose(ours.frequencies(q), theirs.qpoints.frequencies, atol=1e-4)


def test_dynamical_matrices_differ_by_phases_of_positions_only(both):
    """P* D P with P = diag exp(2πi q·x_j), as the module says."""
    ours, theirs = both
    q = np.array([0.5, 0.0, 0.5])
    phases = np.exp(2j * np.pi * np.repeat(ours.crystal.fractional @ q, 3))
    theirs.run_qpoints([q], with_dynamical_matrices=True)
    expected = theirs.qpoints.dynamical_matrices[0]
    found = phases.conj()[:, None] * ours.dynamical_matrix(q) * phases
    # eV/(Å² amu): finite displacements
    assert_allclose(found, expected, atol=1e-5)


def test_thermal_properties_equal_phonopys_on_the_same_mesh(both):
    ours, theirs = both
    temperatures = np.array([0.0, 50.0, 300.0, 1000.0])
    theirs.run_mesh(SIZE, is_gamma_center=True)
    theirs.run_thermal_properties(temperatures=temperatures, cutoff_frequency=0.1)
    expected = theirs.thermal_properties
    found = ours.thermal(temperatures, SIZE)
    # phonopy counts in kJ/mol and J/(mol K). Its physical constants have eight digits;
    # frequencies agree to 1e-5.
    kj = 96.48533212
    assert_allclose(found.free_energy * kj, expected.free_energy, rtol=1e-4)
    assert_allclose(found.entropy, expected.entropy, rtol=1e-4, atol=1e-6)
    assert_allclose(found.heat_capacity, expected.heat_capacity, rtol=1e-4, atol=1e-6)
    assert_allclose(found.fraction_excluded, 3 / 48)


def test_the_density_of_states_equals_phonopys_tetrahedra(both):
    ours, theirs = both
    shape = (9, 9, 9)
    theirs.run_mesh(shape, is_gamma_center=True, is_mesh_symmetry=False)
    mesh = regular_mesh(ours.crystal, shape, symmetry=False)
    order = [
        np.flatnonzero((abs((q - theirs.mesh.qpoints + 0.5) % 1 - 0.5) < 1e-6).all(1))[
            0
        ]
        for q in mesh.q
    ]
    dos = density_of_states(mesh, theirs.mesh.frequencies[order], n_bins=200)
    step = (dos.frequencies[1] - dos.frequencies[0]) / 5
    theirs.run_total_dos(
        freq_min=dos.frequencies[0] - 2 * step,
        freq_max=dos.frequencies[-1] + 2 * step,
        freq_pitch=step,
        use_tetrahedron_method=True,
    )
    # Means of five points stand for means over our intervals.
    expected = theirs.total_dos.dos[:1000].reshape(-1, 5).mean(axis=1)
    assert_allclose(dos.density, expected, atol=0.02 * expected.max())
