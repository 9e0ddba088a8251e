"""Pairs of edges that meet at an atom: angles, and messages from edge to edge."""

from __future__ import annotations

import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Bool, Float, Leaf
from matjax.graphs.graph import Graph


class Triplets(struct.PyTreeNode):
    """Pairs of edges that meet at a receiver, each unordered pair once.

    Both edges see their receiver in the home cell: no phase at any q.
    """

    first: Leaf
    """Slot of one edge, (triplets,)."""
    second: Leaf
    """Slot of the other, (triplets,)."""
    mask: Leaf
    """Which triplets have both edges, (triplets,)."""
    n_nodes: int = struct.field(pytree_node=False)
    degree: int = struct.field(pytree_node=False)

    def pair(
        self, values: Float[Array, "edges *features"]
    ) -> tuple[Float[Array, "triplets *features"], Float[Array, "triplets *features"]]:
        """Edge values of both edges of each triplet."""
        return values[self.first], values[self.second]

    def scatter(
        self, values: Float[Array, "triplets *features"]
    ) -> Float[Array, "nodes *features"]:
        """Sum over the triplets of each center; empty ones count as zero."""
        values = self._filled(values)
        return values.reshape(self.n_nodes, -1, *values.shape[1:]).sum(axis=1)

    def to_edges(
        self,
        to_first: Float[Array, "triplets *features"],
        to_second: Float[Array, "triplets *features"],
    ) -> Float[Array, "edges *features"]:
        """Sum at each edge of what its triplets send to it; empty ones count as zero.

        Args:
            to_first: from the second edge to the first.
            to_second: from the first edge to the second.
        """
        features = to_first.shape[1:]
        sums = jnp.zeros((self.n_nodes * self.degree, *features), to_first.dtype)
        sums = sums.at[self.first].add(self._filled(to_first))
        return sums.at[self.second].add(self._filled(to_second))

    def _filled(self, values: Array) -> Array:
        return jnp.where(self.mask.reshape(-1, *(1,) * (values.ndim - 1)), values, 0)


def triplets(graph: Graph) -> Triplets:
    """All pairs of edges of each receiver: nodes · degree (degree − 1) / 2 of them.

    For fewer, take those of a graph with fewer edges: :func:`within`, :func:`nearest`.
    """
    a, b = jnp.triu_indices(graph.degree, k=1)
    start = graph.degree * jnp.arange(graph.n_nodes)[:, None]
    first, second = (start + a).reshape(-1), (start + b).reshape(-1)
    mask: Bool[Array, "triplets"] = graph.edge_mask[first] & graph.edge_mask[second]
    return Triplets(first, second, mask, graph.n_nodes, graph.degree)
