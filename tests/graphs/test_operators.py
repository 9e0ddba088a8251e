"""Operators of the graph: each respond like the infinite crystal, and stay masked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matjax.predictors import Potential
from matjax.testing import (
    check_derivatives,
    check_force_constants,
    check_padding_and_batch,
    check_supercell,
)
from tests.graphs.networks import (
    Attention,
    Ewald,
    FedBack,
    LineGraph,
    batch,
    crystal,
    response_at,
)

MODELS = {
    "state": FedBack(),
    "attention": Attention(),
    "line graph": LineGraph(),
    "structure factors": Ewald(),
}


@pytest.fixture(params=MODELS, scope="module")
def potential(request):
    return Potential.create(MODELS[request.param]).astype(jnp.float64)


@pytest.mark.parametrize(
    "check",
    [
        check_force_constants,
        check_derivatives,
        check_supercell,
        check_padding_and_batch,
    ],
)
def test_operators_keep_the_contract_of_potentials(potential, check):
    check(potential, crystal())


def test_force_constants_are_exact_at_q_in_random_directions(potential):
    """Those of a supercell of seven cells, skewed at random."""
    rng = np.random.default_rng(11)
    matrix = np.zeros((3, 3), int)
    while abs(round(np.linalg.det(matrix))) != 7:
        matrix = rng.integers(-2, 4, (3, 3))
    check_force_constants(potential, crystal(), cells=matrix)


def test_a_state_that_is_summed_without_the_rule_is_wrong_away_from_gamma():
    class Summed(FedBack):
        """The same, through sums that know nothing of q."""

        @nn.compact
        def __call__(self, graph):
            return super().__call__(graph.replace(q=None))

    q = np.array([[1 / 3, 1 / 2, 0.0], [0.0, 0.0, 0.0]])
    right, wrong = (response_at(q, model) for model in (FedBack(), Summed()))
    difference = np.abs(right - wrong).max(axis=(1, 2))
    assert difference[0] > 1e-3 * np.abs(right).max()
    assert difference[1] < 1e-12 * np.abs(right).max()


# Pooling


@pytest.mark.slow
def test_an_empty_graph_gives_zeros_and_finite_derivatives():
    graph = batch(n_nodes=8, n_graphs=4)
    graph = graph.replace(
        edge_mask=jnp.zeros_like(graph.edge_mask),
        node_mask=jnp.zeros_like(graph.node_mask),
        graph_mask=jnp.zeros_like(graph.graph_mask),
    )
    for name, model in MODELS.items():
        params = model.init(jax.random.key(0), graph)

        def total(x, model=model, params=params):
            moved = graph.replace(positions=x)
            return moved.graph_sum(model.apply(params, moved)).sum()

        value, slope = jax.jit(jax.value_and_grad(total))(graph.positions)
        assert value == 0, name
        assert np.isfinite(slope).all(), name


# Edges of other kinds


# Reciprocal space
