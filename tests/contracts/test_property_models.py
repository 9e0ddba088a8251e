"""Every property network of the package obeys the contract of one."""

import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.models import registered
from matjax.models.properties import (
    ALIGNN,
    CGCNN,
    GATGNN,
    Equivariant,
    EwaldSchNet,
    M3GNetProperties,
    Matformer,
    MEGNet,
    PotNet,
    SchNet,
)
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
COMMON = {
    "species": (8, 22, 38),
    "properties": ("heat", "stiffness"),
    "cutoff": 5.0,
    "features": 6,
    "layers": 2,
    "head": (5, 4),
    "scale": (2.0, 0.1),
    "shift": (-1.0, 2.0),
}
CASES = {
    "alignn": ALIGNN(**COMMON, atom_layers=1, basis=12, angles=6, embedding=5),
    "cgcnn": CGCNN(**COMMON, step=0.5),
    "ewald": EwaldSchNet(**COMMON, step=0.5, waves=3, wave_cutoff=1.5),
    "equivariant": Equivariant(
        species=(8, 22, 38),
        properties=("heat", "stiffness"),
        cutoff=4.5,
        hidden="4x0e + 2x1o",
        lmax=1,
        layers=2,
        basis=4,
        radial_widths=(6,),
        head=(5,),
        scale=(2.0, 0.1),
        shift=(-1.0, 2.0),
    ),
    "gatgnn": GATGNN(**COMMON, step=0.5, heads=2),
    "m3gnet_properties": M3GNetProperties(
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
    "matformer": Matformer(**COMMON, basis=12, heads=2),
    "megnet": MEGNet(
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
    "potnet": PotNet(**COMMON, basis=8, cells=3),
    "schnet": SchNet(**COMMON, step=0.5),
}

OF_SHELLS = {"cell_choice", "neighbors", "permutation", "supercell"}
"""Checks that a choice among equal distances would fail."""

EXEMPT = {("matformer", "supercell"), ("potnet", "supercell")}
"""Images of atoms are those by the cell that was given, as the docstrings say."""


SLOW = {
    *("alignn", "equivariant", "ewald", "gatgnn", "m3gnet_properties"),
    *("matformer", "megnet", "potnet"),
}
"""Those whose parts others have too, or that take long."""
PARAMS = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES]


@pytest.fixture(scope="module", params=PARAMS)
def predictor(request):
    model = CASES[request.param]
    n = len(model.properties)
    made = PropertyPredictor.create(
        model, ("eV/atom", "GPa")[:n], logarithmic=(False, True)[:n]
    )
    return made.astype(jnp.float64)


def test_every_model_has_a_case():
    assert CASES.keys() == registered("property").keys()


def cases():
    for check in PROPERTY_CHECKS:
        yield pytest.param(check, GENERAL, id=f"{check}-general")
        marks = () if check in OF_SHELLS else pytest.mark.slow
        yield pytest.param(check, CUBIC, id=f"{check}-cubic", marks=marks)


@pytest.mark.parametrize(("check", "crystal"), [*cases()])
def test_model_obeys(request, check, predictor, crystal):
    if (request.node.callspec.params["predictor"], check) in EXEMPT:
        with pytest.raises(AssertionError, match="supercell"):
            PROPERTY_CHECKS[check](predictor, crystal)
        return
    PROPERTY_CHECKS[check](predictor, crystal)
