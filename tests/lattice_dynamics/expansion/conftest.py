"""A crystal of Morse bonds at ten volumes, computed once."""

import numpy as np
import pytest

from matjax.lattice_dynamics.expansion import (
    quasiharmonic,
    volume_scan,
)
from matjax.models.potentials import Morse
from matjax.predictors import Potential
from tests.force_constants.lattices import DISTANCE, fcc
from tests.lattice_dynamics.expansion.morse_bonds import (
    DEPTH,
    MESH,
    TEMPERATURES,
    WIDTH,
)


@pytest.fixture(scope="session")
def morse():
    """Bonds between nearest neighbors of fcc alone."""
    model = Morse(
        depth=DEPTH,
        width=WIDTH,
        distance=DISTANCE,
        onset=1.1 * DISTANCE,
        cutoff=1.3 * DISTANCE,
    )
    return Potential.create(model).astype(np.float64)


@pytest.fixture(scope="session")
def scan(morse):
    return volume_scan(
        morse, fcc(), TEMPERATURES, ratios=np.linspace(0.98, 1.07, 10), mesh=MESH
    )


@pytest.fixture(scope="session")
def found(scan):
    return quasiharmonic(scan)
