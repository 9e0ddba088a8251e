"""Exact force constants at any q from the primitive cell's graph, for any model.

Displacing atom j of cell R by u_j exp(2πi q·R), the forces on the home cell respond by
−Σ_j Φ(q)_ij u_j with Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R). One forward derivative of
the forces with the rules of :mod:`matjax.crystals.bloch` gives a column of Φ(q).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Graph, bloch
from matjax.physics import Potential, forces

Progress = Callable[[Iterable, str], Iterable]
"""Wraps the steps of a long calculation, with a description: ``tqdm.tqdm`` is one."""

MEMORY = 2 * 2**30
"""Bytes that the columns computed together may take."""

EDGE_REALS = 50_000
"""Numbers that a column keeps for each edge slot; measured 46,000 for NequIP of four
layers and 128x0e + 64x1o + 32x2e + 32x3o features, the largest of our networks."""


def force_constant_columns(
    potential: Potential,
    graph: Graph,
    q: Float[Array, "3"],
    displacements: Complex[Array, "nodes 3"],
) -> Complex[Array, "nodes 3"]:
    """Product Φ(q) u of the force constants at q with one displacement pattern, eV/Å.

    A pure function: map it over displacements and q with ``jax.vmap``; the network
    itself is evaluated once for all of them.

    Args:
        potential: any model with its parameters.
        graph: of one crystal, at the potential's cutoff.
        q: wave vector in reciprocal lattice units.
        displacements: u_j of the home cell's atoms, Å.
    """
    return _column(potential, graph, q, displacements)[0]


class Response(struct.PyTreeNode):
    """Force constants of a crystal in a potential, exact at every q; a pytree.

    Derivatives of what it returns, with respect to the parameters of the potential, to
    q or to the positions and cell of the graph, are exact as well.
    """

    potential: Potential
    graph: Graph
    n_atoms: int = struct.field(pytree_node=False)
    """Number of atoms: the first nodes of the graph."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²; see :func:`force_constants`."""
        return force_constants(
            self.potential, self.graph, q, n_atoms=self.n_atoms, progress=progress
        )

    def max_force(self) -> Float[Array, ""]:
        """Largest force on an atom, eV/Å, by the function already compiled for Φ."""
        chunk = chunk_size(self.graph)
        dtype = self.graph.positions.dtype
        no_columns = jnp.zeros(chunk, jnp.int32)
        _, acting = _columns(
            self.potential, self.graph, jnp.zeros((chunk, 3), dtype), no_columns
        )
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
    all q are computed :func:`chunk_size` at a time by one compiled function, which
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
    n = 3 * (graph.n_nodes if n_atoms is None else n_atoms)
    dtype = graph.positions.dtype
    traced = _is_traced((potential, graph, q))
    xp = jnp if traced else np
    points = xp.asarray(q, dtype).reshape(-1, 3)
    total, chunk = len(points) * n, chunk_size(graph)
    # Column k of the list displaces coordinate k mod n at point k // n; the last ones
    # are repeated to fill the last chunk.
    k = np.minimum(np.arange(-(-total // chunk) * chunk), max(total - 1, 0))
    each_q = points[k // n].reshape(-1, chunk, 3)
    each_coordinate = (k % n).astype(np.int32).reshape(-1, chunk)

    if traced:

        def compute(job: tuple[Array, Array]) -> Array:
            return _columns(potential, graph, *job)[0]

        columns = jax.lax.map(compute, (each_q, jnp.asarray(each_coordinate)))
    else:
        jobs = list(zip(each_q, each_coordinate, strict=True))
        steps = progress(jobs, "force constants") if progress else jobs
        # To the host at once: JAX would run several calls side by side, in more memory.
        shape = (len(jobs), chunk, 3 * graph.n_nodes)
        columns = np.empty(shape, np.result_type(dtype, np.complex64))
        for i, job in enumerate(steps):
            columns[i] = _columns(potential, graph, *job)[0]
    columns = columns.reshape(-1, 3 * graph.n_nodes)[:total, :n]
    return columns.reshape(*np.shape(q)[:-1], n, n).swapaxes(-1, -2)


def chunk_size(graph: Graph) -> int:
    """Columns computed together: those of one q, or fewer where memory is short.

    More than one q at a time is no faster on CPU. The estimate is that of a large
    network (:data:`EDGE_REALS`); :data:`MEMORY` bounds it unless one column exceeds it.
    """
    bytes_of_column = graph.senders.size * EDGE_REALS * graph.positions.dtype.itemsize
    n_calls = -(-3 * graph.n_nodes * bytes_of_column // MEMORY)
    return -(-3 * graph.n_nodes // n_calls)


def _is_traced(tree: Any) -> bool:
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))


@jax.jit
def _columns(
    potential: Potential, graph: Graph, q: Array, coordinates: Array
) -> tuple[Array, Array]:
    """Columns of Φ at one q each, (columns, nodes · 3), and the forces on the atoms."""
    displacements = jax.nn.one_hot(
        coordinates, 3 * graph.n_nodes, dtype=jnp.result_type(q, jnp.complex64)
    ).reshape(-1, graph.n_nodes, 3)
    columns, acting = jax.vmap(_column, (None, None, 0, 0), (0, None))(
        potential, graph, q, displacements
    )
    return columns.reshape(len(q), -1), acting


def _column(
    potential: Potential, graph: Graph, q: Array, displacements: Array
) -> tuple[Array, Array]:
    """Φ(q) u, and the forces."""
    phases = 2 * jnp.pi * (graph.shifts.astype(graph.cell.dtype) @ q)
    graph = graph.replace(phases=phases)

    def gradient(positions: Array) -> Array:
        return -forces(potential, graph.replace(positions=positions))

    def respond(tangent: Array) -> tuple[Array, Array]:
        return jax.jvp(gradient, (graph.positions,), (tangent,))

    parts = jnp.stack([jnp.real(displacements), jnp.imag(displacements)])
    respond = jax.vmap(respond, out_axes=(None, 0), axis_name=bloch.AXIS)
    primal, (real, imaginary) = respond(parts)
    return jax.lax.complex(real, imaginary), -primal
