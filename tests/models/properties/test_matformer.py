"""Matformer: its formula edge by edge, and the lattice in the images of an atom."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.properties import Matformer
from matjax.models.properties.matformer import image_distances
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
    softplus,
    wide_gaussians,
)

MODEL = Matformer(
    species=(8, 14),
    properties=("gap",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    heads=2,
    layers=2,
    basis=9,
    head=(3,),
    scale=2.5,
    shift=-0.7,
)


def shortest(cell, n):
    """Lengths of the n shortest lattice vectors, each line once, by looking at many."""
    steps = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3)
    primitive = np.gcd.reduce(steps, axis=1) > 0
    lengths = np.sort(np.linalg.norm(steps[primitive] @ cell, axis=1))
    return lengths[::2][:n]


def by_hand(model, params, crystal):
    """The formulas of the docstring, one edge after the other."""
    edges = [
        (b.i, b.j, b.r, b.weight)
        for b in bonds_of(crystal, model.cutoff, model.n_nearest)
    ]
    for length in shortest(crystal.cell, 6):
        edges += [(i, i, length, 1.0) for i in range(crystal.n_atoms)]
    h = atoms_of(model, params, crystal)
    for layer in range(model.layers):
        p = params[f"layer_{layer}"]
        m = p["message"]
        heads = (crystal.n_atoms, model.heads, model.features)
        query, key, value = (
            dense(h, p[name]).reshape(heads) for name in ("query", "key", "value")
        )
        sums = np.zeros(heads)
        for i, j, r, weight in edges:
            e = wide_gaussians(r, 0, model.cutoff, model.basis)
            e = dense(softplus(dense(e, params["edge_0"])), params["edge_1"])
            e = dense(e, p["edge"]).reshape(heads[1:])
            for k in range(model.heads):
                scores = np.tile(query[i, k], 3) / np.sqrt(3 * model.features)
                scores = scores * np.concatenate([key[i, k], key[j, k], e[k]])
                gate = sigmoid(normalized(scores, m["norm_gate"]))
                values = np.concatenate([value[i, k], value[j, k], e[k]])
                out = dense(gate * dense(values, m["value"]), m["out"])
                sums[i, k] += weight * normalized(out, m["norm"])
        sums = dense(sums.reshape(crystal.n_atoms, -1), p["heads"])
        h = dense(h, p["skip"]) + silu(normalized(sums, p["norm"], model.norm))
    return readout(model, params, h.mean(axis=0), silu)


def test_output_is_the_formula_of_the_docstring():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff, n_nearest=6, n_nodes=4, n_graphs=2)
    values = jax.jit(MODEL.apply)({"params": params}, graph)["gap"]
    assert_allclose(values[:1], by_hand(MODEL, params, crystal()), rtol=1e-9)


def test_images_are_the_nearest_however_the_cell_is_described():
    rng = np.random.default_rng(0)
    lengths = jax.jit(image_distances)
    for _ in range(20):
        cell = 4 * np.eye(3) + rng.normal(size=(3, 3))
        skew = np.eye(3) + np.triu(rng.integers(-3, 4, size=(3, 3)), k=1)
        skew = skew @ (np.eye(3) + np.tril(rng.integers(-3, 4, size=(3, 3)), k=-1))
        plain = crystal().replace(cell=cell)
        graphs = [build_graph(c, 0.1) for c in (plain, plain.replace(cell=skew @ cell))]
        first, second = (lengths(graph)[0] for graph in graphs)
        assert_allclose(first, second, rtol=1e-9)
        assert_allclose(first, shortest(cell, 6), rtol=1e-9)
