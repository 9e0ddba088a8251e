"""Copies are rattled and strained as much as was said; fused atoms are noticed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import make_supercell
from matjax.distillation.copies import nearest, rattled_copies
from tests.force_constants.lattices import silicon


def test_displacements_and_strains_have_their_standard_deviations():
    crystal = make_supercell(silicon(), (3, 3, 3)).crystal
    rng = np.random.default_rng(0)
    first, *copies = rattled_copies(
        crystal, 100, displacement=0.06, strain=0.01, rng=rng
    )
    assert first is crystal
    strains, steps = [], []
    for copy in copies:
        deformation = np.linalg.solve(crystal.cell, copy.cell) - np.eye(3)
        assert_allclose(deformation, deformation.T, atol=1e-15)
        strains.append(np.diag(deformation))
        places = np.asarray(crystal.fractional) @ np.asarray(copy.cell)
        steps.append(np.asarray(copy.positions) - places)
    assert_allclose(np.std(steps), 0.06, rtol=0.02)  # of 16,200 numbers
    assert_allclose(np.std(strains), 0.01, rtol=0.1)  # of 300 numbers


def test_the_nearest_neighbors_are_in_units_of_their_radii():
    # Bonds of 2.352 Å; the covalent radius of silicon is 1.11 Å.
    assert nearest(silicon(), 3.0) == pytest.approx(2.3517 / 2.22, rel=1e-4)
    assert nearest(silicon(), 2.0) == np.inf
