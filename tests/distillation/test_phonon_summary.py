"""A few numbers sum up phonons on a mesh."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.distillation.phonon_summary import summarized, supercell_mesh
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import phonons
from tests.force_constants.lattices import fcc, springs


def test_the_q_of_a_supercell_are_those_of_the_mesh_with_its_repeats():
    crystal = fcc()
    found = phonons(springs(), crystal)
    other = supercell_mesh(crystal, [[2, 0, 0], [0, 2, 0], [0, 0, 2]])
    assert len(other.q) == 8
    few = summarized(found, regular_mesh(crystal, (2, 2, 2)))
    every = summarized(found, other)
    names = ("max_frequency_THz", "mean_frequency_THz", "heat_capacity_J_per_mol_K")
    for name in names:
        assert_allclose(getattr(few, name), getattr(every, name), rtol=1e-9)


def test_the_highest_frequency_is_that_of_the_springs():
    crystal = fcc()
    found = summarized(phonons(springs(), crystal), regular_mesh(crystal, (2, 2, 2)))
    # Longitudinal at X: M ω² = 8 k.
    top = np.sqrt(8 * 3.0 / float(crystal.masses[0]) * 9648.533) / (2 * np.pi)
    assert_allclose(found.max_frequency_THz, top, rtol=1e-5)  # digits of the constant
    assert found.imaginary_fraction == 0
