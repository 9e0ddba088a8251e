"""The enthalpy as a landscape: its slopes, and the ways it does not offer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.mechanics import relax
from matjax.models.potentials import LennardJones, StillingerWeber
from matjax.predictors import Potential
from tests.mechanics.rattled import FCC, rattled_silicon


@pytest.fixture(scope="module")
def argon():
    # Two shells of neighbors at any lattice constant from 4.95 to 5.8 Å.
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def test_cell_does_not_rotate(silicon):
    start = rattled_silicon()
    relaxed = relax(silicon, start)
    deformation = np.linalg.inv(start.cell) @ relaxed.crystal.cell
    assert_allclose(deformation, deformation.T, atol=1e-12)  # round-off


def test_only_periodic_directions_are_strained(argon):
    cell = np.diag([3.9, 3.9, 30.0])
    chain = Crystal.create(
        [18, 18], cell, positions=[[0, 0, 3], [1.9, 2, 6]], pbc=(True, True, False)
    )
    relaxed = relax(argon, chain, smax=1e-6)
    assert relaxed.converged
    change = relaxed.crystal.cell - cell
    assert_allclose(change[2], 0, atol=1e-12)
    assert_allclose(change[:, 2], 0, atol=1e-12)
    assert np.abs(change[:2, :2]).max() > 1e-2


def test_fixing_one_of_two_equivalent_atoms_breaks_symmetry_and_is_refused(silicon):
    diamond = Crystal.create(
        [14, 14], FCC * 5.5, fractional=[[0, 0, 0], [0.25, 0.25, 0.25]]
    )
    with pytest.raises(ValueError, match="must be fixed together"):
        relax(silicon, diamond, symmetry=True, fixed=np.array([True, False]))
