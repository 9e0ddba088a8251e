"""Every property network of the package obeys the contract of one."""

import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.models import registered
from matjax.models.properties import CGCNN, M3GNetProperties, MEGNet
from matjax.predictors import PropertyPredictor
from matjax.testing import PROPERTY_CHECKS

# A cubic perovskite: many distances are equal, and the twelfth place of an oxygen falls
# between neighbors of two elements.
CUBIC = Crystal.create(
    ["Sr", "Ti", "O", "O", "O"],
    3.9 * np.eye(3),
    fractional=[[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
)
GENERAL = CUBIC.replace(
    cell=CUBIC.cell + np.array([[0.1, 0.2, 0], [-0.1, 0, 0.3], [0, 0.15, -0.2]]),
    fractional=CUBIC.fractional + 0.05 * np.random.default_rng(0).normal(size=(5, 3)),
)

# One small instance of each model, and the units of its properties.
CASES = {
    "cgcnn": (
        CGCNN(
            species=(8, 22, 38),
            properties=("heat", "stiffness"),
            cutoff=5.0,
            features=6,
            layers=2,
            head=(5, 4),
            step=0.5,
            scale=(2.0, 0.1),
            shift=(-1.0, 2.0),
        ),
        ("eV/atom", "GPa"),
        (False, True),
    ),
    "m3gnet_properties": (
        M3GNetProperties(
            species=(8, 22, 38),
            properties=("heat",),
            cutoff=4.5,
            three_body_cutoff=3.5,
            features=4,
            units=4,
            layers=1,
            basis=2,
            turns=1,
        ),
        ("eV/atom",),
        (False,),
    ),
    "megnet": (
        MEGNet(
            species=(8, 22, 38),
            properties=("heat", "stiffness"),
            basis=8,
            embedded=3,
            blocks=2,
            dense_widths=(4,),
            exchange_widths=(5, 4),
            head=(3,),
            turns=1,
            scale=(2.0, 0.1),
            shift=(-1.0, 2.0),
        ),
        ("eV/atom", "GPa"),
        (False, True),
    ),
}


# What it adds to the potential of the same exchanges is Set2Set, which MEGNet has too.
SLOW = ("m3gnet_properties",)
PARAMS = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES]


@pytest.fixture(scope="module", params=PARAMS)
def predictor(request):
    model, units, logarithmic = CASES[request.param]
    made = PropertyPredictor.create(model, units, logarithmic=logarithmic)
    return made.astype(jnp.float64)


def test_every_model_has_a_case():
    assert CASES.keys() == registered("property").keys()


@pytest.mark.parametrize("crystal", [CUBIC, GENERAL], ids=["cubic", "general"])
@pytest.mark.parametrize("check", PROPERTY_CHECKS)
def test_model_obeys(check, predictor, crystal):
    PROPERTY_CHECKS[check](predictor, crystal)
