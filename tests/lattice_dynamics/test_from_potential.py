"""Phonons of a potential: precision, forces, what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import conventional
from matjax.force_constants import band_path, regular_mesh
from matjax.lattice_dynamics import phonons
from tests.force_constants.lattices import (
    fcc,
    silicon,
    springs,
    stillinger_weber,
)


@pytest.fixture(scope="module")
def q():
    path = band_path(silicon(), spacing=0.1)
    return np.concatenate([path.q, regular_mesh(silicon(), (8, 8, 8)).q])


RNG = np.random.default_rng(1)


Q = RNG.uniform(-1, 1, (6, 3))


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


def test_the_largest_force_stands_in_the_result(of_silicon):
    assert_allclose(of_silicon.max_force, 0, atol=1e-12)  # by symmetry; round-off
    moved = silicon().replace(fractional=np.array([[0.01, 0, 0], [0.25] * 3]))
    assert phonons(stillinger_weber(), moved).max_force > 0.1


def test_float32_is_used_where_asked_for(of_silicon):
    single = phonons(stillinger_weber(), silicon(), dtype=jnp.float32)
    assert single.force_constants(Q).dtype == np.complex64
    frequencies = single.frequencies(Q)
    assert frequencies.dtype == np.float64
    assert_allclose(frequencies, of_silicon.frequencies(Q), atol=1e-3)  # float32


def test_unknown_elements_and_bad_masses_are_refused():
    with pytest.raises(ValueError, match="knows Si; the crystal holds Cu"):
        phonons(stillinger_weber(), fcc())
    for masses in (np.array([28.0]), np.array([28.0, -1.0]), np.array([28.0, np.nan])):
        with pytest.raises(ValueError, match="masses must be positive"):
            phonons(stillinger_weber(), silicon(), masses=masses)


def test_potentials_that_give_no_number_are_refused():
    with pytest.raises(ValueError, match="forces must be finite"):
        phonons(springs(stiffness=np.nan), fcc())


def test_phonons_of_a_larger_cell_are_reduced_when_asked():
    larger, q = conventional(silicon()), np.array([0.1, 0.25, -0.3])
    found = phonons(stillinger_weber(), larger, primitive=True)
    assert found.crystal.n_atoms == 2
    # q of the primitive cell, in the reciprocal vectors of the conventional one.
    elsewhere = q @ np.linalg.inv(found.crystal.cell).T @ larger.cell.T
    folded = phonons(stillinger_weber(), larger).frequencies(elsewhere)
    nearest = np.abs(folded[:, None] - found.frequencies(q)).min(axis=0)
    assert_allclose(nearest, 0, atol=1e-6)  # round-off
    masses = np.array(larger.masses)
    masses[0] = 30.0  # one isotope: the translations of the lattice are gone
    isotope = phonons(stillinger_weber(), larger, masses=masses, primitive=True)
    assert isotope.crystal.n_atoms == 8
    assert_allclose(isotope.masses, masses)
