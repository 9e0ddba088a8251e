"""CGCNN: its formula atom by atom, its neighbors, its predictions with units."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import neighbors
from matjax.graphs import build_graph
from matjax.models.properties import CGCNN
from matjax.predictors import PropertyModel
from matjax.predictors.network import probe
from tests.models.properties.small_cgcnn import MODEL, crystal, parameters


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense(x, p):
    return x @ p["kernel"] + p.get("bias", 0)


def normalized(x, p, norm):
    if norm == "layer":
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-6)
    return x * p["scale"] + p["bias"]


def by_hand(model, params, crystal):
    """The formulas of the docstring, one atom and one neighbor after the other."""
    edges = neighbors(crystal, model.cutoff)
    x = crystal.positions
    ends = x[edges.senders] + edges.shifts @ crystal.cell
    r = np.linalg.norm(ends - x[edges.receivers], axis=1)
    centers = np.arange(0, model.cutoff + 1e-9, model.step)
    v = params["embedding"]["embedding"][
        [model.species.index(z) for z in crystal.numbers]
    ]
    for layer in range(model.layers):
        p = params[f"layer_{layer}"]
        sums = []
        for i in range(crystal.n_atoms):
            mine = np.flatnonzero(edges.receivers == i)
            mine = mine[np.argsort(r[mine])]
            total = 0
            for e in mine:
                closer = np.sum(r[mine] < r[e] * (1 - 1e-6))
                shell = np.sum(abs(r[mine] - r[e]) < r[e] * 1e-6)
                weight = np.clip((model.n_nearest - closer) / shell, 0, 1)
                u = np.exp(-(((r[e] - centers) / model.step) ** 2))
                z = dense(v[i], p["center"]) + dense(v[edges.senders[e]], p["neighbor"])
                z = normalized(z + dense(u, p["bond"]), p["norm_message"], model.norm)
                gate, core = np.split(z, 2)
                total = total + weight * sigmoid(gate) * softplus(core)
            sums.append(normalized(total, p["norm_sum"], model.norm))
        v = softplus(v + np.array(sums))
    y = softplus(v.mean(axis=0))
    for i in range(len(model.head)):
        y = softplus(dense(y, params[f"head_{i}"]))
    return dense(y, params["readout"]) * model.scale + model.shift


@pytest.mark.parametrize("norm", ["layer", "affine"])
def test_output_is_the_formula_of_the_docstring(norm):
    model = MODEL.clone(norm=norm, scale=2.5, shift=-0.7)
    params = parameters(model)
    graph = build_graph(crystal(), model.cutoff, n_nearest=6, n_nodes=4, n_graphs=2)
    values = jax.jit(model.apply)({"params": params}, graph)
    assert {name: x.shape for name, x in values.items()} == {"heat_all": (2,)}
    # round-off
    assert_allclose(
        values["heat_all"][:1], by_hand(model, params, crystal()), rtol=1e-10
    )


def test_untrained_network_is_a_property_model_of_its_species():
    model = CGCNN(species=(8, 22, 38), properties=("heat_all",), features=4, layers=1)
    assert isinstance(model, PropertyModel)
    params = jax.eval_shape(model.init, jax.random.key(0), probe(model))["params"]
    assert params["embedding"]["embedding"].shape == (3, 4)
    assert params["layer_0"]["bond"]["kernel"].shape == (41, 8)  # 0, 0.2 … 8 Å
    assert params["readout"]["kernel"].shape == (32, 1)


def test_all_neighbors_count_where_no_number_is_given():
    model = MODEL.clone(n_nearest=None)
    params = parameters(model)
    graph = build_graph(crystal(), model.cutoff)
    many = MODEL.clone(n_nearest=graph.degree)
    values = [jax.jit(m.apply)({"params": params}, graph) for m in (model, many)]
    assert_allclose(*(x["heat_all"] for x in values), rtol=1e-12)  # round-off
