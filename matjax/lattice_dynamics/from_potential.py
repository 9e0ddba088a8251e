"""Phonons of a crystal in a potential: exact at every q, or exact on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.crystals import primitive as primitive_cell
from matjax.force_constants import Response, SymmetricResponse
from matjax.force_constants.grids import by_symmetry
from matjax.force_constants.qpoints import SYMPREC
from matjax.force_constants.refinement import interpolated, refined
from matjax.lattice_dynamics.dynamical_matrix import (
    concrete_frequencies,
    required_masses,
)
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.predictors import Potential
from matjax.progress import Progress, progress_of


def phonons(
    potential: Potential,
    crystal: Crystal,
    *,
    masses: Float[Array, "atoms"] | None = None,
    dtype: DTypeLike | None = None,
    grid: Sequence[int] | None = None,
    tolerance: float | int | None = None,
    primitive: bool = False,
    symmetry: bool = False,
    symprec: float | int = SYMPREC,
    progress: Progress | bool = False,
) -> Phonons:
    """Phonons of a crystal in a potential: exact at every q, or exact on a grid.

    Interpolation between the points of a grid costs little at any number of q, and the
    grid little where the crystal has symmetry, which it needs within 1e-4 Å.

    Args:
        potential: any model with its parameters.
        crystal: at rest in the potential; its largest force stands in the result.
        masses: amu; by default the standard atomic masses.
        dtype: precision of the force constants; by default float64 where JAX has it
            switched on. Masses, eigenvalues and frequencies are in float64.
        grid: divisions of the reciprocal vectors; force constants are exact on this
            grid and interpolated between its points.
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
        progress: whether long calculations show a bar, or what wraps their steps
            instead of ``tqdm.tqdm``.

    Raises:
        ValueError: if the potential does not know an element of the crystal, its forces
            are not finite, masses are not positive, one for each atom, or there is no
            such grid, or none that meets the tolerance.
    """
    if grid is not None and tolerance is not None:
        raise ValueError(
            f"a grid is given or found by its tolerance, not both; received {grid} and "
            f"{tolerance} THz"
        )
    reduced = grid is not None or tolerance is not None or symmetry
    if reduced or primitive:
        _require_concrete(potential, crystal)
    if primitive:
        crystal, masses = _primitive(crystal, masses, symprec), None
    exact = _exact(
        potential.astype(jnp.zeros((), dtype or float).dtype),
        crystal,
        masses=required_masses(crystal, masses),
        symprec=symprec if reduced else None,
        progress=progress_of(progress),
    )
    return _between_grid_points(exact, grid, tolerance)


def _exact(
    potential: Potential,
    crystal: Crystal,
    *,
    masses: np.ndarray,
    symprec: float | int | None,
    progress: Progress | None,
) -> Phonons:
    """Phonons that are exact at every q, by symmetry if its tolerance is given."""
    source = response = Response(
        potential, potential.graph(crystal), n_atoms=crystal.n_atoms
    )
    if symprec is not None:
        source = by_symmetry(response, crystal, symprec=symprec)
        response = source.response  # its calls are smaller
    return Phonons(
        crystal=crystal,
        source=source,
        masses=masses,
        max_force=_require_finite(response.max_force()),
        progress=progress,
    )


def _between_grid_points(
    exact: Phonons, grid: Sequence[int] | None, tolerance: float | int | None
) -> Phonons:
    """Phonons interpolated from exact ones, if a grid or a tolerance is given."""
    source, crystal = exact.source, exact.crystal
    if not isinstance(source, SymmetricResponse):
        return exact
    if grid is not None:
        grid_source = interpolated(source, crystal, grid, progress=exact.progress)
    elif tolerance is not None:
        frequencies = partial(concrete_frequencies, masses=exact.masses)
        grid_source = refined(
            source, crystal, tolerance, frequencies, progress=exact.progress
        )
    else:
        return exact
    return exact.replace(
        source=grid_source.source,
        grid=grid_source.grid,
        interpolation_error=grid_source.error,
    )


def _primitive(crystal: Crystal, masses: Array | None, symprec: float | int) -> Crystal:
    if masses is not None:
        crystal = crystal.replace(given_masses=required_masses(crystal, masses))
    smaller = primitive_cell(crystal, symprec)
    return crystal if smaller.n_atoms == crystal.n_atoms else smaller


def _require_concrete(potential: Potential, crystal: Crystal) -> None:
    if any(isinstance(x, Tracer) for x in jax.tree.leaves((potential, crystal))):
        raise ValueError(
            "phonons on a grid, or by symmetry, need a concrete potential and crystal; "
            "received traced ones: under jit and grad go without"
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
