"""Finite displacements through phonopy, against exact phonons."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.lattice_dynamics.phonopy import (
    finite_displacements,
)
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential

FCC = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2


SILICON = 28.085


SITES = np.array([[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]])


def diamond(masses=None, a=5.431):
    return Crystal.create([14, 14], FCC * a, fractional=SITES, masses=masses)


HEAVY = diamond([4 * SILICON] * 2)


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def test_finite_displacements_keep_masses_and_see_forces_on_fixed_atoms(silicon):
    pytest.importorskip("phonopy", reason="phonopy is not installed")
    crystal = HEAVY.replace(fixed=np.array([True, False]))
    found = finite_displacements(silicon, crystal, (2, 2, 2))
    # Third derivatives times 0.01 Å.
    assert_allclose(found.frequencies(np.zeros((1, 3))).max(), 8.916, atol=0.01)
