"""Born charges of a config become tensors of atoms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import with_polar
from matjax.studies import Polar
from tests.force_constants.ionic import rocksalt, spring_phonons

GRID = {"dielectric": 2.4, "grid": (2, 2, 2)}


def test_numbers_and_tensors_of_elements_and_atoms_mean_the_same():
    tensor = tuple(map(tuple, np.diag([1.1] * 3).tolist()))
    expected = 1.1 * np.array([np.eye(3), -np.eye(3)])
    for charges in ({"Na": 1.1, "Cl": -1.1}, (1.1, -1.1), {"Na": tensor, "Cl": -1.1}):
        found = Polar(charges=charges, **GRID).charges_of(rocksalt())
        assert_allclose(found, expected)
    with pytest.raises(ValueError, match="must be of Cl Na; received K Na"):
        Polar(charges={"Na": 1.1, "K": -1.1}, **GRID).charges_of(rocksalt())


def test_the_field_is_that_of_these_charges():
    plain = spring_phonons(rocksalt())
    charges = 1.1 * np.array([np.eye(3), -np.eye(3)])
    expected = with_polar(plain, charges, 2.4 * np.eye(3), (2, 2, 2))
    found = Polar(charges=(1.1, -1.1), **GRID).added_to(plain)
    q = np.array([[0.1, 0.2, 0.3]])
    assert_allclose(found.frequencies(q), expected.frequencies(q))
