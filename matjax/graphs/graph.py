"""The periodic graph: what every model sees of a crystal, or of a padded batch of them.

Edges lie in a dense layout: node i is the receiver of the ``degree`` slots from
i·degree to (i+1)·degree − 1, and a mask says which are filled. Sums at receivers are
then plain reductions, good on every backend; three-body terms need no search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
from flax import struct
from jax.typing import DTypeLike

from matjax.arrays import Array, Complex, Float, Int, Leaf
from matjax.graphs import bloch, pooling, reciprocal_space

if TYPE_CHECKING:
    from matjax.graphs.neighbor_list import NeighborList


LARGEST_SMALL = 48
"""Nodes; a network keeps some 10⁵ numbers for each pair of them, 2 GB in float64."""


class Graph(struct.PyTreeNode):
    """Atoms of one or more crystals and the pairs of them closer than a cutoff.

    The vector of an edge is x[sender] + shift·cell − x[receiver]: the receiver sits in
    the home cell, the sender in the cell ``shift``. Padding is told by the masks alone.
    """

    numbers: Leaf
    """Atomic numbers, (nodes,)."""
    positions: Leaf
    """Cartesian coordinates, (nodes, 3), Å."""
    cell: Leaf
    """Cell vectors as rows, (graphs, 3, 3), Å."""
    senders: Leaf
    """Sending node of each slot, (edges,) with edges = nodes · degree."""
    shifts: Leaf
    """Cell of the sender relative to the receiver, (edges, 3), integers."""
    edge_mask: Leaf
    """Which slots hold an edge, (edges,)."""
    node_mask: Leaf
    """Which nodes are atoms, (nodes,)."""
    graph_mask: Leaf
    """Which graphs are crystals, (graphs,)."""
    node_graph: Leaf
    """Graph of each node, (nodes,), in ascending order."""
    composition: Leaf | None = None
    """Shares of the elements on each node, (nodes, elements) by atomic number, where
    they are mixed; networks that embed elements then read them in place of the
    numbers."""
    q: Leaf | None = None
    """Wave vector at which a response is being computed, (3,), reciprocal lattice
    units."""
    phases: Leaf | None = None
    """2π q·shift of each edge, (edges,), then."""
    rest: Leaf | None = None
    """Positions about which that response is taken, (nodes, 3), Å, if sums over images
    come first: equal to ``positions``, which then carries derivatives alone."""

    everywhere: bool = struct.field(pytree_node=False, default=False)
    """Whether an edge stands for all images of its sender, as those of
    :func:`matjax.graphs.all_pairs`: there is no vector along it."""

    @property
    def n_nodes(self) -> int:
        """Number of nodes, padding included."""
        return self.numbers.shape[0]

    @property
    def n_graphs(self) -> int:
        """Number of graphs, padding included."""
        return self.cell.shape[0]

    @property
    def n_atoms(self) -> Float[Array, "graphs"]:
        """Number of atoms of each graph; 0 for padding."""
        return self.graph_sum(self.node_mask.astype(self.positions.dtype))

    @property
    def degree(self) -> int:
        """Number of edge slots of each node."""
        return self.senders.shape[0] // self.n_nodes

    @property
    def receivers(self) -> Int[Array, "edges"]:
        """Receiving node of each slot."""
        return jnp.repeat(jnp.arange(self.n_nodes, dtype=jnp.int32), self.degree)

    @property
    def is_small(self) -> bool:
        """Whether pairs of nodes are fewer than edges, and few.

        A response then sums over the images of a node before anything else; in large
        cells the pairs would take more memory than the edges.
        """
        return self.n_nodes <= min(self.degree, LARGEST_SMALL)

    @property
    def volume(self) -> Float[Array, "graphs"]:
        """Volume of each cell, Å³; 1 for padding."""
        return jnp.where(self.graph_mask, jnp.abs(jnp.linalg.det(self.cell)), 1)

    def gather(
        self, values: Float[Array, "nodes *features"]
    ) -> Float[Array, "edges *features"]:
        """Values of the sender of each edge, seen from the receiver's cell."""
        if self.phases is None:
            return values[self.senders]
        values = bloch.tie(values, self.positions)
        return bloch.gather(values, self.senders, self.phases)

    def spread(
        self, values: Float[Array, "nodes *features"]
    ) -> Float[Array, "edges *features"]:
        """Values of the receiver of each edge."""
        shape = (self.n_nodes, self.degree, *values.shape[1:])
        return jnp.broadcast_to(values[:, None], shape).reshape(-1, *values.shape[1:])

    def scatter(
        self, values: Float[Array, "edges *features"]
    ) -> Float[Array, "nodes *features"]:
        """Sum over the edges of each receiver; empty slots count as zero."""
        mask = self.edge_mask.reshape(-1, *(1,) * (values.ndim - 1))
        values = jnp.where(mask, values, 0)
        return values.reshape(self.n_nodes, self.degree, *values.shape[1:]).sum(axis=1)

    def edge_vectors(self) -> Float[Array, "edges 3"]:
        """Vectors from receiver to sender, Å.

        Empty slots give a constant vector of 1 Å, so that no model divides by zero.

        Raises:
            ValueError: if edges lead to all images of their senders at once.
        """
        if self.everywhere:
            raise ValueError(
                "edges that stand for all images of their senders have no vectors"
            )
        return self._vectors(self.gather(self.positions), self.positions)

    def rest_vectors(self) -> Float[Array, "edges 3"]:
        """The same while a response is computed, without the displacements."""
        if self.rest is None:
            raise ValueError(
                "no response of a small cell to many displacements is being computed: "
                "call responding(q) first"
            )
        return self._vectors(self.rest[self.senders], self.rest)

    def responding(self, q: Float[Array, "3"], *, alone: bool = False) -> Graph:
        """The graph on which derivatives by positions are responses at q.

        Args:
            q: wave vector in reciprocal lattice units.
            alone: whether one displacement pattern only follows: sums over the images
                of a node serve all of them, and take longer than one saves.
        """
        phases = 2 * jnp.pi * (self.shifts.astype(self.cell.dtype) @ q)
        rest = self.positions if self.is_small and not alone else None
        return self.replace(q=q, phases=phases, rest=rest)

    def images(self) -> bloch.Images:
        """Which slots hold images of which nodes, with their phases."""
        slots = (self.n_nodes, self.degree)
        if self.phases is None:
            raise ValueError("no response is being computed: call responding(q) first")
        return bloch.Images(self.senders.reshape(slots), self.phases.reshape(slots))

    def _vectors(self, sent: Array, received: Array) -> Array:
        shifts = self.shifts.reshape(self.n_nodes, self.degree, 3)
        offsets = jnp.einsum(
            "nki,nij->nkj",
            shifts.astype(self.cell.dtype),
            self.cell[self.node_graph],
            precision="highest",  # TPUs and GPUs would round coordinates to 8–11 bits
        )
        vectors = sent - self.spread(received)
        vectors = vectors + offsets.reshape(-1, 3)
        filler = jnp.array([1, 0, 0], dtype=vectors.dtype)
        return jnp.where(self.edge_mask[:, None], vectors, filler)

    def graph_sum(
        self, values: Float[Array, "nodes *features"]
    ) -> Float[Array, "graphs *features"]:
        """Sum over the atoms of each graph; padding counts as zero."""
        mask = self.node_mask.reshape(-1, *(1,) * (values.ndim - 1))
        return bloch.sum_at(jnp.where(mask, values, 0), self.node_graph, self.n_graphs)

    def pool(
        self, values: Float[Array, "nodes *features"]
    ) -> Float[Array, "graphs *features"]:
        """Mean over the atoms of each graph, which may be fed back to them."""
        return pooling.pool(self, values)

    def per_node(
        self, values: Float[Array, "graphs *features"]
    ) -> Float[Array, "nodes *features"]:
        """Values of the graph of each node."""
        return pooling.per_node(self, values)

    def softmax(
        self, logits: Float[Array, "edges *features"]
    ) -> Float[Array, "edges *features"]:
        """Shares of the edges of each receiver, which add up to 1."""
        return pooling.softmax(self, logits)

    def node_softmax(
        self, logits: Float[Array, "nodes *features"]
    ) -> Float[Array, "nodes *features"]:
        """Shares of the atoms of each graph, which add up to 1."""
        return pooling.node_softmax(self, logits)

    def structure_factors(
        self, values: Float[Array, "nodes *features"], k: Int[Array, "k 3"]
    ) -> Complex[Array, "graphs k *features"]:
        """Σ_j values_j exp(−ik·r_j), k in integer reciprocal coordinates."""
        return reciprocal_space.structure_factors(self, values, k)

    def filtered(
        self,
        factors: Complex[Array, "graphs k *features"],
        k: Int[Array, "k 3"],
        function: reciprocal_space.Function,
    ) -> Complex[Array, "graphs k *features"]:
        """Structure factors times an even function of their wave vectors (1/Å)."""
        return reciprocal_space.filtered(self, factors, k, function)

    def from_structure_factors(
        self, factors: Complex[Array, "graphs k *features"], k: Int[Array, "k 3"]
    ) -> Float[Array, "nodes *features"]:
        """Re Σ_k factors_k exp(+ik·r_i): the transpose of structure_factors."""
        return reciprocal_space.from_structure_factors(self, factors, k)

    def strained(self, strain: Float[Array, "graphs 3 3"]) -> Graph:
        """The graph of the crystals deformed by x → x(1 + ε), cells included."""
        deformation = jnp.eye(3, dtype=self.cell.dtype) + strain
        positions = jnp.einsum(
            "ni,nij->nj",
            self.positions,
            deformation[self.node_graph],
            precision="highest",
        )
        cell = jnp.matmul(self.cell, deformation, precision="highest")
        return self.replace(positions=positions, cell=cell)

    def with_neighbors(self, neighbor_list: NeighborList) -> Graph:
        """The same atoms with the edges of an updated neighbor list.

        Raises:
            ValueError: if the list was allocated for another number of nodes.
        """
        nodes = neighbor_list.mask.shape[0] // neighbor_list.degree
        if nodes != self.n_nodes:
            raise ValueError(
                f"a neighbor list for {self.n_nodes} nodes is needed; received one "
                f"for {nodes}: allocate it with n_nodes={self.n_nodes}"
            )
        return self.replace(
            senders=neighbor_list.senders,
            shifts=neighbor_list.shifts,
            edge_mask=neighbor_list.mask,
            q=None,
            phases=None,
            rest=None,
        )

    def astype(self, dtype: DTypeLike) -> Graph:
        """The same graph with coordinates and cells of another precision."""
        return self.replace(
            positions=self.positions.astype(dtype), cell=self.cell.astype(dtype)
        )
