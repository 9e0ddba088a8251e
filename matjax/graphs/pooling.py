"""Sums and means over the atoms of a crystal, and over the edges of an atom.

A value of the whole crystal that a network feeds back to its atoms is a mean over the
infinite crystal: a displacement with a wave vector q does not change it, unless q is a
reciprocal lattice vector. Values of single cells would depend on the choice of cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import bloch

if TYPE_CHECKING:
    from matjax.graphs.graph import Graph

SAME_Q = 64
"""Units of round-off to which a wave vector equals a reciprocal lattice vector."""


def pool(
    graph: Graph, values: Float[Array, "nodes *features"]
) -> Float[Array, "graphs *features"]:
    """Mean over the atoms of each graph; 0 for padding."""
    counts = jnp.maximum(graph.n_atoms.astype(values.dtype), 1)
    counts = counts.reshape(-1, *(1,) * (values.ndim - 1))
    return _of_crystal(graph, graph.graph_sum(values) / counts)


def per_node(
    graph: Graph, values: Float[Array, "graphs *features"]
) -> Float[Array, "nodes *features"]:
    """Values of the graph of each node."""
    return _of_crystal(graph, values)[graph.node_graph]


def node_softmax(
    graph: Graph, logits: Float[Array, "nodes *features"]
) -> Float[Array, "nodes *features"]:
    """Shares of the atoms of each graph, which add up to 1; 0 for padding.

    A mean weighted by them, ``pool(shares * values) / pool(shares)``, is the same in a
    supercell.
    """
    mask = graph.node_mask.reshape(-1, *(1,) * (logits.ndim - 1))
    fixed = jax.lax.stop_gradient(jnp.where(mask, logits, -jnp.inf))
    largest = jax.ops.segment_max(fixed, graph.node_graph, graph.n_graphs)
    shares = _exponentials(logits, mask, largest[graph.node_graph])
    total = per_node(graph, graph.graph_sum(shares))
    return shares / jnp.where(mask, total, 1)


def softmax(
    graph: Graph, logits: Float[Array, "edges *features"]
) -> Float[Array, "edges *features"]:
    """Shares of the edges of each receiver, which add up to 1; 0 for empty slots."""
    slots = (graph.n_nodes, graph.degree)
    features = logits.shape[1:]
    mask = graph.edge_mask.reshape(*slots, *(1,) * len(features))
    logits = logits.reshape(*slots, *features)
    fixed = jax.lax.stop_gradient(jnp.where(mask, logits, -jnp.inf))
    largest = fixed.max(axis=1, keepdims=True, initial=-jnp.inf)
    shares = _exponentials(logits, mask, largest)
    total = shares.sum(axis=1, keepdims=True)
    shares = shares / jnp.where(total > 0, total, 1)
    return shares.reshape(-1, *features)


def _exponentials(logits: Array, mask: Array, largest: Array) -> Array:
    """exp(logits − largest) where the mask holds, which overflows nowhere, else 0."""
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    return jnp.where(mask, jnp.exp(jnp.where(mask, logits - largest, 0)), 0)


def _of_crystal(graph: Graph, values: Array) -> Array:
    if graph.q is None:
        return values
    tolerance = SAME_Q * jnp.finfo(graph.q.dtype).eps
    is_gamma = jnp.all(jnp.abs(graph.q - jnp.rint(graph.q)) <= tolerance)
    values = bloch.tie(values, graph.positions)
    return bloch.at_zone_center(values, is_gamma.astype(values.dtype))
