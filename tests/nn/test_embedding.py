"""Elements as inputs: one on each atom, or mixed."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.nn import embedded_species, species_energies
from tests.nn.small_networks import NETWORKS


@pytest.fixture(scope="module")
def graph():
    crystal = Crystal.create(
        [14, 8], 4.1 * np.eye(3), fractional=[[0.0, 0.1, 0.2], [0.5, 0.4, 0.6]]
    )
    return build_graph(crystal, 4.0)


def mixed(graph, shares):
    """The graph with these shares of oxygen on the first node, silicon the rest."""
    composition = jax.nn.one_hot(graph.numbers, 119)
    row = jnp.zeros(119).at[8].set(shares).at[14].set(1 - shares)
    return graph.replace(composition=composition.at[0].set(row))


@pytest.mark.slow
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


class Energies(nn.Module):
    @nn.compact
    def __call__(self, graph):
        return species_energies(self, graph, (8, 14))


def test_energies_of_elements_begin_at_zero_and_mix_by_shares(graph):
    params = Energies().init(jax.random.key(0), graph)["params"]
    assert_allclose(params["atom_energies"], 0)
    params = {"atom_energies": jnp.asarray([-2.0, -5.0])}
    own = Energies().apply({"params": params}, graph)
    assert_allclose(own[:2], [-5.0, -2.0])
    own = Energies().apply({"params": params}, mixed(graph, 0.25))
    assert_allclose(own[:2], [-0.25 * 2 - 0.75 * 5, -2.0])
