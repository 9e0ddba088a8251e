"""Elements as inputs of networks: one on each atom, or mixed."""

from __future__ import annotations

import flax.linen as nn
import jax

from matjax.arrays import Array, Float
from matjax.elements import species_index
from matjax.graphs import Graph


def species_shares(
    graph: Graph, species: tuple[int, ...]
) -> Float[Array, "nodes species"]:
    """Shares of a network's species on each node: one-hot, or the graph's composition.

    Args:
        graph: of the nodes.
        species: atomic numbers, in the order of the columns.
    """
    if graph.composition is not None:
        return graph.composition[:, list(species)]
    index = species_index(graph.numbers, species)
    return jax.nn.one_hot(index, len(species), dtype=graph.positions.dtype)


def atom_energies(
    network: nn.Module, graph: Graph, species: tuple[int, ...]
) -> Float[Array, "nodes"]:
    """An energy of each element's own, eV, mixed by the shares where elements are.

    Makes the parameter ``atom_energies`` (species,), in a compact method; trainings set
    it from their data.
    """
    table = network.param("atom_energies", nn.initializers.zeros, (len(species),))
    if graph.composition is None:
        return table[species_index(graph.numbers, species)]
    return species_shares(graph, species) @ table


def embedded_species(
    graph: Graph, species: tuple[int, ...], features: int, *, name: str
) -> Float[Array, "nodes features"]:
    """Rows of a table of the species, mixed by their shares where elements are.

    Makes a Flax submodule of this name, in a compact method.
    """
    table = nn.Embed(len(species), features, name=name)
    if graph.composition is None:
        return table(species_index(graph.numbers, species))
    return species_shares(graph, species) @ table.embedding
