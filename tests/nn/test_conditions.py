"""Adapters of conditions: columns, open conditions, scalars alone."""

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.nn import Adapter, condition_slices
from tests.models.denoisers.symmetries import CRYSTAL


def test_conditions_have_columns_in_their_order():
    found = condition_slices(("gap", "chemical_system", "density"), 3)
    assert found == {
        "gap": slice(0, 1),
        "chemical_system": slice(1, 4),
        "density": slice(4, 5),
    }


def test_an_adapter_begins_as_nothing_and_changes_scalars_alone():
    graph = build_graph(CRYSTAL, 3.0)
    rng = np.random.default_rng(0)
    values = jnp.asarray(rng.normal(size=(graph.n_nodes, 8)))
    features = e3nn.IrrepsArray("2x0e + 1x1o + 3x0e", values)
    adapter = Adapter(("gap",), 2, width=4)
    asked = jnp.array([[0.7]])
    variables = adapter.init(jax.random.key(0), graph, features, asked)
    assert_allclose(adapter.apply(variables, graph, features, asked).array, values)
    trained = jax.tree.map(lambda x: x + 1.0, variables)
    change = adapter.apply(trained, graph, features, asked).array - values
    atoms = np.asarray(graph.node_mask)
    assert np.abs(change[atoms][:, [0, 1, 5, 6, 7]]).min() > 1e-3
    assert_allclose(change[:, 2:5], 0, atol=0)
    left = adapter.apply(trained, graph, features, asked * jnp.nan).array
    assert_allclose(left, values, rtol=0)
