"""Elastic constants of crystals: how forces and stress respond to atoms and strain.

Definitions are those of :mod:`matjax.mechanics.elasticity`. Crystals of a batch lie
side by side in one graph and do not interact: moving coordinate j of all of them at
once gives one column of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from matjax.arrays import Array
from matjax.compilation import exported
from matjax.crystals import Crystal
from matjax.graphs import (
    Edges,
    Graph,
    Policy,
    Shape,
    batch_size,
    batch_slots,
    pad_crystals,
)
from matjax.mechanics.elasticity import (
    FULL,
    G_PER_CM3,
    VOIGT,
    Elasticity,
    Scalar,
    namespace,
)
from matjax.predictors import Potential, evaluate
from matjax.predictors.batches import checked_edges, grouped, in_parts
from matjax.progress import Progress, progress_of
from matjax.units import GPA

MEMORY = 2 * 2**30
"""Bytes that the columns computed together may take."""

DEVICE_MEMORY = 2**34
"""The same on other hardware than CPUs."""

EDGE_REALS = 25_000
"""Numbers that a column keeps for each edge slot; measured 24,000 for the network for
which :mod:`matjax.force_constants` measured 46,000, for the two parts of a complex
column."""

COLUMNS = 16
"""Most columns computed together: by then the network itself, evaluated once for all of
them, costs little, and small crystals of a bucket do not pay for large ones."""


@overload
def elastic(
    potential: Potential,
    crystals: Crystal,
    *,
    graph: Graph | None = ...,
    dtype: DTypeLike | None = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> Elasticity: ...


@overload
def elastic(
    potential: Potential,
    crystals: Sequence[Crystal],
    *,
    graph: Graph | None = ...,
    dtype: DTypeLike | None = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> list[Elasticity]: ...


def elastic(
    potential: Potential,
    crystals: Crystal | Sequence[Crystal],
    *,
    graph: Graph | None = None,
    dtype: DTypeLike | None = None,
    shapes: Policy = "few",
    progress: Progress | bool = False,
) -> Elasticity | list[Elasticity]:
    """Elastic constants of crystals in a potential, with and without relaxing atoms.

    The derivatives of forces and stress by 3n coordinates and 6 strains, exact, are
    computed :func:`chunk_size` at a time by one compiled function, which serves every
    crystal of the same shape. What follows them is in float64. Of several crystals a
    list of records, in their order; one that fails says so in its record.

    Args:
        potential: any model with its parameters.
        crystals: at rest in the potential, periodic in three directions; residual force
            and stress stand in the result.
        graph: of a single crystal, at the potential's cutoff: with sizes of one's own,
            or with traced coordinates and cell, to differentiate by them.
        dtype: precision of the derivatives; by default float64 where JAX has it
            switched on.
        shapes: of the graphs: as few as several crystals need, or standard ones, which
            every list and process shares; see :data:`matjax.graphs.Policy`.
        progress: whether to show a bar, or what wraps the crystals, such as ``tqdm``.

    Raises:
        ValueError: if there is no such policy, or a graph is given for several
            crystals; or for a single crystal, if a direction is not periodic, the
            potential does not know an element, two atoms lie on one place, or forces
            and stress are not finite.
    """
    dtype = jnp.zeros((), dtype or float).dtype
    potential = potential.astype(dtype)
    if isinstance(crystals, Crystal):
        if graph is None:
            (_, found), *_ = _of_each(potential, [crystals], shapes)
        else:
            (found,) = _of_graph(potential, graph.astype(dtype), [crystals])
        if isinstance(found, Exception):
            raise found
        return found
    if graph is not None:
        raise ValueError(
            "graph= is for a single crystal; of several the graphs are made here: "
            "leave it out"
        )
    crystals = list(crystals)
    steps, shown = _of_each(potential, crystals, shapes), progress_of(progress)
    steps = shown(steps, "elastic constants", total=len(crystals)) if shown else steps
    records = dict(steps)
    return [
        _failed(crystal, record) if isinstance(record, Exception) else record
        for crystal, record in ((c, records[k]) for k, c in enumerate(crystals))
    ]


def chunk_size(graph: Graph) -> int:
    """Columns computed together for a graph: the same for every crystal of a bucket.

    :data:`MEMORY` bounds them by the estimate of a large network, and :data:`COLUMNS`.
    """
    bytes_of_column = graph.senders.size * EDGE_REALS * graph.positions.dtype.itemsize
    memory = MEMORY if jax.default_backend() == "cpu" else DEVICE_MEMORY
    most = max(1, min(COLUMNS, memory // bytes_of_column))
    n_columns = 3 * (graph.n_nodes // graph.n_graphs) + 6
    n_calls = -(-n_columns // most)
    return -(-n_columns // n_calls)


def _of_each(
    potential: Potential, crystals: Sequence[Crystal], shapes: Policy
) -> Iterator[tuple[int, Elasticity | Exception]]:
    """Place and constants of each crystal, or why it has none."""
    edges, refused = checked_edges(potential, crystals)
    for place, crystal in enumerate(crystals):
        if not all(crystal.pbc):
            edges.pop(place, None)
            refused[place] = ValueError(
                "elastic constants need three periodic directions; received "
                f"{crystal.pbc}"
            )
    yield from refused.items()
    for shape, group in grouped(edges, shapes).items():
        slots = _slots_together(potential.dtype.itemsize)
        size = batch_size(shape, len(group), shapes, slots=slots)
        compute = partial(_of_part, potential, crystals, edges, shape)
        for part, found in in_parts(group, size, compute):
            yield from zip(
                part, [found] if isinstance(found, Exception) else found, strict=True
            )


def _slots_together(itemsize: int) -> int:
    """Edge slots of the crystals computed together: those of one alone on CPUs.

    There eight crystals of four atoms take 1.2 times the time two at a time, and 1.6
    times four at a time, with as many columns in all.
    """
    if jax.default_backend() == "cpu":
        return 1
    return min(batch_slots(), DEVICE_MEMORY // (COLUMNS * EDGE_REALS * itemsize))


def _of_part(
    potential: Potential,
    crystals: Sequence[Crystal],
    edges: dict[int, Edges],
    shape: Shape,
    part: Sequence[int],
    size: int,
) -> list[Elasticity | Exception]:
    """The same of some crystals, in a graph that has room for ``size``."""
    some = [crystals[place] for place in part]
    whole = Shape(size * shape.n_nodes, shape.degree, size)
    graph = pad_crystals(some, [edges[k] for k in part], whole, potential.dtype)
    return _of_graph(potential, graph, some)


def _of_graph(
    potential: Potential, graph: Graph, crystals: Sequence[Crystal]
) -> list[Elasticity | Exception]:
    """The same of crystals that lie side by side in a graph."""
    sizes = [crystal.n_atoms for crystal in crystals]
    by_forces, by_stress, forces, stress = _response(potential, graph, sizes)
    ends, n_moves = np.cumsum([0, *sizes]), 3 * max(sizes)
    found: list[Elasticity | Exception] = []
    for k, crystal in enumerate(crystals):
        atoms = slice(ends[k], ends[k + 1])
        rows = np.r_[: 3 * crystal.n_atoms, n_moves : n_moves + 6]
        columns = (by_forces[rows, atoms].reshape(len(rows), -1), by_stress[rows, k])
        found.append(
            _record(crystal, graph.cell[k], *columns, forces[atoms], stress[k])
        )
    return found


def _record(
    crystal: Crystal,
    cell: Array,
    by_forces: Array,
    by_stress: Array,
    forces: Array,
    stress: Array,
) -> Elasticity | Exception:
    """What follows from the response of one crystal, or why nothing does.

    Rows of the columns are the 3n coordinates and the 6 strains that are changed.
    """
    xp = namespace((by_forces, by_stress))
    response = (by_forces, by_stress, forces, stress)
    if xp is np and not all(np.isfinite(x).all() for x in response):
        return ValueError(
            "forces, stress and their derivatives must be finite; in this potential "
            "those of the crystal are not: are atoms far too close, or the parameters "
            "damaged?"
        )
    n = 3 * crystal.n_atoms
    force_constants = -(by_forces[:n] + by_forces[:n].T) / 2
    moved, softest = _relaxed(force_constants, by_forces[n:].T, xp)
    clamped = by_stress[n:].T
    tensor = clamped + by_stress[:n].T @ moved
    volume = abs(xp.linalg.det(xp.asarray(cell, float)))
    return Elasticity(
        tensor=GPA * (tensor + tensor.T) / 2,
        clamped=GPA * (clamped + clamped.T) / 2,
        displacements=moved.reshape(-1, 3, 6),
        stress=GPA * stress,
        max_force=xp.linalg.norm(forces, axis=-1).max(),
        softest=softest,
        density=G_PER_CM3 * float(np.sum(crystal.masses)) / volume,
    )


def _failed(crystal: Crystal, error: Exception) -> Elasticity:
    """The record of a crystal that has no constants."""
    nothing = np.full((6, 6), np.nan)
    return Elasticity(
        tensor=nothing,
        clamped=nothing,
        displacements=np.full((crystal.n_atoms, 3, 6), np.nan),
        stress=np.full((3, 3), np.nan),
        max_force=np.asarray(np.nan),
        softest=np.asarray(np.nan),
        density=np.asarray(np.nan),
        failure=str(error),
    )


def _response(
    potential: Potential, graph: Graph, sizes: Sequence[int]
) -> tuple[Array, Array, Array, Array]:
    """Derivatives of forces (rows, nodes, 3) and stress (rows, graphs, 6), and both.

    Row k belongs to coordinate k of each crystal that has so many, the last six rows to
    the strains.
    """
    chunk = chunk_size(graph)
    rows = _coordinates(graph, sizes)
    # Rows that change nothing fill the last chunk.
    filler = [(0, -len(rows) % chunk), (0, 0)]
    jobs = np.pad(rows, filler, constant_values=-1).reshape(-1, chunk, graph.n_graphs)
    if namespace((potential, graph)) is jnp:
        compute = lambda job: _columns(potential, graph, job)
        by_forces, by_stress, forces, stress = jax.lax.map(compute, jnp.asarray(jobs))
        forces, stress, xp = forces[0], stress[0], jnp
    else:
        # To the host at once: JAX would run several calls side by side, in more memory.
        results = [jax.device_get(_columns(potential, graph, job)) for job in jobs]
        by_forces, by_stress = (
            np.stack([result[i] for result in results]) for i in (0, 1)
        )
        forces, stress, xp = *results[0][2:], np
    return (
        xp.reshape(by_forces, (-1, graph.n_nodes, 3))[: len(rows)].astype(float),
        xp.reshape(by_stress, (-1, graph.n_graphs, 6))[: len(rows)].astype(float),
        forces,
        stress,
    )


def _coordinates(graph: Graph, sizes: Sequence[int]) -> np.ndarray:
    """What each row of the response changes of each crystal, (rows, graphs).

    A coordinate of the graph, a strain after them, or -1 for nothing.
    """
    n_moves = 3 * max(sizes)
    rows = np.full((n_moves + 6, graph.n_graphs), -1, np.int32)
    rows[n_moves:] = 3 * graph.n_nodes + np.arange(6)[:, None]
    starts = np.cumsum([0, *sizes])
    for k, size in enumerate(sizes):
        rows[: 3 * size, k] = np.arange(3 * starts[k], 3 * starts[k + 1])
    return rows


@exported(result=lambda *_: (0, 0, 0, 0))
def _columns(potential: Potential, graph: Graph, coordinates: Array) -> tuple:
    """Derivatives of forces and stress (Voigt) by some coordinates, and both."""
    n_nodes = graph.n_nodes
    basis = jax.nn.one_hot(coordinates, 3 * n_nodes + 6, dtype=graph.cell.dtype)
    moves = basis[..., : 3 * n_nodes].sum(axis=1).reshape(-1, n_nodes, 3)
    # Half of a Voigt shear goes to either component of the symmetric strain.
    half = jnp.where(jnp.eye(3, dtype=bool), 1, 0.5).astype(graph.cell.dtype)
    strains = basis[..., 3 * n_nodes :][..., FULL] * half

    def respond(positions: Array, strain: Array) -> tuple[Array, Array]:
        moved = graph.replace(positions=positions).strained(strain)
        result = evaluate(potential, moved)
        return result.forces, result.stress

    def column(move: Array, strain: Array) -> tuple[Array, Array, Array, Array]:
        primals = (graph.positions, jnp.zeros_like(graph.cell))
        (forces, stress), (by_forces, by_stress) = jax.jvp(
            respond, primals, (move, strain)
        )
        six = jnp.stack([by_stress[:, i, j] for i, j in VOIGT], axis=-1)
        return by_forces, six, forces, stress

    return jax.vmap(column, out_axes=(0, 0, None, None))(moves, strains)


def _relaxed(force_constants: Array, by_strain: Array, xp: Any) -> tuple[Array, Scalar]:
    """Displacements X with Φ X = ∂F/∂ε, and the lowest eigenvalue of Φ.

    Translations, which Φ does not resist, are taken out by projection: they are given
    the stiffness of an average atom, and no force.
    """
    n = len(force_constants)
    shift = np.tile(np.eye(3), (n // 3, 1)) / np.sqrt(n // 3)
    translations = shift @ shift.T
    rest = np.eye(n) - translations
    if n == 3:
        return xp.zeros_like(by_strain), np.inf
    stiffness = xp.trace(force_constants) / n
    projected = rest @ force_constants @ rest
    moved = xp.linalg.solve(projected + stiffness * translations, rest @ by_strain)
    # Translations are lifted above all other modes, so that the lowest is none of them.
    top = abs(projected).sum(axis=1).max()
    softest = xp.linalg.eigvalsh(projected + 2 * top * translations)[0]
    return rest @ moved, softest
