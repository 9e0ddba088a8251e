"""Soft modes: lattices whose instabilities and phases below follow on paper."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.transitions import (
    FollowSettings,
    descend,
    examine_stability,
    follow_mode,
    lowest_mode,
    mode_at,
)
from matjax.lattice_dynamics.transitions.stability import SOUND
from matjax.units import THZ
from tests.force_constants.lattices import (
    COMPRESSED,
    DISTANCE,
    STIFFNESS,
    silicon,
    springs,
    stillinger_weber,
)
from tests.lattice_dynamics.transitions.chains import MASS, SPACING, chain


def test_an_incommensurate_minimum_is_found_to_six_digits():
    """λ = (2/m)[k₁(1 − cos φ) + k₂(1 − cos 2φ)] is lowest where cos φ = −k₁/4k₂."""
    k1, k2 = 1.0, -0.6
    stability = examine_stability(chain(k1, k2), mesh=(8, 1, 1))
    phi = np.arccos(-k1 / (4 * k2))
    lowest = stability.lowest
    assert_allclose(abs(lowest.q), [phi / (2 * np.pi), 0, 0], atol=1e-6)
    value = 2 / MASS * (k1 * (1 - np.cos(phi)) + k2 * (1 - np.cos(2 * phi)))
    # round-off
    assert_allclose(lowest.frequency, -THZ * np.sqrt(-value), rtol=1e-9)
    assert lowest.degeneracy == 1
    assert lowest.irrep_dimension == 2  # ±q
    assert not stability.stable
    assert stability.n_gradients < 20


def test_a_minimum_at_the_boundary_is_exactly_there():
    lowest = lowest_mode(chain(-1.0), mesh=(3, 1, 1))  # no point of it at the boundary
    assert_allclose(lowest.q, [0.5, 0, 0], atol=0)
    assert_allclose(lowest.frequency, -THZ * np.sqrt(4 / MASS), rtol=1e-9)  # round-off


def test_equal_modes_are_counted():
    lowest = lowest_mode(chain(1.0, across=-1.0), mesh=(4, 1, 1))
    assert lowest.degeneracy == 2
    assert lowest.irrep_dimension == 2
    assert lowest.eigenvectors.shape == (3, 2)
    assert mode_at(chain(1.0, across=-1.0), [0.5, 0, 0], band=2).degeneracy == 1


def test_long_waves_that_are_imaginary_are_told_by_their_velocity():
    k1, k2 = 1.0, -0.6
    stability = examine_stability(chain(k1, k2), mesh=(8, 1, 1))
    phi = SOUND * SPACING
    value = 2 / MASS * (k1 * (1 - np.cos(phi)) + k2 * (1 - np.cos(2 * phi)))
    velocity = -np.sqrt(-value) * THZ * 2 * np.pi / SOUND / 10  # Å THz = 0.1 km/s
    assert_allclose(stability.sound, velocity, rtol=1e-9)  # round-off
    assert not stability.elastically_stable


@pytest.fixture(scope="module")
def stages():
    return list(descend(stillinger_weber(), silicon(), mesh=(2, 2, 2)))


def test_of_a_stable_crystal_the_translations_are_the_lowest_modes(stages):
    stage, *others = stages
    assert others == []
    stability = stage.stability
    assert stability.stable
    assert stability.lowest.is_translation
    assert stability.lowest.label == "Γ"
    assert stability.lowest.degeneracy == 3
    assert_allclose(stability.lowest.frequency, 0, atol=1e-5)  # root of round-off
    assert stability.unstable == ()
    assert stability.sound > 4  # km/s, transverse
    assert stage.descents == ()
    with pytest.raises(ValueError, match="translation"):
        follow_mode(stillinger_weber(), stage.phonons, stability.lowest)


def test_a_compressed_row_buckles_at_the_zone_boundary(buckled):
    """Transverse λ = (4T/ma) sin²(πq) with the tension T = k(a − r₀)."""
    stability, _ = buckled
    lowest = stability.lowest
    assert_allclose(abs(lowest.q), [0.5, 0, 0], atol=1e-9)  # round-off
    tension = STIFFNESS * (COMPRESSED - DISTANCE)
    copper = float(Crystal.create([29], np.eye(3), fractional=[[0] * 3]).masses[0])
    value = 4 * tension / (COMPRESSED * copper)
    assert_allclose(lowest.frequency, -THZ * np.sqrt(-value), rtol=1e-9)  # round-off
    assert lowest.degeneracy == 2
    assert not stability.elastically_stable


def test_what_cannot_be_followed_is_refused(buckled):
    stability, descent = buckled
    stable = mode_at(chain(1.0), [0.5, 0, 0])
    with pytest.raises(ValueError, match="must be imaginary"):
        follow_mode(springs(), chain(1.0), stable)
    found = phonons(springs(), descent.parent)
    with pytest.raises(ValueError, match="at most 1 are allowed"):
        follow_mode(springs(), found, stability.lowest, FollowSettings(max_atoms=1))
    with pytest.raises(ValueError, match="n_starts"):
        examine_stability(chain(1.0), n_starts=0)
    with pytest.raises(ValueError, match="a band from 0 to 2"):
        mode_at(chain(1.0), [0.5, 0, 0], band=3)
