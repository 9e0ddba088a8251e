"""Shells of neighbors: which of them are an atom's n nearest, however it is described.

Where a shell of equal distances straddles the n-th place, a list of n edges would keep
those that the choice of cell or the order of atoms happens to put first. Here the whole
shell stays, and its members share the places that are left.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Bool, Float, Int
from matjax.crystals import Crystal, Neighbors, neighbors
from matjax.graphs.graph import Graph

SHELL_TOLERANCE = 1e-4
"""Relative step between successive distances from which on a new shell begins.

In 400 binaries of the Materials Project the steps within shells (round-off, digits of
the files) end at 1e-5, and those between shells of different distance are a hundred
times more frequent above 1e-4 than between the two. Distances in float32, of atoms at
coordinates of 100 Å, are good to 1e-5.
"""


def nearest_neighbors(
    crystal: Crystal, cutoff: float, n_nearest: int | None
) -> Neighbors:
    """Edges of each atom's nearest neighbors, and of the shell at the last place.

    Args:
        crystal: with concrete arrays.
        cutoff: Å.
        n_nearest: number of places; None for all neighbors within the cutoff.

    Raises:
        ValueError: if ``n_nearest`` is not positive, or as :func:`neighbors`.
    """
    if n_nearest is not None and n_nearest < 1:
        raise ValueError(f"n_nearest must be at least 1; received {n_nearest}")
    edges = neighbors(crystal, cutoff)
    if n_nearest is None:
        return edges
    positions, cell = np.asarray(crystal.positions), np.asarray(crystal.cell)
    vectors = positions[edges.senders] - positions[edges.receivers]
    distances = np.linalg.norm(vectors + edges.shifts @ cell, axis=1)
    keep = is_nearest(edges.receivers, distances, n_nearest)
    return Neighbors(*(values[keep] for values in edges))


def is_nearest(
    receivers: Int[Array, "edges"],
    distances: Float[Array, "edges"],
    n_nearest: int,
) -> Bool[Array, "edges"]:
    """Which edges lie in a shell that begins before place ``n_nearest`` + 1.

    Args:
        receivers: of the edges, in any order.
        distances: Å.
        n_nearest: number of places.
    """
    order = np.lexsort((distances, receivers))
    r, d = np.asarray(receivers)[order], np.asarray(distances)[order]
    index = np.arange(len(r))
    new_atom = np.append(True, r[1:] != r[:-1])[: len(r)]
    farther = np.append(True, d[1:] > d[:-1] * (1 + SHELL_TOLERANCE))[: len(r)]
    atom_start = np.maximum.accumulate(np.where(new_atom, index, 0))
    shell_start = np.maximum.accumulate(np.where(new_atom | farther, index, 0))
    keep = np.empty(len(r), dtype=bool)
    keep[order] = shell_start - atom_start < n_nearest
    return keep


def neighbor_weights(
    graph: Graph, distances: Float[Array, "edges"], n_nearest: int | None
) -> Float[Array, "edges 1"]:
    """What each edge counts: its share in the places of its receiver, see below.

    Args:
        graph: of the edges.
        distances: their lengths, Å.
        n_nearest: number of places; None for all edges, which then count 1.
    """
    if n_nearest is None:
        return jnp.ones_like(distances)[:, None]  # sums leave out empty slots
    slots = (graph.n_nodes, graph.degree)
    mask = graph.edge_mask.reshape(slots)
    return shell_weights(distances.reshape(slots), mask, n_nearest).reshape(-1, 1)


def shell_weights(
    distances: Float[Array, "nodes degree"],
    mask: Bool[Array, "nodes degree"],
    n_nearest: int,
) -> Float[Array, "nodes degree"]:
    """Share of each neighbor in the ``n_nearest`` places of its atom.

    w = clip((n_nearest − n_closer)/n_shell, 0, 1), where n_closer counts the neighbors
    in closer shells and n_shell those in its own: the weights of an atom add up to
    n_nearest, or to the number of its neighbors if that is less.

    Args:
        distances: Å.
        mask: which of them belong to a neighbor.
        n_nearest: number of places.
    """
    r = jnp.where(mask, jax.lax.stop_gradient(distances), jnp.inf)
    order = jnp.argsort(r, axis=1)
    r = jnp.take_along_axis(r, order, axis=1)
    farther = r[:, 1:] > r[:, :-1] * (1 + SHELL_TOLERANCE)
    edge = jnp.ones((r.shape[0], 1), dtype=bool)
    begins = jnp.concatenate([edge, farther], axis=1)
    ends = jnp.concatenate([farther, edge], axis=1)
    place = jnp.arange(r.shape[1])
    first = jax.lax.cummax(jnp.where(begins, place, 0), axis=1)
    last = jax.lax.cummin(jnp.where(ends, place, r.shape[1]), axis=1, reverse=True)
    shares = ((n_nearest - first) / (last - first + 1)).astype(distances.dtype)
    weights = jnp.take_along_axis(
        jnp.clip(shares, 0, 1), jnp.argsort(order, axis=1), axis=1
    )
    return jnp.where(mask, weights, 0)
