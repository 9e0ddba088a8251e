"""Matformer: attention along bonds, and from each atom to images of itself.

Source: K. Yan et al., NeurIPS 2022 (arXiv 2209.11807); what the paper leaves open as in
the published code.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph, neighbor_weights
from matjax.nn import (
    FeatureNorm,
    embedded_species,
    feature_norm,
    property_readout,
    reduction,
    spaced_gaussians,
)
from matjax.numerics import safe_norm

IMAGES = 6
"""Of each atom, the nearest along different lines: their lengths hold the lattice."""

_HALF = np.array(
    [(i, j, k) for i in range(-2, 3) for j in range(-2, 3) for k in range(-2, 3)]
)[63:]
"""Integer vectors, one of each pair of opposite ones, without zero."""


class Matformer(nn.Module):
    """Properties of crystals by attention that knows how the crystal repeats.

    | equation                                                     | code            |
    |--------------------------------------------------------------|-----------------|
    | e_ij = B₂ sp(B₁ u_ij), u Gaussians of the length             | ``embedded``    |
    | q_i, k_i, v_i of each atom and e_ij: maps for each head      | ``Attention``   |
    | α = (q ⊕ q ⊕ q) ⊙ (k_i ⊕ k_j ⊕ e_ij) / √(3 features)         | ``_messages``   |
    | m_ij = N(A₂ (σ(N(α)) ⊙ A₁ (v_i ⊕ v_j ⊕ e_ij)))               | ``_messages``   |
    | h_i ← C h_i + silu(N(D Σ_j m_ij)), heads side by side        | ``Attention``   |
    | y = readout of silu(F · mean over atoms)                     | ``nn.readout``  |

    Edges lead to the nearest neighbors, each with its share in the places of its atom
    (:func:`matjax.graphs.shell_weights`), and from each atom to its six nearest images
    along different lines, found in a reduced cell, so that the description of the cell
    does not matter. Which crystal repeats is the cell as it is given: a supercell has
    other images, and other properties; give primitive cells, as the data set has them.

    The published network has 128 features and five layers. The outer norm is batch
    normalization there.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        n_nearest: places for neighbors of each atom.
        features: of each atom and edge, for each head.
        heads: of the attention.
        layers: number of exchanges.
        basis: Gaussians of a length.
        head: widths of the hidden layers after the mean over atoms.
        norm: of sums over neighbors.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 8.0
    n_nearest: int | None = 12
    features: int = 64
    heads: int = 4
    layers: int = 5
    basis: int = 64
    head: tuple[int, ...] = (64,)
    norm: FeatureNorm = "layer"
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        r = safe_norm(graph.edge_vectors())
        weights = neighbor_weights(graph, r, self.n_nearest)
        own = graph.per_node(image_distances(graph))
        first, second = (nn.Dense(self.features, name=f"edge_{i}") for i in range(2))

        def embedded(lengths: Array) -> Array:
            basis = spaced_gaussians(lengths, 0.0, self.cutoff, self.basis)
            return second(nn.softplus(first(basis)))

        bonds, images = embedded(r), embedded(own)
        h = embedded_species(graph, self.species, self.features, name="embedding")
        for i in range(self.layers):
            attention = Attention(self.heads, self.norm, name=f"layer_{i}")
            h = attention(graph, h, bonds, images, weights)
        return property_readout(self, graph.pool(h), nn.silu)


class Attention(nn.Module):
    """One exchange with neighbors and own images, in several heads."""

    heads: int
    norm: FeatureNorm

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        h: Float[Array, "nodes features"],
        bonds: Float[Array, "edges features"],
        images: Float[Array, "nodes images features"],
        weights: Float[Array, "edges 1"],
    ) -> Float[Array, "nodes features"]:
        """Features of the atoms after the exchange."""
        n = h.shape[-1]
        slots = (self.heads, n)

        def by_head(values: Array, name: str, *, bias: bool = True) -> Array:
            made = nn.Dense(self.heads * n, use_bias=bias, name=name)(values)
            return made.reshape(*made.shape[:-1], *slots)

        query, key, value = (by_head(h, name) for name in ("query", "key", "value"))
        edge = nn.Dense(self.heads * n, use_bias=False, name="edge")
        along, back = (edge(x).reshape(*x.shape[:-1], *slots) for x in (bonds, images))
        message = Message(name="message")
        spread, gather = graph.spread, graph.gather
        sums = graph.scatter(
            weights[..., None]
            * message(
                *(spread(query), spread(key), gather(key)),
                *(spread(value), gather(value), along),
            )
        )
        q, k, v = (
            jnp.broadcast_to(x[:, None], back.shape) for x in (query, key, value)
        )
        sums = sums + message(q, k, k, v, v, back).sum(axis=1)
        sums = nn.Dense(n, name="heads")(sums.reshape(len(sums), -1))
        sums = nn.silu(feature_norm(self.norm, name="norm")(sums))
        return nn.Dense(n, name="skip")(h) + sums


class Message(nn.Module):
    """What one atom learns along an edge, for each head."""

    @nn.compact
    def __call__(
        self,
        query: Float[Array, "*edges features"],
        own_key: Float[Array, "*edges features"],
        key: Float[Array, "*edges features"],
        own_value: Float[Array, "*edges features"],
        value: Float[Array, "*edges features"],
        edge: Float[Array, "*edges features"],
    ) -> Float[Array, "*edges features"]:
        """Messages of all edges."""
        n = query.shape[-1]
        keys = jnp.concatenate([own_key, key, edge], axis=-1)
        scores = jnp.tile(query, 3) * keys / math.sqrt(3 * n)
        gates = nn.sigmoid(nn.LayerNorm(name="norm_gate")(scores))
        values = jnp.concatenate([own_value, value, edge], axis=-1)
        m = gates * nn.Dense(3 * n, name="value")(values)
        return nn.LayerNorm(name="norm")(nn.Dense(n, name="out")(m))


def image_distances(graph: Graph) -> Float[Array, "graphs images"]:
    """Lengths of the shortest lattice vectors, each line once, in ascending order, Å.

    Args:
        graph: whose cells are taken; a direction that does not repeat has a vector too.
    """
    eye = jnp.eye(3, dtype=graph.cell.dtype)
    cells = jnp.where(graph.graph_mask[:, None, None], graph.cell, eye)
    return jax.vmap(_shortest)(cells)


def _shortest(cell: Float[Array, "3 3"]) -> Float[Array, "images"]:
    steps = jnp.asarray(_HALF, cell.dtype)
    vectors = steps @ reduction(cell) @ cell
    lengths = safe_norm(vectors)
    return jnp.sort(lengths)[:IMAGES]
