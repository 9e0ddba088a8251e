"""The slopes of acoustic branches are the velocities that elastic constants give."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.mechanics import elastic, sound_velocities
from tests.force_constants.lattices import silicon, stillinger_weber
from tests.mechanics.elastic_crystals import (
    CRYSTALS,
    relaxed_atoms,
    triclinic,
    unequal_springs,
)

RNG = np.random.default_rng(7)
DIRECTIONS = np.vstack([np.eye(3), [1, 1, 0], [1, 1, 1], RNG.normal(size=(3, 3))])


def acoustic_slopes(potential, crystal, directions, k=0.04):
    """Velocities of the acoustic branches at Γ, extrapolated from k and k/2; km/s."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    wave = np.array([k, k / 2])[:, None, None] * unit @ crystal.cell.T / (2 * np.pi)
    frequencies = phonons(potential, crystal).frequencies(wave)[..., :3]
    squares = (2 * np.pi * frequencies / np.array([k, k / 2])[:, None, None]) ** 2
    # Branches bend as v²(k) = v² + O(k²). 1 THz Å is 0.1 km/s.
    return 0.1 * np.sqrt((4 * squares[1] - squares[0]) / 3)


@pytest.mark.parametrize("name", CRYSTALS)
def test_sound_velocities_are_slopes_of_acoustic_branches(name):
    potential, crystal = (make() for make in CRYSTALS[name])
    velocities = sound_velocities(elastic(potential, crystal), DIRECTIONS)
    slopes = acoustic_slopes(potential, crystal, DIRECTIONS)
    assert_allclose(velocities, slopes, rtol=1e-5)  # extrapolation, k⁴


def test_sound_velocities_are_slopes_under_any_stress():
    potential, crystal = unequal_springs(), triclinic()
    distortion = 0.02 * RNG.normal(size=(3, 3))
    strained = crystal.strained((distortion + distortion.T) / 2)
    strained = relaxed_atoms(potential, strained)
    found = elastic(potential, strained)
    assert found.max_stress > 2
    velocities = sound_velocities(found, DIRECTIONS)
    slopes = acoustic_slopes(potential, strained, DIRECTIONS)
    assert_allclose(velocities, slopes, rtol=1e-5)  # extrapolation, k⁴


def test_sound_velocities_are_slopes_under_pressure():
    potential, crystal = stillinger_weber(), silicon().strained(-0.015 * np.eye(3))
    found = elastic(potential, crystal)
    assert found.stress[0, 0] < -4
    velocities = sound_velocities(found, DIRECTIONS)
    slopes = acoustic_slopes(potential, crystal, DIRECTIONS)
    assert_allclose(velocities, slopes, rtol=1e-5)  # extrapolation, k⁴


def test_heavier_atoms_are_slower():
    found = elastic(stillinger_weber(), silicon())
    usual = sound_velocities(found, DIRECTIONS)
    heavy = sound_velocities(found, DIRECTIONS, 4 * found.density)
    assert_allclose(heavy, usual / 2, rtol=1e-12)  # round-off
