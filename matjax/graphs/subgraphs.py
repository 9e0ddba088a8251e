"""Other edges among the same atoms: shorter ones, reversed ones, all of a crystal.

Each is a graph again, or an index of slots: sums, phases and forces follow from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float, Int
from matjax.graphs import bloch
from matjax.graphs.graph import Graph

STEPS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1))
"""Lattice vectors that together hold all lengths and angles of a cell."""


class Subgraph(NamedTuple):
    """A graph of some of another's edges."""

    graph: Graph
    slots: Int[Array, "edges"]
    """Slot that each edge has in the other graph."""

    def take(
        self, values: Float[Array, "all *features"]
    ) -> Float[Array, "edges *features"]:
        """Values of these edges, from those of the other graph's."""
        return values[self.slots]

    def put(
        self, values: Float[Array, "edges *features"], whole: Graph
    ) -> Float[Array, "all *features"]:
        """Values of these edges as those of the other graph's, 0 on the rest.

        Args:
            values: of the edges; those of empty slots do not count.
            whole: the other graph.
        """
        mask = self.graph.edge_mask.reshape(-1, *(1,) * (values.ndim - 1))
        zeros = jnp.zeros((len(whole.senders), *values.shape[1:]), values.dtype)
        return zeros.at[self.slots].add(jnp.where(mask, values, 0))


def within(graph: Graph, cutoff: float, degree: int | None = None) -> Subgraph:
    """The edges shorter than a second cutoff.

    Args:
        graph: with a cutoff no shorter.
        cutoff: Å.
        degree: edge slots of each node; by default those of the graph, which always
            suffice. Where an atom has more edges, positions become NaN, so that no
            number is made without those left out.
    """
    return _closest(graph, cutoff, degree, complete=True)


def nearest(graph: Graph, n_nearest: int) -> Subgraph:
    """The edges of each atom's nearest neighbors.

    Which of several at one distance are kept depends on the description of the
    crystal: :func:`matjax.graphs.shell_weights` tells what each should count for.

    Args:
        graph: whose edges are searched.
        n_nearest: edges kept of each node, and slots.
    """
    return _closest(graph, jnp.inf, min(n_nearest, graph.degree), complete=False)


def _closest(
    graph: Graph, cutoff: float, degree: int | None, *, complete: bool
) -> Subgraph:
    degree = graph.degree if degree is None else degree
    if not 0 < degree <= graph.degree:
        raise ValueError(
            f"degree must be between 1 and {graph.degree}, the slots of a node in the "
            f"graph; received {degree}"
        )
    fixed = graph.replace(positions=jax.lax.stop_gradient(graph.positions))
    plain = fixed.replace(q=None, phases=None, rest=None)
    r = jnp.linalg.norm(plain.edge_vectors(), axis=-1)
    r = jnp.where(graph.edge_mask & (r < cutoff), r, jnp.inf)
    r = r.reshape(graph.n_nodes, graph.degree)
    order = jnp.argsort(r, axis=1)[:, :degree]
    start = graph.degree * jnp.arange(graph.n_nodes)[:, None]
    slots = (start + order).reshape(-1)
    mask = jnp.isfinite(jnp.take_along_axis(r, order, axis=1)).reshape(-1)
    positions = graph.positions
    if complete:
        crowded = jnp.any(jnp.isfinite(r).sum(axis=1) > degree)
        positions = jnp.where(crowded, jnp.nan, positions)
    return Subgraph(
        graph.replace(
            positions=positions,
            senders=graph.senders[slots],
            shifts=graph.shifts[slots],
            edge_mask=mask,
            phases=None if graph.phases is None else graph.phases[slots],
        ),
        slots,
    )


class Reverse(NamedTuple):
    """For each edge the slot of the same pair, seen from its sender."""

    slots: Int[Array, "edges"]
    mask: Bool[Array, "edges"]
    """Whether there is one: not where lists of nearest neighbors are one-sided."""


