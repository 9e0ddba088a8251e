"""What equivariant networks share: species, edges, sums over neighbors, energies.

The functions make Flax submodules where they are called, in a compact method.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float, Int
from matjax.elements import species_index
from matjax.graphs import Graph
from matjax.nn.e3nn import e3nn
from matjax.nn.embedding import species_energies, species_shares
from matjax.nn.equivariant import EdgeBasis, convolve, edge_basis, tensor_product_paths
from matjax.nn.mlp import MLP
from matjax.nn.radial import (
    bessel_basis,
    polynomial_envelope,
    sine_basis,
    xplor_envelope,
)


@runtime_checkable
class Settings(Protocol):
    """Attributes of a network that its interactions read."""

    species: tuple[int, ...]
    cutoff: float
    lmax: int
    basis: int
    radial_widths: tuple[int, ...]
    envelope: float
    gain: float
    neighbors: float
    scale: float
    shift: float


class Inputs(NamedTuple):
    """What a network starts from."""

    edges: EdgeBasis
    index: Int[Array, "nodes"]
    """Place of each node's element among the species."""
    shares: e3nn.IrrepsArray
    """Shares of species on each node, (nodes, species), scalars: one is 1, or mixed."""
    mixed: bool
    """Whether elements are mixed."""


def inputs_of(
    graph: Graph,
    config: Settings,
    *,
    size: float = 1.0,
    frequencies: Float[Array, "basis"] | None = None,
    xplor: float | None = None,
    parity: bool = True,
) -> Inputs:
    """Edges and species of a graph.

    Args:
        graph: at the network's cutoff.
        config: the network.
        size: multiplies the radial functions.
        frequencies: of the Bessel functions; by default 1, 2, …
        xplor: Å, where an XPLOR switch begins; by default the polynomial ends them.
        parity: whether harmonics of odd degree are odd; else all count as even.
    """

    def radial_of(r: Array) -> Array:
        if xplor is None:
            envelope = polynomial_envelope(r, config.cutoff, config.envelope)
        else:
            envelope = xplor_envelope(r, xplor, config.cutoff)
        if frequencies is None:
            basis = bessel_basis(r, config.basis, config.cutoff)
        else:
            basis = sine_basis(r, frequencies.astype(r.dtype), config.cutoff)
        return basis * (size * envelope)[..., None]

    edges = edge_basis(graph, config.lmax, radial_of, parity=parity)
    index = species_index(graph.numbers, config.species)
    shares = species_shares(graph, config.species).astype(edges.radial.dtype)
    irreps = f"{len(config.species)}x0e"
    mixed = graph.composition is not None
    return Inputs(edges, index, e3nn.IrrepsArray(irreps, shares), mixed)


def by_species(
    layer: Callable[[Int[Array, "rows"], e3nn.IrrepsArray], e3nn.IrrepsArray],
    inputs: Inputs,
    features: e3nn.IrrepsArray,
) -> e3nn.IrrepsArray:
    """A map with weights of each species' own, applied to the features of the nodes.

    Where elements are mixed, the mean of all species' results by their shares: as many
    times the work as there are species.

    Args:
        layer: of an index of species for each row, and rows of features.
        inputs: of the network.
        features: of the nodes.
    """
    if not inputs.mixed:
        return layer(inputs.index, features)
    n_nodes, n_species = inputs.shares.shape
    index = jnp.repeat(jnp.arange(n_species, dtype=inputs.index.dtype), n_nodes)
    rows = jnp.tile(features.array, (n_species, 1))
    results = layer(index, e3nn.IrrepsArray(features.irreps, rows))
    each = results.array.reshape(n_species, n_nodes, -1)
    return e3nn.IrrepsArray(
        results.irreps, jnp.einsum("snf,ns->nf", each, inputs.shares.array)
    )


def neighbor_sums(
    graph: Graph,
    features: e3nn.IrrepsArray,
    edges: EdgeBasis,
    config: Settings,
    *,
    wanted: e3nn.Irreps,
) -> e3nn.IrrepsArray:
    """Σ over neighbors of features ⊗ harmonics with radial weights, normalized.

    Makes the submodules ``linear_in`` and ``radial``.

    Args:
        graph: of the nodes.
        features: of the nodes.
        edges: of the graph.
        config: the network.
        wanted: irreps of which couplings are summed.
    """
    paths = tensor_product_paths(features.irreps, edges.harmonics.irreps, wanted)
    widths: Sequence[int] = (
        config.basis,
        *config.radial_widths,
        sum(path.multiplicity for path in paths),
    )
    weigh = MLP(widths, config.gain, name="radial")()
    mixed = e3nn.flax.Linear(features.irreps, name="linear_in")(features)
    sums = convolve(graph, mixed, edges, paths=paths, weigh=weigh)
    return sums / math.sqrt(config.neighbors)


def node_energies(
    network: nn.Module, readout: Float[Array, "nodes"], graph: Graph
) -> Float[Array, "nodes"]:
    """Readouts scaled and moved, with an energy of each element's own.

    Makes the parameter ``atom_energies``.
    """
    config: Any = network
    own = species_energies(network, graph, config.species)
    return readout * config.scale + config.shift + own
