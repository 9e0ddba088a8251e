"""Exact force constants on grids of q, from as few columns as symmetry allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.force_constants import symmetry
from matjax.force_constants.columns import CallSize, call_size
from matjax.force_constants.qpoints import SYMPREC
from matjax.force_constants.response import Response
from matjax.force_constants.symmetry import Elements, Operations
from matjax.graphs import Graph, Policy
from matjax.progress import Progress


class Reduced(NamedTuple):
    """Force constants at some q and what they cost."""

    force_constants: Complex[Array, "q modes modes"]
    """Φ(q), eV/Å²."""
    n_columns: int
    """Columns that were computed; without symmetry 3n for each q."""


COARSE = 4
"""Divisions of the mesh that tells how many columns a wave vector needs."""

ROW_COLUMNS = 15
"""Columns that take as long as what a row needs beside them: 12 to 16 in anatase with
NequIP of four layers."""

REDUCED_ROWS = 8
"""Wave vectors computed together at most, where they have few columns: in anatase a row
of eight with six columns takes two thirds of the time of one of four."""


CALL_COLUMNS = 80
"""Columns that take as long as what the rows of a call share: 50 by the times of rows
of four (:data:`matjax.force_constants.columns.ROWS`), 170 by those of eight above."""

STANDARD = CallSize(rows=4, columns=6)
"""Columns computed together in standard shapes, whatever the crystal. For 30 binaries
of up to 12 atoms, on grids of 9 Å, 7 functions do then instead of 27, and padding takes
1.5 times the time; 6 or 8 columns in rows of 4 or 8 cost the same within 1 %."""


class SymmetricResponse(struct.PyTreeNode):
    """Exact force constants at any q, from the fewest columns that symmetry leaves.

    They are as exact as the symmetry of the crystal; under ``jit`` and ``grad`` all
    columns are computed.
    """

    response: Response
    operations: Operations
    """Operations of the crystal, from
    :func:`matjax.force_constants.symmetry.operations_of`."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        if any(isinstance(x, Tracer) for x in jax.tree.leaves((self, q))):
            return self.response(q, progress=progress)
        points = np.asarray(q, dtype=float).reshape(-1, 3)
        reduced = symmetric_force_constants(
            self.response, points, self.operations, progress=progress
        )
        n = 3 * self.response.n_atoms
        return reduced.force_constants.reshape(*np.shape(q)[:-1], n, n)


def by_symmetry(
    response: Response, crystal: Crystal, *, symprec: float | int = SYMPREC
) -> SymmetricResponse:
    """The same force constants, from as few columns as the space group leaves."""
    operations = symmetry.operations_of(crystal, symprec=symprec)
    size = reduced_size(response.graph, [operations])
    return SymmetricResponse(response.replace(size=size), operations)


