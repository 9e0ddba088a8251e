"""What equivariant networks share, and features without their readout."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from tests.nn.small_networks import NETWORKS


@pytest.fixture(scope="module")
def graph():
    crystal = Crystal.create(
        [14, 8], 4.1 * np.eye(3), fractional=[[0.0, 0.1, 0.2], [0.5, 0.4, 0.6]]
    )
    return build_graph(crystal, 4.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_energies_are_read_from_the_features(name, graph):
    network = NETWORKS[name]
    variables = network.init(jax.random.key(0), graph)
    features = network.apply(variables, graph, method="features")
    assert str(features.irreps) == "4x0e"
    # The readout of the last layer is linear; MACE adds one of each earlier layer.
    last = "readout" if name == "nequip" else "readout_1"
    silent = jax.tree.map(np.array, variables)
    if name == "mace":
        silent["params"]["readout_0"] = jax.tree.map(
            np.zeros_like, silent["params"]["readout_0"]
        )
    (kernel,) = jax.tree.leaves(silent["params"][last])
    expected = 2 * (features.array @ kernel / 2)[:, 0] - 3  # 1/√4 of e3nn's linear map
    assert_allclose(network.apply(silent, graph), expected, rtol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_features_do_not_turn_with_the_crystal(name, graph):
    network = NETWORKS[name]
    variables = network.init(jax.random.key(0), graph)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = graph.replace(positions=graph.positions @ turn, cell=graph.cell @ turn)
    first, second = (
        network.apply(variables, g, method="features").array for g in (graph, turned)
    )
    assert_allclose(first, second, atol=1e-12)  # round-off
