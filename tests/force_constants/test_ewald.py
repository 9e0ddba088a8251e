"""Ewald sums of dipoles: their width, and fields of textbooks."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants.ewald import COULOMB, ewald
from matjax.lattice_dynamics import with_polar
from tests.force_constants.ionic import low, rocksalt, spring_phonons

Q = np.array([[0.1, 0.23, -0.4], [0.37, 0.02, 0.11], [-0.2, 0.5, 0.31]])


def test_ewald_sums_do_not_depend_on_their_width():
    found = low()
    dipoles = found.source.dipoles
    zero = np.zeros(3)
    width = float(found.source.correction.width)
    results = [
        ewald(dipoles, (2, 1, 3), width=factor * width)(dipoles, Q, zero)
        for factor in (0.7, 1.0, 1.5)
    ]
    # eV/Å², of some 1: both sums end at exp(−5.5²)
    assert_allclose(results[0], results[1], atol=1e-11)
    assert_allclose(results[2], results[1], atol=1e-11)


def test_chains_of_dipoles_have_the_field_of_textbooks():
    """Between q = ½ c and Γ, Φ_zz of a chain changes by 4 (η(3) + ζ(3)) e²/4πε₀c³."""
    crystal = Crystal.create(
        ["Na", "Cl"], np.diag([60.0, 60.0, 3.0]), fractional=[[0, 0, 0], [0.5, 0.5, 0]]
    )
    charges = np.array([np.eye(3), -np.eye(3)])
    found = with_polar(
        spring_phonons(crystal, (1, 1, 1)), charges, np.eye(3), [1, 1, 1]
    )
    (change,) = found.source.correction(
        found.source.dipoles, np.array([[0, 0, 0.5]]), np.zeros(3)
    )
    ones = 0.9015426773696957 + 1.2020569031595942  # η(3) + ζ(3)
    expected = COULOMB / 3.0**3 * 4 * ones
    assert_allclose(change[2, 2], expected, rtol=1e-3)
    # Other chains are 42 Å away: at Γ they are lines of dipoles, 1e-3 of the nearest
    # atoms' field.
    assert_allclose(change[0, 0], -expected / 2, rtol=5e-3)
    assert_allclose(change[:3, 3:], 0, atol=5e-3 * expected)


def test_charges_are_made_neutral_and_the_rest_is_reported():
    charges = np.array([1.1 * np.eye(3), -1.0 * np.eye(3)])
    found = with_polar(spring_phonons(rocksalt()), charges, 2 * np.eye(3), (2, 2, 2))
    dipoles = found.source.dipoles
    assert_allclose(dipoles.residual, 0.1 * np.eye(3), atol=1e-15)
    assert_allclose(dipoles.charges[0], 1.05 * np.eye(3), atol=1e-15)
    assert_allclose(dipoles.charges.sum(axis=0), 0, atol=1e-15)
