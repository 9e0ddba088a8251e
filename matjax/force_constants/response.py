"""Exact force constants at any q from the primitive cell's graph, for any model.

Displacing atom j of cell R by u_j exp(2πi q·R), the forces on the home cell respond by
−Σ_j Φ(q)_ij u_j with Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R). One forward derivative of
the forces with the rules of :mod:`matjax.graphs.bloch` gives a column of Φ(q).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.compilation import exported
from matjax.graphs import Graph, bloch
from matjax.predictors import Potential, forces
from matjax.progress import Progress

MEMORY = 2 * 2**30
"""Bytes that the columns computed together may take."""

ROWS = 4
"""Wave vectors computed together at most: in 2, 5 and 9 atoms a row of four takes 0.5
to 0.6 of the time of one alone, and a row of eight as much as one of four."""

SLOT_REALS = 100_000
"""Numbers kept for each edge slot, whatever the columns. This and the next two are
those of NequIP of four layers and 128x0e + 64x1o + 32x2e + 32x3o features, the largest
of our networks."""

PAIR_REALS = 80_000
"""Numbers kept for each pair of nodes at each q."""

NODE_REALS = 100_000
"""Numbers kept for each node by each column."""

EDGE_REALS = 50_000
"""Numbers kept by each column for each edge slot, where a network does not sum over
the images of a node (in large cells)."""


class CallSize(NamedTuple):
    """How many columns one call of the compiled function computes."""

    rows: int
    """Wave vectors."""
    columns: int
    """Displacements at each of them."""


def force_constant_columns(
    potential: Potential,
    graph: Graph,
    q: Float[Array, "3"],
    displacements: Complex[Array, "nodes 3"],
    *,
    alone: bool = False,
) -> Complex[Array, "nodes 3"]:
    """Product Φ(q) u of the force constants at q with one displacement pattern, eV/Å.

    A pure function: map it over displacements and q with ``jax.vmap``; the network
    itself is evaluated once for all of them.

    Args:
        potential: any model with its parameters.
        graph: of one crystal, at the potential's cutoff.
        q: wave vector in reciprocal lattice units.
        displacements: u_j of the home cell's atoms, Å.
        alone: whether nothing is mapped over, so that what serves many patterns is left
            out; a derivative by parameters then takes half the time in small cells.
    """
    return _column(potential, graph, q, displacements, alone=alone)[0]


class Response(struct.PyTreeNode):
    """Force constants of a crystal in a potential, exact at every q; a pytree.

    Derivatives of what it returns, with respect to the parameters of the potential, to
    q or to the positions and cell of the graph, are exact as well.
    """

    potential: Potential
    graph: Graph
    n_atoms: int = struct.field(pytree_node=False)
    """Number of atoms: the first nodes of the graph."""
    size: CallSize | None = struct.field(pytree_node=False, default=None)
    """Columns computed together, by default those of :func:`call_size`."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²; see :func:`force_constants`."""
        return force_constants(
            self.potential, self.graph, q, n_atoms=self.n_atoms, progress=progress
        )

    def columns(
        self,
        q: Float[Array, "columns 3"],
        displacements: Complex[Array, "columns atoms 3"],
        *,
        progress: Progress | None = None,
    ) -> Complex[Array, "columns atoms 3"]:
        """Products Φ(q) u of displacement patterns u with each its own q, eV/Å.

        Patterns at the same q are best neighbors: what they share is computed once.

        Args:
            q: wave vectors in reciprocal lattice units.
            displacements: u_j of the home cell's atoms.
            progress: wraps the sequence of calls.
        """
        if isinstance(q, Tracer):
            groups = np.arange(len(q))
        else:
            q = np.asarray(q)
            changes = (q[1:] != q[:-1]).any(axis=1)
            groups = np.concatenate([[0], np.cumsum(changes)])[: len(q)]
        return _products(self, q, groups, displacements, progress)

    def max_force(self) -> Float[Array, ""]:
        """Largest force on an atom, eV/Å, by the function already compiled for Φ."""
        size = self.size or call_size(self.graph)
        dtype = self.graph.positions.dtype
        shape = (size.rows, size.columns, self.graph.n_nodes, 3)
        nothing = jnp.zeros(shape, jnp.result_type(dtype, jnp.complex64))
        no_q = jnp.zeros((size.rows, 3), dtype)
        _, acting = _respond(self.potential, self.graph, no_q, nothing)
        return jnp.linalg.norm(acting[: self.n_atoms], axis=-1).max()


def force_constants(
    potential: Potential,
    graph: Graph,
    q: Float[Array, "*q 3"],
    *,
    n_atoms: int | None = None,
    progress: Progress | None = None,
) -> Complex[Array, "*q modes modes"]:
    """Force constants Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R), eV/Å².

    Exact for any q. Hermitian up to round-off; nothing is symmetrized here. Columns of
    all q are computed :func:`call_size` at a time by one compiled function, which
    serves every number of q and every crystal of the same bucket.

    Called with concrete arrays it returns a NumPy array; under ``jax.jit`` or
    ``jax.grad`` it is a pure function.

    Args:
        potential: any model with its parameters.
        graph: of one crystal, at the potential's cutoff.
        q: wave vectors in reciprocal lattice units.
        n_atoms: atoms of the crystal; by default all nodes of the graph.
        progress: wraps the sequence of calls.

    Returns:
        Rows and columns in the order x, y, z of atom 1, x, y, z of atom 2, …
    """
    n_atoms = graph.n_nodes if n_atoms is None else n_atoms
    response = Response(potential, graph, n_atoms)
    n = 3 * n_atoms
    xp = jnp if _is_traced((potential, graph, q)) else np
    points = xp.asarray(q, graph.positions.dtype).reshape(-1, 3)
    unit = np.tile(np.eye(n).reshape(n, n_atoms, 3), (len(points), 1, 1))
    groups = np.repeat(np.arange(len(points)), n)
    columns = _products(response, points[groups], groups, unit, progress)
    return columns.reshape(*np.shape(q)[:-1], n, n).swapaxes(-1, -2)


