"""Convolutions of a response: sums over images first, or over edges."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import (
    force_constants,
)
from matjax.graphs import graph as graph_module
from matjax.models.potentials import NequIP
from matjax.predictors import Potential
from tests.force_constants.lattices import silicon, stillinger_weber

Q = np.random.default_rng(0).uniform(-1, 1, (5, 3))


@pytest.fixture(scope="module")
def potential():
    return stillinger_weber()


@pytest.fixture(scope="module")
def graph(potential):
    return potential.graph(silicon())


@pytest.fixture(scope="module")
def network():
    model = NequIP(
        species=(14, 32), hidden="2x0e + 2x1o", lmax=1, layers=2, basis=3, cutoff=4.0
    )
    crystal = silicon().replace(
        numbers=np.array([14, 32]),
        fractional=np.array([[0.01, 0, 0], [0.25, 0.27, 0.2]]),
    )
    return Potential.create(model).astype(jnp.float64), crystal


@pytest.mark.slow
def test_sums_over_images_change_nothing(network, monkeypatch):
    potential, crystal = network
    graph = potential.graph(crystal, n_nodes=3)
    assert graph.is_small
    over_images = force_constants(potential, graph, Q[:2], n_atoms=2)
    monkeypatch.setattr(graph_module, "LARGEST_SMALL", 0)
    # One more slot, so that the function is compiled again.
    graph = potential.graph(crystal, n_nodes=3, degree=graph.degree + 1)
    over_edges = force_constants(potential, graph, Q[:2], n_atoms=2)
    assert abs(over_edges).max() > 0.1
    assert_allclose(over_images, over_edges, rtol=0, atol=1e-12)  # round-off
