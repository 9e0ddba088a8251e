"""L-BFGS: pure steps, and the Newton step of a quadratic bowl."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential

FCC = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def rattled_silicon(seed=0, strain=0.03):
    rng = np.random.default_rng(seed)
    sites = np.array([[0, 0, 0], [0.25, 0.25, 0.25]]) + rng.normal(size=(2, 3)) * 0.02
    cell = FCC * 5.5 @ (np.eye(3) + strain * rng.normal(size=(3, 3)))
    return Crystal.create([14, 14], cell, fractional=sites)


def test_steps_are_pure_functions_of_their_state_and_can_be_mapped(silicon):
    from matjax.mechanics.landscape import make_landscape
    from matjax.mechanics.lbfgs import lbfgs_init, lbfgs_step

    options = {"cell": True, "pressure": 0.0, "symmetry": None, "fixed": None}
    landscapes = [
        make_landscape(silicon, rattled_silicon(seed), **options) for seed in (0, 1)
    ]
    neighbors = landscapes[0].neighbor_list
    landscapes = [
        landscape.replace(
            neighbor_list=neighbors, graph=_without_edges(landscape.graph)
        )
        for landscape in landscapes
    ]

    def two_steps(landscape):
        state = lbfgs_init(landscape, landscape.start())
        for _ in range(2):
            state, _ = lbfgs_step(landscape, state)
        return state.point.coordinates

    stacked = jax.tree.map(lambda *x: jnp.stack(x), *landscapes)
    together = jax.jit(jax.vmap(two_steps))(stacked)
    alone = jax.jit(two_steps)
    for row, landscape in zip(together, landscapes, strict=True):
        assert_allclose(row, alone(landscape), atol=1e-12)  # round-off


def _without_edges(graph):
    nothing = jnp.zeros((0,), int)
    return graph.replace(senders=nothing, shifts=nothing, edge_mask=nothing)