def reverse(graph: Graph) -> Reverse:
    """Slots of the edges from receiver to sender: nodes · degree² comparisons."""
    slots = (graph.n_nodes, graph.degree)
    senders, shifts = graph.senders.reshape(slots), graph.shifts.reshape(*slots, 3)
    mask = graph.edge_mask.reshape(slots)
    back = senders[graph.senders] == graph.receivers[:, None]
    back &= mask[graph.senders]
    back &= (shifts[graph.senders] == -graph.shifts[:, None]).all(axis=-1)
    back &= graph.edge_mask[:, None]
    place = graph.senders * graph.degree + jnp.argmax(back, axis=1)
    return Reverse(place, back.any(axis=1))


def gather_reverse(
    graph: Graph, back: Reverse, values: Float[Array, "edges *features"]
) -> Float[Array, "edges *features"]:
    """Values of each edge's reverse, seen from the edge's receiver; 0 without one.

    An edge seen from its sender lies in the sender's cell, hence its phase at q.
    """
    if graph.phases is None:
        opposite = values[back.slots]
    else:
        values = bloch.tie(values, graph.positions)
        opposite = bloch.gather(values, back.slots, graph.phases)
    return jnp.where(back.mask.reshape(-1, *(1,) * (values.ndim - 1)), opposite, 0)


def self_edges(graph: Graph, steps: Sequence[Sequence[int]] = STEPS) -> Graph:
    """The graph whose edges lead from each atom to images of itself.

    Args:
        graph: whose atoms are taken.
        steps: cells of the images.
    """
    shifts = jnp.tile(jnp.asarray(steps, graph.shifts.dtype), (graph.n_nodes, 1))
    nodes = jnp.arange(graph.n_nodes, dtype=graph.senders.dtype)
    mask = jnp.repeat(graph.node_mask, len(steps))
    return _with_edges(graph, jnp.repeat(nodes, len(steps)), shifts, mask)


def all_pairs(graph: Graph, n_atoms: int | None = None) -> Graph:
    """The graph in which each atom receives from all atoms of its crystal, itself too.

    An edge stands for all images of its sender alike, and has no vector. For messages
    that are the same in a supercell, ``scatter`` shares that add up to 1, such as those
    of ``softmax``.

    It serves networks whose outputs are not differentiated at a wave vector. In a
    response an edge would move with its receiver and with each image of its sender,
    which one tangent cannot hold; what all atoms share goes through ``pool`` there.

    Args:
        graph: whose nodes of each crystal follow one another.
        n_atoms: most atoms of a crystal; by default all nodes.

    Raises:
        ValueError: while a response is computed.
    """
    if graph.q is not None:
        raise ValueError(
            "force constants at q of a network in which all atoms attend to all are "
            "not known: exchange through pool and per_node, or reciprocal space"
        )
    n_atoms = graph.n_nodes if n_atoms is None else n_atoms
    nodes = jnp.arange(graph.n_nodes, dtype=graph.senders.dtype)
    first = jnp.searchsorted(graph.node_graph, graph.node_graph, side="left")
    senders = first[:, None] + jnp.arange(n_atoms)
    inside = senders < graph.n_nodes
    senders = jnp.where(inside, senders, nodes[:, None])
    mask = inside & (graph.node_graph[senders] == graph.node_graph[:, None])
    mask &= graph.node_mask[senders] & graph.node_mask[:, None]
    shifts = jnp.zeros((senders.size, 3), graph.shifts.dtype)
    pairs = _with_edges(graph, senders.reshape(-1), shifts, mask.reshape(-1))
    return pairs.replace(everywhere=True)


def _with_edges(graph: Graph, senders: Array, shifts: Array, mask: Array) -> Graph:
    phases = None
    if graph.q is not None:
        phases = 2 * jnp.pi * (shifts.astype(graph.cell.dtype) @ graph.q)
    return graph.replace(
        senders=senders.astype(graph.senders.dtype),
        shifts=shifts,
        edge_mask=mask,
        phases=phases,
        rest=None,
    )
