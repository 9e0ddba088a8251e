"""Phonons of crystals in a potential: exact at every q, or exact on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import overload

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.errors import out_of_memory
from matjax.force_constants import SymmetricResponse, from_grid
from matjax.force_constants.many_grids import OnGrid, on_grids
from matjax.force_constants.protocol import NoForceConstants
from matjax.force_constants.qpoints import SYMPREC
from matjax.force_constants.refinement import refined
from matjax.graphs import Policy, require_policy
from matjax.lattice_dynamics.dynamical_matrix import (
    concrete_frequencies,
)
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.sources import (
    Divisions,
    Settings,
    Source,
    Start,
    exact_sources,
    require_concrete,
    started,
)
from matjax.predictors import Potential
from matjax.progress import Progress, progress_of


@overload
def phonons(
    potential: Potential,
    crystals: Crystal,
    *,
    masses: Float[Array, "atoms"] | None = ...,
    dtype: DTypeLike | None = ...,
    grid: Divisions | Sequence[Divisions] | None = ...,
    tolerance: float | int | None = ...,
    primitive: bool = ...,
    symmetry: bool = ...,
    symprec: float | int = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> Phonons: ...


@overload
def phonons(
    potential: Potential,
    crystals: Sequence[Crystal],
    *,
    masses: Float[Array, "atoms"] | None = ...,
    dtype: DTypeLike | None = ...,
    grid: Divisions | Sequence[Divisions] | None = ...,
    tolerance: float | int | None = ...,
    primitive: bool = ...,
    symmetry: bool = ...,
    symprec: float | int = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> list[Phonons]: ...


def phonons(
    potential: Potential,
    crystals: Crystal | Sequence[Crystal],
    *,
    masses: Float[Array, "atoms"] | None = None,
    dtype: DTypeLike | None = None,
    grid: Divisions | Sequence[Divisions] | None = None,
    tolerance: float | int | None = None,
    primitive: bool = False,
    symmetry: bool = False,
    symprec: float | int = SYMPREC,
    shapes: Policy = "few",
    progress: Progress | bool = False,
) -> Phonons | list[Phonons]:
    """Phonons of crystals in a potential: exact at every q, or exact on a grid.

    Interpolation between the points of a grid costs little at any number of q, and the
    grid little where the crystal has symmetry, which it needs within 1e-4 Å. Of several
    crystals a list of records, in their order; they share compiled functions, and one
    that fails says so in its record.

    Args:
        potential: any model with its parameters.
        crystals: at rest in the potential; the largest force stands in the result.
        masses: amu, of a single crystal; by default its own.
        dtype: precision of the force constants; by default float64 where JAX has it
            switched on. Masses, eigenvalues and frequencies are in float64.
        grid: divisions of the reciprocal vectors, of all crystals or of each; force
            constants are exact on this grid and interpolated between its points.
        tolerance: THz; the grid is refined until frequencies at some random q differ
            less from the exact ones, its points being computed only where those known
            do not predict them. The error that remains stands in the result.
        primitive: whether a larger cell is reduced to the primitive one first, which is
            then ``phonons.crystal`` and to whose reciprocal vectors q refers;
            :func:`matjax.crystals.cell_map` tells how the given one lies in it. By
            default q refers to the given cell.
        symmetry: whether the space group saves columns at single q too; as exact as
            the crystal is symmetric, within 1e-4 Å.
        symprec: Å; tolerance of the search for the space group.
        shapes: of the graphs: as few as several crystals need, or standard ones, which
            every list and process shares; see :data:`matjax.graphs.Policy`.
        progress: whether long calculations show a bar, or what wraps their steps
            instead of ``tqdm.tqdm``.

    Raises:
        ValueError: if an argument is out of range; or if of a single crystal the
            potential does not know an element, forces are not finite, masses are not
            positive, one for each atom, or there is no such grid, or none that meets
            the tolerance.
    """
    _require(grid, tolerance, shapes)
    settings = Settings(
        tolerance,
        primitive,
        grid is not None or tolerance is not None or symmetry,
        symprec,
        shapes,
        progress_of(progress),
    )
    potential = potential.astype(jnp.zeros((), dtype or float).dtype)
    if not isinstance(crystals, Crystal):
        return _many(potential, list(crystals), grid, masses, settings)
    (found,) = _each(potential, [crystals], [grid], masses, settings)
    if isinstance(found, Exception):
        raise found
    return found


def _many(
    potential: Potential,
    crystals: Sequence[Crystal],
    grid: Divisions | Sequence[Divisions] | None,
    masses: Array | None,
    settings: Settings,
) -> list[Phonons]:
    """Records of all crystals, of those too that have no phonons."""
    if masses is not None:
        raise ValueError(
            "masses= is for a single crystal; several say themselves what their atoms "
            "weigh: crystal.replace(given_masses=...)"
        )
    grids = _grid_of_each(grid, len(crystals))
    each = _each(potential, crystals, grids, None, settings)
    return [
        _failed(crystal, found) if isinstance(found, Exception) else found
        for crystal, found in zip(crystals, each, strict=True)
    ]


def _each(
    potential: Potential,
    crystals: Sequence[Crystal],
    grids: Sequence[Divisions | Sequence[Divisions] | None],
    masses: Array | None,
    settings: Settings,
) -> list[Phonons | Exception]:
    """Phonons of each crystal, or why it has none."""
    if settings.symmetry or settings.primitive:
        require_concrete(potential, crystals)
    found: dict[int, Phonons | Exception] = {}
    starts: dict[int, Start] = {}
    for k, (crystal, grid) in enumerate(zip(crystals, grids, strict=True)):
        try:
            starts[k] = started(crystal, grid, masses, settings)
        except ValueError as error:
            found[k] = error
    sources: dict[int, Source] = {}
    for k, source in exact_sources(potential, starts, settings):
        if isinstance(source, ValueError):
            found[k] = source
        else:
            sources[k] = source
    found |= _results(potential, starts, sources, settings)
    return [found[k] for k in range(len(crystals))]


def _results(
    potential: Potential,
    starts: dict[int, Start],
    sources: dict[int, Source],
    settings: Settings,
) -> dict[int, Phonons | Exception]:
    """Phonons of each crystal that has come so far, or why it has none."""
    found: dict[int, Phonons | Exception] = {}
    wanted = {
        k: (source, grid)
        for k, source in sources.items()
        if isinstance(source, SymmetricResponse) and (grid := starts[k].grid)
    }
    known = on_grids(
        potential,
        [source for source, _ in wanted.values()],
        [grid for _, grid in wanted.values()],
        shapes=settings.shapes,
        progress=settings.progress,
    )
    for k, constants in zip(wanted, known, strict=True):
        found[k] = (
            constants
            if isinstance(constants, Exception)
            else _interpolated(starts[k], constants, settings)
        )
    for k in sources.keys() - found.keys():
        try:
            found[k] = _between_grid_points(
                _exact(starts[k], sources[k], settings), settings
            )
        except (ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not out_of_memory(error):
                raise
            found[k] = error
    return found


def _interpolated(start: Start, known: OnGrid, settings: Settings) -> Phonons:
    """Phonons between the points of a grid."""
    return Phonons(
        crystal=start.crystal,
        source=from_grid(start.crystal, known.force_constants),
        masses=start.masses,
        max_force=np.asarray(known.max_force),
        progress=settings.progress,
        grid=start.grid,
    )


def _exact(start: Start, source: Source, settings: Settings) -> Phonons:
    """Phonons that are exact at every q."""
    response = source.response if isinstance(source, SymmetricResponse) else source
    return Phonons(
        crystal=start.crystal,
        source=source,
        masses=start.masses,
        max_force=_require_finite(response.max_force()),
        progress=settings.progress,
    )


def _between_grid_points(exact: Phonons, settings: Settings) -> Phonons:
    """Phonons interpolated from exact ones, if a tolerance is given."""
    source, tolerance = exact.source, settings.tolerance
    if tolerance is None or not isinstance(source, SymmetricResponse):
        return exact
    frequencies = partial(concrete_frequencies, masses=exact.masses)
    grid_source = refined(
        source, exact.crystal, tolerance, frequencies, progress=exact.progress
    )
    return exact.replace(
        source=grid_source.source,
        grid=grid_source.grid,
        interpolation_error=grid_source.error,
    )


def _failed(crystal: Crystal, error: Exception) -> Phonons:
    """The record of a crystal that has no phonons."""
    return Phonons(
        crystal=crystal,
        source=NoForceConstants(crystal.n_atoms),
        masses=np.full(crystal.n_atoms, np.nan),
        max_force=np.asarray(np.nan),
        failure=str(error),
    )


def _grid_of_each(
    grid: Divisions | Sequence[Divisions] | None, n_crystals: int
) -> Sequence[Divisions | Sequence[Divisions] | None]:
    if grid is None or not isinstance(next(iter(grid), 1), Sequence | np.ndarray):
        return [grid] * n_crystals
    if len(grid) != n_crystals:
        raise ValueError(
            f"grids are one for all crystals or one for each of {n_crystals}; "
            f"received {len(grid)}"
        )
    return [each for each in grid if isinstance(each, Sequence | np.ndarray)]


def _require(
    grid: Divisions | Sequence[Divisions] | None,
    tolerance: float | int | None,
    shapes: str,
) -> None:
    require_policy(shapes)
    if grid is not None and tolerance is not None:
        raise ValueError(
            f"a grid is given or found by its tolerance, not both; received {grid} and "
            f"{tolerance} THz"
        )


def _require_finite(max_force: Array) -> Array:
    if isinstance(max_force, Tracer):
        return max_force
    if not np.isfinite(max_force):
        raise ValueError(
            f"forces must be finite; the largest is {max_force} eV/Å: are atoms far "
            "too close, or the parameters damaged?"
        )
    return np.asarray(max_force)
