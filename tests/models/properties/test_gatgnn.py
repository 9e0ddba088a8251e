"""GATGNN: its formula, atom by atom."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.properties import GATGNN
from tests.models.properties.formulas import (
    atoms_of,
    bonds_of,
    crystal,
    dense,
    gaussians,
    normalized,
    parameters,
    readout,
    softmax,
    softplus,
)

MODEL = GATGNN(
    species=(8, 14),
    properties=("gap",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    heads=2,
    layers=2,
    head=(3,),
    step=0.5,
    scale=2.5,
    shift=-0.7,
)


def by_hand(model, params, crystal):
    """The formulas of the docstring, one atom and one head after the other."""
    bonds = bonds_of(crystal, model.cutoff, model.n_nearest)
    v = atoms_of(model, params, crystal)
    for layer in range(model.layers):
        p = params[f"layer_{layer}"]
        after = []
        for i in range(crystal.n_atoms):
            mine = [bond for bond in bonds if bond.i == i and bond.weight > 0]
            pairs = []
            for bond in mine:
                e = dense(gaussians(bond.r, model.step, model.cutoff), params["bond"])
                e = np.where(e > 0, e, 0.2 * e)
                x = [
                    softplus(dense(v[k], p["atom"]) + dense(e, p["bond"]))
                    for k in (bond.i, bond.j)
                ]
                pairs.append([y.reshape(model.heads, -1) for y in x])
            logits = [
                softplus(np.sum(np.concatenate(pair, axis=1) * p["attention"], axis=1))
                for pair in pairs
            ]
            logits = softplus(normalized(np.array(logits), p["norm"], "affine"))
            weights = np.array([bond.weight for bond in mine])
            shares = softmax(logits + np.log(weights)[:, None])
            heads = sum(
                a[:, None] * pair[1] for a, pair in zip(shares, pairs, strict=True)
            )
            after.append(heads.mean(axis=0) + p["bias"])
        v = softplus(normalized(np.array(after), params[f"norm_{layer}"], model.norm))
    shares = [np.mean(crystal.numbers == z) for z in model.species]
    seen = np.concatenate([v, np.tile(shares, (len(v), 1))], axis=1)
    logits = dense(softplus(dense(seen, params["attention_0"])), params["attention_1"])
    return readout(model, params, np.sum(softmax(logits) * v, axis=0), softplus)


def test_output_is_the_formula_of_the_docstring():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff, n_nearest=6, n_nodes=4, n_graphs=2)
    values = jax.jit(MODEL.apply)({"params": params}, graph)["gap"]
    # round-off; a neighbor without a place counts 1e-30
    assert_allclose(values[:1], by_hand(MODEL, params, crystal()), rtol=1e-10)


def test_preset_is_that_of_the_published_code():
    model = GATGNN(species=(8,), properties=("gap",))
    assert (model.features, model.heads, model.layers, model.n_nearest) == (
        64,
        4,
        3,
        12,
    )