def reduced_size(
    graph: Graph, operations: Sequence[Operations], shapes: Policy = "few"
) -> CallSize:
    """Columns computed together where symmetry leaves few: what takes least time.

    A row of a call takes as long as :data:`ROW_COLUMNS` columns beside its own, filled
    or not. How many a q needs is taken from those of a coarse mesh.

    Args:
        graph: of a crystal.
        operations: of it, and of others whose graphs have the same shape.
        shapes: with ``standard`` the size is :data:`STANDARD`.
    """
    whole = call_size(graph)
    if shapes == "standard":
        columns = min(whole.columns, STANDARD.columns)
        return call_size(graph, columns, rows=STANDARD.rows)
    shape = (COARSE,) * 3
    counts = np.concatenate(
        [
            _n_patterns(each, star_of_grid(each, shape).points / COARSE)
            for each in operations
        ]
    )
    sizes = np.arange(1, min(whole.columns, counts.max()) + 1)
    rows = -(-counts[:, None] // sizes)
    size = int(sizes[np.argmin(rows.sum(axis=0) * (ROW_COLUMNS + sizes))])
    return call_size(graph, size, rows=REDUCED_ROWS)


def fitting_size(graph: Graph, counts: Sequence[np.ndarray]) -> CallSize:
    """Columns computed together where all that is wanted is known: as above.

    Args:
        graph: of a crystal.
        counts: patterns at each q of it, and of others whose graphs have its shape.
    """
    most = min(call_size(graph).columns, max(int(count.max()) for count in counts))
    times: dict[CallSize, int] = {}
    for columns in range(1, most + 1):
        needed = np.array([(-(-count // columns)).sum() for count in counts])
        largest = call_size(graph, columns, rows=REDUCED_ROWS)
        for rows in range(1, largest.rows + 1):
            n_calls = int((-(-needed // rows)).sum())
            time = n_calls * (CALL_COLUMNS + rows * (ROW_COLUMNS + columns))
            times[CallSize(rows, largest.columns)] = time
    return min(times, key=lambda size: times[size])


def _n_patterns(operations: Operations, q: np.ndarray) -> np.ndarray:
    """Columns that each q needs."""
    return np.array([len(symmetry.displacements(operations, point)) for point in q])


class Star(NamedTuple):
    """Points of a regular grid that stand for all, and how they become these."""

    points: np.ndarray
    """Addresses (a, b, c) of the representatives, (points, 3)."""
    index: np.ndarray
    """Row of the representative of each point of the grid, (n1 · n2 · n3,)."""
    elements: Elements
    """What carries it there, for each point of the grid."""


def symmetric_force_constants(
    response: Response,
    q: Float[Array, "q 3"],
    operations: Operations,
    *,
    progress: Progress | None = None,
) -> Reduced:
    """Force constants at each q, from the fewest columns that its symmetry leaves.

    Args:
        response: exact force constants of the crystal.
        q: wave vectors in reciprocal lattice units.
        operations: of the crystal, as
            :func:`matjax.force_constants.symmetry.operations_of` has them.
        progress: wraps the sequence of calls of the compiled function.
    """
    if len(q) == 0:
        n = 3 * response.n_atoms
        return Reduced(np.empty((0, n, n), complex), 0)
    patterns = [symmetry.displacements(operations, point) for point in q]
    counts = [len(u) for u in patterns]
    columns = response.columns(
        np.repeat(q, counts, axis=0), np.concatenate(patterns), progress=progress
    )
    parts = np.split(columns, np.cumsum(counts)[:-1])
    matrices = [
        symmetry.complete(operations, *job)
        for job in zip(q, patterns, parts, strict=True)
    ]
    return Reduced(np.array(matrices), sum(counts))


def star_of_grid(operations: Operations, shape: Sequence[int]) -> Star:
    """Which points of the grid q = (a / n1, b / n2, c / n3) symmetry relates, and how.

    In integers. An operation counts wherever it carries a point of the grid to another,
    whether or not it maps the whole grid onto itself.
    """
    size = np.array(shape)
    addresses = np.indices(shape).reshape(3, -1).T
    common = int(np.lcm.reduce(size))
    _, first = np.unique(operations.inverses, axis=0, return_index=True)
    rows = np.tile(first, 2)
    reversal = np.repeat([False, True], len(first))
    signed = np.where(reversal, -1, 1)[:, None, None] * operations.inverses[rows]
    # (elements, points, 3), in units of 1 / common
    numerators = (addresses * (common // size)) @ signed
    images, rest = np.divmod(numerators, common // size)
    on_grid = ~np.any(rest, axis=-1)
    wrapped = np.moveaxis(images % size, -1, 0)
    flat = np.asarray(np.ravel_multi_index(tuple(wrapped), tuple(shape)))
    own = np.arange(len(addresses))
    smallest = np.where(on_grid, flat, own).min(axis=0)
    representatives, index = np.unique(smallest, return_inverse=True)

    # What carries each representative to each point of its star: the first that does.
    element = np.full(len(addresses), -1)
    for k in reversed(range(len(rows))):
        reached = on_grid[k, representatives]
        element[flat[k, representatives[reached]]] = k
    return Star(
        addresses[representatives],
        index.reshape(-1),
        Elements(rows[element], reversal[element]),
    )


def unfold(
    operations: Operations,
    star: Star,
    shape: Sequence[int],
    matrices: Complex[Array, "q modes modes"],
) -> Complex[Array, "n1 n2 n3 modes modes"]:
    """Force constants on the whole grid from those of its representatives."""
    q = np.indices(shape).reshape(3, -1).T / np.array(shape)
    full = np.empty((len(q), *matrices.shape[1:]), matrices.dtype)
    for row, matrix in enumerate(matrices):
        members = np.flatnonzero(star.index == row)
        elements = Elements(*(x[members] for x in star.elements))
        full[members] = symmetry.rotate(operations, elements, q[members], matrix)
    return full.reshape(*shape, *matrices.shape[1:])