def call_size(
    graph: Graph, columns: int | None = None, *, rows: int = ROWS
) -> CallSize:
    """Columns computed together: all of :data:`ROWS` q, fewer where memory is short.

    Rows share the derivatives of the network that no q enters, and columns the sums
    over images; what either saves is more than padding costs where symmetry leaves
    fewer. The estimate is that of a large network; :data:`MEMORY` bounds it unless a
    single column exceeds it.

    Args:
        graph: of one crystal.
        columns: displacements at a q where symmetry leaves fewer than all.
        rows: most wave vectors.
    """
    most = 3 * graph.n_nodes if columns is None else columns
    n, item = graph.n_nodes, graph.positions.dtype.itemsize
    if not graph.is_small:
        of_column = graph.senders.size * EDGE_REALS * item
        columns = min(most, max(1, MEMORY // of_column))
        return CallSize(1, -(-most // -(-most // columns)))
    left = MEMORY // item - graph.senders.size * SLOT_REALS - n * n * PAIR_REALS
    columns = max(1, min(most, left // (n * NODE_REALS)))
    of_row = n * n * PAIR_REALS + columns * n * NODE_REALS
    return CallSize(max(1, min(rows, 1 + left // of_row)), columns)


def _products(
    response: Response,
    q: Array,
    groups: np.ndarray,
    displacements: Array,
    progress: Progress | None,
) -> Array:
    """Columns in batches; those of the same group have the same q.

    Rows that no column fills have displacements of zero.
    """
    potential, graph = response.potential, response.graph
    traced = _is_traced((potential, graph, q, displacements))
    xp = jnp if traced else np
    dtype = graph.positions.dtype
    size = response.size or call_size(graph)
    row, column, first = _places(groups, size.columns)
    n_jobs = -(-len(first) // size.rows)
    n_rows = n_jobs * size.rows
    first = np.resize(first, n_rows)  # the last rows are repeated
    each_q = xp.asarray(q, dtype)[first].reshape(n_jobs, size.rows, 3)
    shape = (n_rows, size.columns, graph.n_nodes, 3)
    patterns: Any = xp.zeros(shape, np.result_type(dtype, np.complex64))
    place = (row, column, slice(response.n_atoms))
    if traced:
        patterns = patterns.at[place].set(displacements)
    else:
        patterns[place] = displacements
    patterns = patterns.reshape(n_jobs, size.rows, *shape[1:])

    def compute(job: tuple[Array, Array]) -> Array:
        return _respond(potential, graph, *job)[0]

    if traced:
        products = jax.lax.map(compute, (each_q, patterns))
    else:
        jobs = list(zip(each_q, patterns, strict=True))
        products = np.empty_like(patterns)
        # To the host at once: JAX would run several calls side by side, in more memory.
        for i, job in enumerate(
            progress(jobs, "force constants") if progress else jobs
        ):
            products[i] = compute(job)
    return products.reshape(shape)[place]


def _places(groups: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each product, and the first product of each row.

    A row holds up to ``size`` neighbors in the list that belong to the same group.
    """
    places = np.arange(len(groups))
    new = np.ones(len(groups), bool)
    new[1:] = groups[1:] != groups[:-1]
    within = places - np.maximum.accumulate(np.where(new, places, 0))
    column = within % size
    return np.cumsum(column == 0) - 1, column, np.flatnonzero(column == 0)


def _is_traced(tree: Any) -> bool:
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))


@exported(result=lambda *_: (0, 0))
def _respond(
    potential: Potential, graph: Graph, q: Array, displacements: Array
) -> tuple[Array, Array]:
    """Φ(q) u, (rows, columns, nodes, 3), and the forces on the atoms."""
    # Rows outside, columns inside: what depends on q alone is made once for each row.
    columns = jax.vmap(_column, (None, None, None, 0), (0, None))
    return jax.vmap(columns, (None, None, 0, 0), (0, None))(
        potential, graph, q, displacements
    )


def _column(
    potential: Potential,
    graph: Graph,
    q: Array,
    displacements: Array,
    *,
    alone: bool = False,
) -> tuple[Array, Array]:
    """Φ(q) u, and the forces."""
    graph = graph.responding(q, alone=alone)

    def gradient(positions: Array) -> Array:
        return -forces(potential, graph.replace(positions=positions))

    def respond(tangent: Array) -> tuple[Array, Array]:
        return jax.jvp(gradient, (graph.positions,), (tangent,))

    parts = jnp.stack([jnp.real(displacements), jnp.imag(displacements)])
    respond = jax.vmap(respond, out_axes=(None, 0), axis_name=bloch.AXIS)
    primal, (real, imaginary) = respond(parts)
    return jax.lax.complex(real, imaginary), -primal
