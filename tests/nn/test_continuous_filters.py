"""Continuous filters: their ramp, and where they end."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.nn import ContinuousFilters, shifted_softplus


def test_the_ramp_goes_through_the_origin():
    assert shifted_softplus(jnp.zeros(())) == 0
    assert_allclose(jax.grad(shifted_softplus)(jnp.zeros(())), 0.5)


def test_features_are_smooth_where_a_neighbor_leaves():
    network = ContinuousFilters((18,), cutoff=4.0, features=3, layers=1, step=0.5)
    # A neighbor at 4 Å + x, and no other: the cell is 20 Å wide.
    pair = Crystal.create([18, 18], 20 * np.eye(3), positions=[[0, 0, 0], [4.0, 0, 0]])
    graph = build_graph(pair, 5.0)
    variables = network.init(jax.random.key(1), graph)

    def feature(x):
        moved = graph.positions.at[1, 0].set(4.0 + x)
        return network.apply(variables, graph.replace(positions=moved))[0, 0]

    alone = feature(jnp.asarray(0.5))
    for derivative in (feature, jax.grad(feature), jax.grad(jax.grad(feature))):
        inside = derivative(jnp.asarray(-1e-5))
        outside = derivative(jnp.asarray(1e-5))
        # The third derivative is some 10: 1e-4 over this step.
        assert_allclose(inside, outside, atol=1e-3)
    assert_allclose(feature(jnp.asarray(0.0)), alone, rtol=1e-12)
    assert abs(feature(jnp.asarray(-2.0)) - alone) > 1e-3
