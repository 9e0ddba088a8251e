"""Every model of the package obeys the contract of a potential."""

import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.models import registered
from matjax.models.potentials import (
    MACE,
    CHGNet,
    LennardJones,
    M3GNet,
    Morse,
    NequIP,
    SchNetPotential,
    Springs,
    StillingerWeber,
    TensorNet,
)
from matjax.predictors import Potential
from matjax.testing import CHECKS

CELL = np.array([[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]])
SITES = np.array([[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]])

# One small instance of each model, with a crystal whose distances suit it.
CASES = {
    "lennard_jones": (LennardJones(onset=4.5, cutoff=6.0), 1.3, [18, 18]),
    "morse": (Morse(onset=3.5, cutoff=4.5), 1.0, [29, 29]),
    "springs": (
        Springs(species=(6,), stiffness=3.0, distance=2.2, onset=2.6, cutoff=4.0),
        1.0,
        [6, 6],
    ),
    "stillinger_weber": (StillingerWeber(), 1.0, [14, 14]),
    "m3gnet": (
        M3GNet(
            species=(12, 8),
            cutoff=4.0,
            three_body_cutoff=3.6,
            features=4,
            units=4,
            layers=1,
            degrees=3,
            basis=2,
        ),
        1.0,
        [12, 8],
    ),
    "chgnet": (
        CHGNet(
            species=(12, 8),
            cutoff=4.0,
            bond_cutoff=3.2,
            bonds=28,
            features=6,
            layers=2,
            basis=4,
            angular_basis=2,
            head=(6,),
        ),
        1.0,
        [12, 8],
    ),
    "schnet_potential": (
        SchNetPotential(
            species=(12, 8),
            cutoff=4.0,
            features=5,
            layers=2,
            step=0.5,
            readout_width=4,
            waves=2,
            wave_cutoff=1.3,
        ),
        1.0,
        [12, 8],
    ),
    "tensornet": (
        TensorNet(species=(12, 8), cutoff=4.0, channels=3, layers=1, basis=2),
        1.0,
        [12, 8],
    ),
    "mace": (
        MACE(
            species=(12, 8),
            cutoff=4.0,
            hidden="4x0e + 4x1o",
            lmax=1,
            correlation=2,
            basis=4,
            radial_widths=(8,),
            neighbors=20.0,
            readout_width=4,
        ),
        1.0,
        [12, 8],
    ),
    "nequip": (
        NequIP(
            species=(12, 8),
            cutoff=4.0,
            hidden="6x0e + 4x1o + 2x2e",
            layers=2,
            basis=4,
            radial_widths=(8,),
            neighbors=20.0,
        ),
        1.0,
        [12, 8],
    ),
}


SLOW = {"chgnet", "m3gnet", "schnet_potential", "tensornet"}
"""Those that take long."""
PARAMS = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES]


@pytest.fixture(scope="module", params=PARAMS)
def case(request):
    model, scale, numbers = CASES[request.param]
    potential = Potential.create(model).astype(jnp.float64)
    return potential, Crystal.create(numbers, CELL * scale, fractional=SITES)


def test_every_model_has_a_case():
    assert CASES.keys() == registered("potential").keys()


@pytest.mark.parametrize("check", CHECKS)
def test_model_obeys(check, case):
    CHECKS[check](*case)
