"""A row of springs that buckles, followed once."""

import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.transitions import (
    FollowSettings,
    examine_stability,
    follow_mode,
)
from tests.force_constants.lattices import (
    COMPRESSED,
    springs,
)


@pytest.fixture(scope="session")
def buckled():
    """A row of springs 10 % too short, far from its images."""
    crystal = Crystal.create([29], np.diag([COMPRESSED, 12, 12]), fractional=[[0] * 3])
    potential = springs()
    found = phonons(potential, crystal)
    stability = examine_stability(found, mesh=(4, 1, 1), n_starts=1)
    settings = FollowSettings(cell=False, fmax=1e-5, n_steps=4, max_displacement=0.6)
    return stability, follow_mode(potential, found, stability.lowest, settings)
