"""What equivariant networks share, and features without their readout."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.potentials import MACE, NequIP
from matjax.nn import embedded_species

SMALL = {"species": (8, 14), "cutoff": 4.0, "basis": 4, "radial_widths": (8,)}
NETWORKS = {
    "nequip": NequIP(
        hidden="4x0e + 4x1o", layers=2, lmax=1, scale=2.0, shift=-3.0, **SMALL
    ),
    "mace": MACE(
        hidden="4x0e + 4x1o",
        layers=2,
        lmax=1,
        correlation=2,
        readout_width=0,
        scale=2.0,
        shift=-3.0,
        **SMALL,
    ),
}


@pytest.fixture(scope="module")
def graph():
    crystal = Crystal.create(
        [14, 8], 4.1 * np.eye(3), fractional=[[0.0, 0.1, 0.2], [0.5, 0.4, 0.6]]
    )
    return build_graph(crystal, 4.0)


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


def mixed(graph, shares):
    """The graph with these shares of oxygen on the first node, silicon the rest."""
    composition = jax.nn.one_hot(graph.numbers, 119)
    row = jnp.zeros(119).at[8].set(shares).at[14].set(1 - shares)
    return graph.replace(composition=composition.at[0].set(row))


@pytest.mark.parametrize("index_weights", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_elements_join_the_pure_ones_smoothly(name, index_weights, graph):
    network = NETWORKS[name]
    if name == "nequip":
        network = network.clone(index_weights=index_weights)
    variables = network.init(jax.random.key(0), graph)

    def energy(shares):
        return network.apply(variables, mixed(graph, shares)).sum()

    other = graph.replace(numbers=jnp.asarray(graph.numbers).at[0].set(8))
    assert_allclose(energy(0.0), network.apply(variables, graph).sum(), rtol=1e-12)
    assert_allclose(energy(1.0), network.apply(variables, other).sum(), rtol=1e-12)
    slope = (energy(0.4 + 1e-5) - energy(0.4 - 1e-5)) / 2e-5
    assert_allclose(jax.grad(energy)(0.4), slope, rtol=1e-6)  # h² of the difference


def test_an_embedding_mixes_its_rows(graph):
    class Table(nn.Module):
        @nn.compact
        def __call__(self, graph):
            return embedded_species(graph, (8, 14), 3, name="table")

    variables = Table().init(jax.random.key(0), graph)
    rows = variables["params"]["table"]["embedding"]
    assert_allclose(Table().apply(variables, graph)[0], rows[1])
    found = Table().apply(variables, mixed(graph, 0.25))[0]
    # Parameters are in single precision.
    assert_allclose(found, 0.25 * rows[0] + 0.75 * rows[1], rtol=1e-6)
