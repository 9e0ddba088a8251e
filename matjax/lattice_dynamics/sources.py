"""Exact force constants of each of several crystals, in graphs of few shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.crystals import primitive as primitive_cell
from matjax.force_constants import Response, SymmetricResponse
from matjax.force_constants.grids import reduced_size
from matjax.force_constants.refinement import required_grid
from matjax.force_constants.symmetry import operations_of
from matjax.graphs import Edges, Policy, Shape, pad_crystals
from matjax.lattice_dynamics.dynamical_matrix import required_masses
from matjax.predictors import Potential
from matjax.predictors.batches import checked_edges, grouped
from matjax.progress import Progress

Divisions = Sequence[int]
"""Of the three reciprocal vectors."""

Source = Response | SymmetricResponse


class Settings(NamedTuple):
    """What phonons are told, beside potential, crystals and grids."""

    tolerance: float | int | None
    primitive: bool
    symmetry: bool
    """Whether columns are saved by symmetry, be it for a grid."""
    symprec: float | int
    shapes: Policy
    progress: Progress | None


class Start(NamedTuple):
    """A crystal whose phonons are wanted."""

    crystal: Crystal
    masses: np.ndarray
    grid: tuple[int, int, int] | None


def exact_sources(
    potential: Potential, starts: Mapping[int, Start], settings: Settings
) -> Iterator[tuple[int, Source | ValueError]]:
    """Place and exact force constants of each crystal, or why it has none."""
    places = list(starts)
    edges, refused = checked_edges(potential, [starts[k].crystal for k in places])
    yield from ((places[k], error) for k, error in refused.items())
    edges = {places[k]: some for k, some in edges.items()}
    for shape, group in grouped(edges, settings.shapes).items():
        yield from _of_shape(potential, starts, edges, shape, group, settings)


def started(
    crystal: Crystal,
    grid: Divisions | Sequence[Divisions] | None,
    masses: Array | None,
    settings: Settings,
) -> Start:
    """What is to be computed of a crystal.

    Raises:
        ValueError: if its masses are not positive, or there is no such grid.
    """
    if settings.primitive:
        crystal, masses = _primitive(crystal, masses, settings.symprec), None
    shape = None if grid is None else required_grid(crystal, grid)
    return Start(crystal, required_masses(crystal, masses), shape)


def _of_shape(
    potential: Potential,
    starts: Mapping[int, Start],
    edges: Mapping[int, Edges],
    shape: Shape,
    group: Sequence[int],
    settings: Settings,
) -> Iterator[tuple[int, Source | ValueError]]:
    """Exact force constants of crystals of one shape, or why there are none."""
    responses: dict[int, Response] = {}
    for k in group:
        crystal = starts[k].crystal
        graph = pad_crystals([crystal], [edges[k]], shape, potential.dtype)
        graph = jax.tree.map(jnp.asarray, graph)
        responses[k] = Response(potential, graph, n_atoms=crystal.n_atoms)
    if not settings.symmetry:
        yield from responses.items()
        return
    operations = {}
    for k in group:
        try:
            operations[k] = operations_of(starts[k].crystal, symprec=settings.symprec)
        except ValueError as error:
            yield k, error
    if not operations:
        return
    size = None
    if starts[group[0]].grid is None:  # on grids it is chosen when all is known
        graph = responses[group[0]].graph
        size = reduced_size(graph, list(operations.values()), settings.shapes)
    for k, group_of in operations.items():
        yield k, SymmetricResponse(responses[k].replace(size=size), group_of)


def _primitive(crystal: Crystal, masses: Array | None, symprec: float | int) -> Crystal:
    if masses is not None:
        crystal = crystal.replace(given_masses=required_masses(crystal, masses))
    smaller = primitive_cell(crystal, symprec)
    return crystal if smaller.n_atoms == crystal.n_atoms else smaller


def require_concrete(potential: Potential, crystals: Sequence[Crystal]) -> None:
    """Raises ValueError if something is traced, where symmetry is asked for."""
    if any(isinstance(x, Tracer) for x in jax.tree.leaves((potential, list(crystals)))):
        raise ValueError(
            "phonons on a grid, or by symmetry, need a concrete potential and crystal; "
            "received traced ones: under jit and grad go without"
        )
