"""CGCNN: its formula atom by atom, its neighbors, its predictions with units."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.properties import CGCNN
from matjax.predictors import PropertyModel
from matjax.predictors.network import probe
from tests.models.properties.formulas import (
    atoms_of,
    bonds_of,
    crystal,
    dense,
    gaussians,
    normalized,
    parameters,
    readout,
    sigmoid,
    softplus,
)
from tests.models.properties.small_cgcnn import MODEL


def by_hand(model, params, crystal):
    """The formulas of the docstring, one atom and one neighbor after the other."""
    bonds = bonds_of(crystal, model.cutoff, model.n_nearest)
    v = atoms_of(model, params, crystal)
    for layer in range(model.layers):
        p = params[f"layer_{layer}"]
        sums = np.zeros_like(v)
        for bond in bonds:
            u = gaussians(bond.r, model.step, model.cutoff)
            z = dense(v[bond.i], p["center"]) + dense(v[bond.j], p["neighbor"])
            z = normalized(z + dense(u, p["bond"]), p["norm_message"], model.norm)
            gate, core = np.split(z, 2)
            sums[bond.i] += bond.weight * sigmoid(gate) * softplus(core)
        each = [normalized(x, p["norm_sum"], model.norm) for x in sums]
        v = softplus(v + np.array(each))
    return readout(model, params, softplus(v.mean(axis=0)), softplus)


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
