"""Exact force constants at any q from the primitive cell's graph, for any model.

Displacing atom j of cell R by u_j exp(2πi q·R), the forces on the home cell respond by
−Σ_j Φ(q)_ij u_j with Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R). One forward derivative of
the forces with the rules of :mod:`matjax.graphs.bloch` gives a column of Φ(q).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.force_constants.columns import (
    CallSize,
    Computed,
    Work,
    call_size,
    computed,
    respond,
)
from matjax.graphs import Graph
from matjax.predictors import Potential
from matjax.progress import Progress


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
        nothing = np.zeros((1, self.n_atoms, 3))
        work, _ = laid_out(self, np.zeros((1, 3)), np.zeros(1, int), nothing)
        if _is_traced((self.potential, self.graph)):
            q, patterns = (x[0] for x in work[1:])
            _, acting = respond(self.potential, self.graph, q, patterns)
            return jnp.linalg.norm(acting[: self.n_atoms], axis=-1).max()
        acting = _one(self.potential, work).forces
        return np.asarray(np.linalg.norm(acting[: self.n_atoms], axis=-1).max())


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


def _products(
    response: Response,
    q: Array,
    groups: np.ndarray,
    displacements: Array,
    progress: Progress | None,
) -> Array:
    """Columns in batches; those of the same group have the same q."""
    work, place = laid_out(response, q, groups, displacements)
    potential, graph = response.potential, response.graph
    if _is_traced((potential, *work)):
        jobs = tuple(jnp.asarray(x) for x in work[1:])
        products = jax.lax.map(lambda job: respond(potential, graph, *job)[0], jobs)
    else:
        products = _one(potential, work, progress).products
    return products[place]


def laid_out(
    response: Response, q: Array, groups: np.ndarray, displacements: Array
) -> tuple[Work, tuple]:
    """Columns laid into calls, and the place of each in what comes of them.

    Args:
        response: of the crystal, with the size of its calls.
        q: wave vector of each column.
        groups: columns that are neighbors and have the same one have the same q.
        displacements: (columns, atoms, 3).
    """
    graph, dtype = response.graph, response.graph.positions.dtype
    traced = _is_traced((response.potential, graph, q, displacements))
    xp = jnp if traced else np
    size = response.size or call_size(graph)
    row, column, first = _places(groups, size.columns)
    n_calls = -(-len(first) // size.rows)
    first = np.resize(first, n_calls * size.rows)  # the last rows are repeated
    each_q = xp.asarray(q, dtype)[first].reshape(n_calls, size.rows, 3)
    shape = (n_calls, *size, graph.n_nodes, 3)
    patterns: Any = xp.zeros(shape, np.result_type(dtype, np.complex64))
    place = (row // size.rows, row % size.rows, column, slice(response.n_atoms))
    if traced:
        patterns = patterns.at[place].set(displacements)
    else:
        patterns[place] = displacements
    return Work(graph, each_q, patterns), place


def _one(
    potential: Potential, work: Work, progress: Progress | None = None
) -> Computed:
    """What comes of a single work."""
    (found,) = computed(potential, [work], progress=progress)
    if isinstance(found, RuntimeError):
        raise found
    return found


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
