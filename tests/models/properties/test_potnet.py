"""PotNet: its formula, bond by bond and pair by pair."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.properties import PotNet
from matjax.nn import exponential_sums, power_sums
from tests.models.properties.formulas import (
    atoms_of,
    bonds_of,
    crystal,
    dense,
    normalized,
    parameters,
    readout,
    shifted_softplus,
    sigmoid,
    silu,
    softplus,
    wide_gaussians,
)

MODEL = PotNet(
    species=(8, 14),
    properties=("gap",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    layers=2,
    basis=7,
    cells=3,
    head=(3,),
    scale=2.5,
    shift=-0.7,
)


def by_hand(model, params, crystal):
    """The formulas of the docstring, one edge after the other."""
    edges = []
    for bond in bonds_of(crystal, model.cutoff, model.n_nearest):
        u = wide_gaussians(-0.75 / bond.r, -4, 4, model.features)
        edges.append((bond.i, bond.j, silu(dense(u, params["bond"])), bond.weight))
    centers, step = np.linspace(-4, 4, model.basis, retstep=True)
    x, n = crystal.positions, crystal.n_atoms
    for i, j in np.ndindex(n, n):
        v, cell = (x[j] - x[i])[None], crystal.cell
        sums = [power_sums(v, cell, 1), exponential_sums(v, cell, model.decay)]
        sums.append(power_sums(v, cell, 6))
        total = np.ravel(sums) @ params["potentials"]
        u = np.sqrt(1 + ((total - centers) / step) ** 2)
        e = normalized(softplus(dense(u, params["pair"])), params["norm_pair"])
        edges.append((i, j, e, 1.0))
    h = atoms_of(model, params, crystal)
    for layer in range(model.layers):
        p = params[f"layer_{layer}"]
        sums = np.zeros_like(h)
        for i, j, e, weight in edges:
            made = []
            for name in ("gate", "core"):
                y = dense(h[i], p[f"{name}_center"]) + dense(
                    h[j], p[f"{name}_neighbor"]
                )
                y = silu(y + dense(e, p[f"{name}_edge"]))
                made.append(dense(y, p[f"{name}_out"]))
            gate = sigmoid(normalized(made[0], p["norm_gate"]))
            sums[i] += weight * gate * made[1]
        h = np.maximum(h + normalized(sums, params[f"norm_{layer}"]), 0)
    return readout(model, params, h.mean(axis=0), shifted_softplus)


def test_output_is_the_formula_of_the_docstring():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff, n_nearest=6, n_nodes=4, n_graphs=2)
    values = jax.jit(MODEL.apply)({"params": params}, graph)["gap"]
    # Sums of three and of four cells each way agree to 1e-7.
    assert_allclose(values[:1], by_hand(MODEL, params, crystal()), rtol=1e-6)


def test_a_cell_that_needs_more_sums_gives_no_number():
    thin = crystal().replace(cell=np.diag([2.4, 2.4, 30.0]))
    graph = build_graph(thin, MODEL.cutoff)
    values = jax.jit(MODEL.apply)({"params": parameters(MODEL)}, graph)["gap"]
    assert np.isnan(values).all()
