"""Columns of force constants: one forward derivative of the forces gives each.

Columns of one crystal or of many go through few compiled calls, each of so many wave
vectors and so many displacement patterns at each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Complex, Float
from matjax.compilation import exported
from matjax.errors import out_of_memory
from matjax.graphs import Graph, bloch
from matjax.predictors import Potential, forces
from matjax.progress import Progress

MEMORY = 2 * 2**30
"""Bytes that the columns computed together may take."""

DEVICE_MEMORY = 2**34
"""Bytes that the calls computed together may take on other hardware than CPUs."""

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


class Work(NamedTuple):
    """Columns of one crystal, laid into calls of one size."""

    graph: Graph
    """Of the crystal."""
    q: Float[Array, "calls rows 3"]
    """Wave vector of each row."""
    displacements: Complex[Array, "calls rows columns nodes 3"]
    """Patterns at each of them; those of places that nothing fills are zero."""


class Computed(NamedTuple):
    """What came of them."""

    products: Complex[Array, "calls rows columns nodes 3"]
    """Φ(q) u, eV/Å."""
    forces: Float[Array, "nodes 3"]
    """Forces on the atoms, eV/Å; empty if there was no call."""


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


def n_bytes(graph: Graph, size: CallSize) -> int:
    """Memory of a call, estimated as :func:`call_size` does it."""
    n, item = graph.n_nodes, graph.positions.dtype.itemsize
    slots = graph.senders.size
    if not graph.is_small:
        return size.rows * size.columns * slots * EDGE_REALS * item
    of_row = n * n * PAIR_REALS + size.columns * n * NODE_REALS
    return item * (slots * SLOT_REALS + n * n * PAIR_REALS + size.rows * of_row)


def calls_together(graph: Graph, size: CallSize) -> int:
    """Calls, of any crystals of a shape, computed together: one on CPUs."""
    if jax.default_backend() == "cpu":
        return 1
    return max(1, DEVICE_MEMORY // n_bytes(graph, size))


def computed(
    potential: Potential, works: Sequence[Work], *, progress: Progress | None = None
) -> list[Computed | RuntimeError]:
    """Columns of many crystals, with concrete arrays.

    One function is compiled for each size of graphs and calls.

    Args:
        potential: of all crystals.
        works: of any sizes.
        progress: wraps the sequence of calls.

    Returns:
        What came of each work, on the host, or what the memory did not suffice for.
    """
    works = [work._replace(graph=jax.device_get(work.graph)) for work in works]
    parts = _parts(works)
    products = [np.empty_like(np.asarray(work.displacements)) for work in works]
    acting = [np.empty((0, 3), work.graph.positions.dtype) for work in works]
    failures: dict[int, RuntimeError] = {}
    for part in progress(parts, "force constants") if progress else parts:
        for (w, call), found in zip(part, _called(potential, works, part), strict=True):
            if isinstance(found, RuntimeError):
                failures[w] = found
            else:
                products[w][call], acting[w] = found
    return [
        failures.get(w) or Computed(products[w], acting[w]) for w in range(len(works))
    ]


Call = tuple[int, int]
"""Number of a work, and of one of its calls."""


def _parts(works: Sequence[Work]) -> list[list[Call]]:
    """Calls that are computed together."""
    groups: dict[tuple, list[Call]] = {}
    sizes: dict[tuple, int] = {}
    for w, work in enumerate(works):
        size = CallSize(*work.displacements.shape[1:3])
        shape = (work.graph.n_nodes, work.graph.degree, size)
        sizes[shape] = calls_together(work.graph, size)
        groups.setdefault(shape, []).extend((w, call) for call in range(len(work.q)))
    return [
        calls[start : start + sizes[shape]]
        for shape, calls in groups.items()
        for start in range(0, len(calls), sizes[shape])
    ]


def _called(
    potential: Potential, works: Sequence[Work], part: list[Call]
) -> list[tuple[np.ndarray, np.ndarray] | RuntimeError]:
    """Products and forces of each call; in halves where memory is short."""
    first = works[part[0][0]]
    size = CallSize(*first.displacements.shape[1:3])
    n_calls = 1 if len(part) == 1 else calls_together(first.graph, size)
    filled = [*part, *[part[0]] * (n_calls - len(part))]
    inputs = [
        (works[w].graph, works[w].q[call], works[w].displacements[call])
        for w, call in filled
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *inputs)
    try:
        # To the host at once: JAX would run several calls side by side, in more memory.
        products, acting = jax.device_get(_respond_each(potential, *stacked))
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        if len(part) == 1:
            return [error]
        return [found for one in part for found in _called(potential, works, [one])]
    return list(zip(products[: len(part)], acting[: len(part)], strict=True))


@exported(result=lambda *_: (0, 0))
def _respond_each(
    potential: Potential, graphs: Graph, q: Array, displacements: Array
) -> tuple[Array, Array]:
    """The same as :func:`respond` along a leading axis of calls."""
    if len(q) > 1:
        each = jax.vmap(respond, (None, 0, 0, 0))
        return each(potential, graphs, q, displacements)
    graph, *rest = jax.tree.map(lambda leaf: leaf[0], (graphs, q, displacements))
    products, acting = respond(potential, graph, *rest)
    return products[None], acting[None]


def respond(
    potential: Potential, graph: Graph, q: Array, displacements: Array
) -> tuple[Array, Array]:
    """Φ(q) u, (rows, columns, nodes, 3), and the forces on the atoms.

    A pure function of the potential, a graph, wave vectors (rows, 3), and displacements
    (rows, columns, nodes, 3).
    """
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
