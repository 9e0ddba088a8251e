"""ALIGNN: its formula, bond by bond and angle by angle."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.properties import ALIGNN
from tests.models.properties.formulas import (
    atoms_of,
    bonds_of,
    crystal,
    dense,
    normalized,
    parameters,
    readout,
    sigmoid,
    silu,
    wide_gaussians,
)

MODEL = ALIGNN(
    species=(8, 14),
    properties=("gap",),
    cutoff=4.0,
    n_nearest=5,
    features=4,
    layers=2,
    atom_layers=1,
    basis=9,
    angles=5,
    embedding=3,
    head=(3,),
    scale=2.5,
    shift=-0.7,
)


def exchanged(p, x, y, links):
    """One gated exchange; links are (receiver, sender, weight) of each row of y."""
    top, bottom = np.zeros_like(x), np.full_like(x, 1e-6)
    new = []
    for (i, j, weight), own in zip(links, y, strict=True):
        gate = dense(x[i], p["receiver_gate"]) + dense(x[j], p["sender_gate"])
        gate = gate + dense(own, p["gate"])
        top[i] += weight * sigmoid(gate) * dense(x[j], p["sender"])
        bottom[i] += weight * sigmoid(gate)
        new.append(own + silu(normalized(gate, p["gate_norm"])))
    mean = dense(x, p["receiver"]) + top / bottom
    return x + silu(normalized(mean, p["norm"])), np.array(new)


def by_hand(model, params, crystal):
    """The formulas of the docstring."""
    bonds = bonds_of(crystal, model.cutoff, model.n_nearest)
    meets = [
        (a, b, bonds[b].weight)
        for a in range(len(bonds))
        for b in range(len(bonds))
        if a != b and bonds[a].i == bonds[b].i
    ]
    along = [(bond.i, bond.j, bond.weight) for bond in bonds]

    def embedded(rows, name):
        y = np.array(rows)
        for i in range(2):
            y = dense(y, params[f"{name}_{i}"])
            y = silu(normalized(y, params[f"{name}_norm_{i}"]))
        return y

    def cosine(a, b):
        return bonds[a].vector @ bonds[b].vector / (bonds[a].r * bonds[b].r)

    x = atoms_of(model, params, crystal, "atoms")
    y = embedded(
        [wide_gaussians(bond.r, 0, model.cutoff, model.basis) for bond in bonds], "bond"
    )
    z = embedded(
        [wide_gaussians(cosine(a, b), -1, 1, model.angles) for a, b, _ in meets],
        "angle",
    )
    for i in range(model.layers):
        y, z = exchanged(params[f"bonds_{i}"], y, z, meets)
        x, y = exchanged(params[f"atoms_{i}"], x, y, along)
    for i in range(model.layers, model.layers + model.atom_layers):
        x, y = exchanged(params[f"atoms_{i}"], x, y, along)
    return readout(model, params, x.mean(axis=0), silu)


def test_output_is_the_formula_of_the_docstring():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff, n_nearest=5, n_nodes=4, n_graphs=2)
    values = jax.jit(MODEL.apply)({"params": params}, graph)["gap"]
    assert_allclose(values[:1], by_hand(MODEL, params, crystal()), rtol=1e-9)


def test_angles_tell_what_distances_do_not():
    # An atom with three neighbors, which do not see each other within 2 Å. They must
    # differ: a mean of equal features is what it is, whatever weighs them.
    near = MODEL.clone(cutoff=2.0)
    params = parameters(near)
    predict = jax.jit(near.apply)

    def value(*degrees):
        angles, r = np.radians([*degrees]), np.array([1.5, 1.6, 1.7])
        ends = np.array([r * np.cos(angles), r * np.sin(angles), 0 * angles]).T
        atoms = Crystal.create(
            [14, 8, 14, 8], 20 * np.eye(3), positions=[[0, 0, 0], *ends]
        )
        return predict({"params": params}, build_graph(atoms, 2.0))["gap"][0]

    star, cross = value(0, 120, 240), value(0, 90, 180)
    # Angles weigh what bonds of three lengths say, which is nearly the same.
    assert abs(star - cross) > 1e-8
    assert_allclose(value(90, 180, 270), cross, atol=1e-14)  # turned
