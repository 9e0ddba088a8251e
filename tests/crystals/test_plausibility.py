"""Distances that no crystal has, against sums over images."""

import numpy as np
import pytest
from ase.data import covalent_radii
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.crystals.plausibility import require_plausible, shortest_share

SKEWED = np.array([[4.0, 0, 0], [3.5, 1.9, 0], [-1.0, 1.2, 4.4]])


def brute_force(crystal):
    """Smallest share over 9³ images."""
    steps = (np.indices((9, 9, 9)).reshape(3, -1).T - 4) @ crystal.cell
    x, radii = crystal.positions, covalent_radii[crystal.numbers]
    apart = np.linalg.norm(x[:, None, None] - x[:, None] + steps, axis=-1)
    apart = np.where(apart > 1e-9, apart, np.inf).min(axis=-1)
    return (apart / (radii[:, None] + radii)).min()


@pytest.mark.parametrize("n_atoms", [1, 3, 20])
def test_smallest_share_of_radii_is_that_over_all_images(n_atoms):
    """Up to 16 atoms all pairs are taken, beyond a search: both see skewed cells."""
    rng = np.random.default_rng(n_atoms)
    size = np.ceil(n_atoms / 3)
    crystal = Crystal.create(
        rng.choice([1, 8, 55], n_atoms),
        SKEWED * [[size], [1], [1]],
        fractional=rng.random((n_atoms, 3)),
    ).replace(numbers=np.full(n_atoms, 55))
    # Below half of the sum of radii nothing is looked for beyond.
    expected = brute_force(crystal)
    share, i, j, distance = shortest_share(crystal)
    assert share < 0.5
    assert_allclose(share, expected, rtol=1e-12)  # round-off
    radii = covalent_radii[crystal.numbers]
    assert_allclose(share, distance / (radii[i] + radii[j]), rtol=1e-12)


def test_atoms_in_one_another_are_named_unless_they_may_be():
    place = [[0, 0, 0], [0.05, 0, 0.98]]
    crystal = Crystal.create(["Na", "Cl"], 5.6 * np.eye(3), fractional=place)
    with pytest.raises(ValueError, match=r"atom 0 \(Na\).*atom 1 \(Cl\)"):
        require_plausible(crystal)
    require_plausible(crystal, allow_close=True)
    sound = crystal.replace(fractional=np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    require_plausible(sound)


def test_far_coordinates_and_long_cells_are_refused():
    far = Crystal.create(["Na"], 5 * np.eye(3), fractional=[[0, 2e5, 0]])
    with pytest.raises(ValueError, match=r"within 100000 cells; atom 0"):
        require_plausible(far)
    long = Crystal.create(["Na"], np.diag([5, 5, 1e7]), fractional=[[0, 0, 0]])
    with pytest.raises(ValueError, match="check the unit"):
        require_plausible(long)
    # Where the crystal does not repeat, the length of the cell means nothing.
    require_plausible(long.replace(pbc=(True, True, False)))
