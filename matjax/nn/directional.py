"""Messages along periodic edges that know angles, with invariant features alone.

An atom's sum of unit vectors to its neighbors, weighted by messages, has a square that
holds the angles between all pairs of its edges,

    |Σ_j a_ij r̂_ij|² = Σ_jk a_ij a_ik cos θ_jik,

at the cost of the edges. Source: Schütt et al., ICML 2021 (arXiv 2102.03150, PaiNN),
section 3, where the vectors themselves go on to the next layer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn.radial import bessel_basis, polynomial_envelope
from matjax.numerics import safe_norm

SHORTEST = 1e-6
"""Å, below which an edge has no direction."""


class DirectedEdges(NamedTuple):
    """What messages see of the edges."""

    directions: Float[Array, "edges 3"]
    """Unit vectors from the receiver to the sender."""
    radial: Float[Array, "edges basis"]
    weights: Float[Array, "edges 1"]
    """The envelope by the root of the number of neighbors."""


def directed_edges(
    graph: Graph, cutoff: float, basis: int, neighbors: float, power: float = 6.0
) -> DirectedEdges:
    """Directions and radial functions of a graph's edges.

    Args:
        graph: at this cutoff.
        cutoff: Å.
        basis: number of Bessel functions.
        neighbors: mean number of neighbors.
        power: of the polynomial envelope.
    """
    vectors = graph.edge_vectors()
    r = safe_norm(vectors)
    envelope = polynomial_envelope(r, cutoff, power)[:, None]
    return DirectedEdges(
        directions=vectors / jnp.maximum(r, SHORTEST)[:, None],
        radial=bessel_basis(r, basis, cutoff) * envelope,
        weights=envelope / math.sqrt(neighbors),
    )


class DirectionalLayer(nn.Module):
    """One exchange with the neighbors.

    | equation                                             | code               |
    |------------------------------------------------------|--------------------|
    | m_ij = g(W v_i + W' v_j + U u_ij)                    | ``EdgeMessages``   |
    | A_i = Σ_j w_ij (a·m_ij) r̂_ij, for each channel       | ``vectors``        |
    | v_i ← v_i + φ(v_i, Σ_j w_ij m_ij, A_i·A_i)           | ``update``         |

    g is silu; v are normalised before they enter.

    Attributes:
        channels: number of the sums of unit vectors.
    """

    channels: int

    @nn.compact
    def __call__(
        self, graph: Graph, v: Float[Array, "nodes features"], edges: DirectedEdges
    ) -> Float[Array, "nodes features"]:
        """Features of the atoms after the exchange."""
        n = v.shape[-1]
        x = nn.LayerNorm(name="norm")(v)
        messages = EdgeMessages(name="messages")(graph, x, edges)
        along = nn.Dense(self.channels, name="along")(messages) * edges.weights
        vectors = graph.scatter(along[:, :, None] * edges.directions[:, None])
        squares = jnp.sum(jnp.square(vectors), axis=-1)
        sums = graph.scatter(edges.weights * messages)
        joined = jnp.concatenate([x, sums, squares], axis=-1)
        update = jax.nn.silu(nn.Dense(n, name="update")(joined))
        return v + nn.Dense(n, name="out")(update)


class EdgeMessages(nn.Module):
    """Features of edges from their atoms' and their length."""

    @nn.compact
    def __call__(
        self, graph: Graph, x: Float[Array, "nodes features"], edges: DirectedEdges
    ) -> Float[Array, "edges features"]:
        """Messages before they are summed."""
        n = x.shape[-1]
        # The maps of x act on atoms, of which there are fewer than edges.
        return jax.nn.silu(
            graph.spread(nn.Dense(n, name="center")(x))
            + graph.gather(nn.Dense(n, use_bias=False, name="neighbor")(x))
            + nn.Dense(n, use_bias=False, name="length")(edges.radial)
        )


class DirectionalNetwork(nn.Module):
    """Features of atoms after some exchanges.

    Attributes:
        features: of each atom.
        layers: number of exchanges.
        channels: of each layer's sums of unit vectors.
    """

    features: int
    layers: int
    channels: int

    @nn.compact
    def __call__(
        self, graph: Graph, inputs: Float[Array, "nodes inputs"], edges: DirectedEdges
    ) -> Float[Array, "nodes features"]:
        """Features that no rotation, translation or choice of cell changes."""
        v = nn.Dense(self.features, name="embedding")(inputs)
        for i in range(self.layers):
            v = DirectionalLayer(self.channels, name=f"layer_{i}")(graph, v, edges)
        return nn.LayerNorm(name="norm")(v)


class EdgeForces(nn.Module):
    """Vectors of atoms: a learned strength along each of their edges, summed.

    Source: Gasteiger et al., NeurIPS 2021 (arXiv 2106.08903, GemNet), whose direct
    forces are of this form.
    """

    @nn.compact
    def __call__(
        self, graph: Graph, v: Float[Array, "nodes features"], edges: DirectedEdges
    ) -> Float[Array, "nodes 3"]:
        """Vectors that rotate with the crystal."""
        messages = EdgeMessages(name="messages")(graph, v, edges)
        strength = nn.Dense(1, name="strength")(messages) * edges.weights
        return graph.scatter(strength * edges.directions)
