"""SchNet for properties: its formula, and the same with waves at no reach."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.properties import EwaldSchNet, SchNet
from matjax.nn import polynomial_envelope
from matjax.nn.continuous_filters import POWER
from tests.models.properties.formulas import (
    atoms_of,
    bonds_of,
    crystal,
    dense,
    parameters,
    readout,
    shifted_softplus,
    wide_gaussians,
)

MODEL = SchNet(
    species=(8, 14),
    properties=("gap",),
    cutoff=4.0,
    features=4,
    layers=2,
    step=0.5,
    head=(3,),
    scale=2.5,
    shift=-0.7,
)


def by_hand(model, params, crystal):
    """The formulas of the docstrings, one atom and one neighbor after the other."""
    p = params["features"]
    h = atoms_of(model, p, crystal)
    bonds = bonds_of(crystal, model.cutoff)
    for i in range(model.layers):
        q = p[f"layer_{i}"]
        sums = np.zeros_like(h)
        for bond in bonds:
            w = wide_gaussians(bond.r, 0, model.cutoff, 9)
            for name in ("filter_0", "filter_1"):
                w = shifted_softplus(dense(w, q[name]))
            ends = polynomial_envelope(np.array(bond.r), model.cutoff, POWER)
            sums[bond.i] += w * ends * dense(h[bond.j], q["sent"])
        new = shifted_softplus(dense(sums, q["received_0"]))
        h = h + dense(new, q["received_1"])
    return readout(model, params, h, shifted_softplus).mean(axis=0)


def test_output_is_the_formula_of_the_docstring():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff, n_nodes=4, n_graphs=2)
    values = jax.jit(MODEL.apply)({"params": params}, graph)["gap"]
    # round-off
    assert_allclose(values[:1], by_hand(MODEL, params, crystal()), rtol=1e-10)


def test_waves_reach_beyond_the_cutoff():
    # Atoms more than 4 Å apart in a cell of 14 Å: no edges within 3 Å.
    model = EwaldSchNet(
        species=(8, 14), properties=("gap",), cutoff=3.0, features=4, layers=1, waves=5
    )
    params = parameters(model)
    predict = jax.jit(model.apply)

    def value(x):
        sites = np.array([[0, 0, 0], [x, 0, 0], [0.5, 0.5, 0.5]])
        moved = crystal().replace(cell=14 * np.eye(3), fractional=sites)
        return predict({"params": params}, build_graph(moved, 3.0, degree=4))["gap"][0]

    assert abs(value(0.3) - value(0.5)) > 1e-5
    assert_allclose(value(-0.3), value(0.3), rtol=1e-12)
