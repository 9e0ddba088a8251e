"""Interpolation from exact grids, refined until its measured error is small.

Any q can be computed exactly, so the error of the interpolation is measured, at points
that no grid holds, where a supercell calculation has to guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal, heights
from matjax.phonons.grids import (
    Known,
    force_constants_on_grid,
    symmetric_force_constants,
)
from matjax.phonons.interpolation import RealSpaceForceConstants, from_grid
from matjax.phonons.response import Response
from matjax.phonons.symmetry import operations_of
from matjax.progress import Progress

START = 10.0
"""Å; distance between images on the first grid. Learned potentials reach farther."""

SLACK = 0.1
"""Share of a height by which a grid may fall short of the distance asked for."""

DECAY = 2.5
"""Å over which the error falls by e, until two grids have shown it; NequIP has 2.7 to 5
in silicon and about 5 in GaN."""

AIM = 0.6
"""Share of the tolerance for which a grid is chosen: to miss it barely costs another
grid, and that is most of the work."""

LONGEST = 60.0
"""Å; distance between images beyond which no grid is tried. In rutile TiO2 and cubic
SrTiO3 NequIP of four layers of 6 Å needs 40."""

N_CANDIDATES = 100
"""Random q of which the least certain are computed exactly."""

N_POINTS = 4
"""How many. The largest error at them is 0.4 to 1 (median 0.94) of the largest error at
all candidates, on 46 grids of Si, NaCl, GaN and rutile TiO2 with NequIP; that at four
random ones 0.2 (median, 15 grids of GaN)."""

UNCERTAIN = 0.9
"""Share of the half distance between images where uncertain force constants begin."""


Frequencies = Callable[[Array], Array]
"""From force constants (q, 3n, 3n) to frequencies (q, 3n), THz."""


class Interpolated(NamedTuple):
    """Force constants from an exact grid, and what is known of them."""

    source: RealSpaceForceConstants
    grid: tuple[int, int, int]
    error: float | None
    """Largest difference of a frequency from the exact one at the points below, THz."""
    q: Float[Array, "q 3"]
    """Where frequencies were compared."""
    n_columns: int
    """Columns of force constants computed, those of the comparison included."""


def interpolated(
    response: Response,
    crystal: Crystal,
    grid: Sequence[int],
    *,
    progress: Progress | None = None,
) -> Interpolated:
    """Force constants exact on a grid that is given, interpolated between.

    Args:
        response: exact force constants of the crystal.
        crystal: with concrete arrays.
        grid: divisions of the three reciprocal vectors; 1 where the crystal does not
            repeat.
        progress: wraps the sequence of calls.

    Raises:
        ValueError: if the grid is not three positive integers, or divides a direction
            that is not periodic.
    """
    shape = _require_grid(crystal, grid)
    constants, n_columns = force_constants_on_grid(
        response, operations_of(crystal), shape, progress=progress
    )
    nowhere = np.empty((0, 3))
    return Interpolated(from_grid(crystal, constants), shape, None, nowhere, n_columns)


def refined(
    response: Response,
    crystal: Crystal,
    tolerance: float | int,
    frequencies: Frequencies,
    *,
    longest: float | int = LONGEST,
    progress: Progress | None = None,
) -> Interpolated:
    """Force constants from the first grid whose measured error is below a tolerance.

    Each grid is held against all exact frequencies known so far and, if it passes,
    against those at the q where it is least certain. Grids grow with the distance
    between images, by as much as the errors found so far suggest; points that grids
    share are computed once.

    Args:
        response: exact force constants of the crystal.
        crystal: with concrete arrays.
        tolerance: THz.
        frequencies: THz, ascending, of force constants (q, 3n, 3n).
        longest: Å; distance between images beyond which no grid is tried.
        progress: wraps the sequences of calls.

    Raises:
        ValueError: if the tolerance is not positive, or is not met.
    """
    if not tolerance > 0:
        raise ValueError(f"a tolerance must be positive (THz); received {tolerance}")
    operations = operations_of(crystal)
    q, expected = np.empty((0, 3)), np.empty((0, 3 * crystal.n_atoms))
    known: Known = {}
    errors: list[tuple[float, float]] = []
    n_columns, distance = 0, START
    while True:
        shape = grid_of(crystal, distance)
        constants, n_new = force_constants_on_grid(
            response, operations, shape, known=known, progress=progress
        )
        n_columns += n_new
        source = from_grid(crystal, constants)
        error = _largest(frequencies(source(q)) - expected)
        if error <= tolerance:
            more = uncertain_points(source, crystal, shape, frequencies)
            exact = symmetric_force_constants(
                response, more, operations, progress=progress
            )
            n_columns += exact.n_columns
            q = np.concatenate([q, more])
            expected = np.concatenate([expected, frequencies(exact.force_constants)])
            error = _largest(frequencies(source(q)) - expected)
        if error <= tolerance:
            return Interpolated(source, shape, error, q, n_columns)
        errors.append((distance, error))
        distance = _next_distance(crystal, shape, errors, tolerance)
        if distance > longest:
            raise ValueError(
                f"frequencies interpolated from a grid of {shape} are off by "
                f"{error:.3g} THz, more than the tolerance of {tolerance} THz, and in "
                f"the next grid images would be more than {longest} Å apart: allow "
                "more with tolerance=, give a grid=, or go without either, exactly"
            )


def uncertain_points(
    source: RealSpaceForceConstants,
    crystal: Crystal,
    grid: tuple[int, int, int],
    frequencies: Frequencies,
    *,
    seed: int = 0,
) -> Float[Array, "q 3"]:
    """The :data:`N_POINTS` of some random wave vectors with the least certain spectra.

    That is, those that change most when the force constants of atoms nearly half the
    distance between images apart, or farther, are halved.

    Args:
        source: interpolated from the grid.
        crystal: with concrete arrays.
        grid: divisions of the reciprocal vectors.
        frequencies: THz, of force constants (q, 3n, 3n).
        seed: of the random vectors.
    """
    q = np.random.default_rng(seed).uniform(-0.5, 0.5, (N_CANDIDATES, 3))
    divided = np.array(crystal.pbc)
    images = (np.array(grid) * _heights(crystal))[divided].min(initial=np.inf)
    fractional = np.asarray(crystal.fractional, dtype=float)
    apart = source.cells + fractional[source.second] - fractional[source.first]
    lengths = np.linalg.norm(apart @ np.asarray(crystal.cell, dtype=float), axis=1)
    weights = np.where(lengths > UNCERTAIN * images / 2, 0.5, 1.0)
    halved = source.replace(blocks=source.blocks * weights[:, None, None])
    change = np.abs(frequencies(halved(q)) - frequencies(source(q))).max(axis=1)
    return q[np.argsort(-change, kind="stable")[:N_POINTS]]


def _largest(differences: Array) -> float:
    return float(np.max(np.abs(differences), initial=0.0))


def grid_of(crystal: Crystal, distance: float) -> tuple[int, int, int]:
    """Smallest grid whose images are about this far apart (Å) along each height."""
    divisions = np.ceil(distance / _heights(crystal) - SLACK)
    divisions = np.where(crystal.pbc, np.maximum(divisions, 1), 1).astype(int)
    a, b, c = divisions.tolist()
    return a, b, c


def _next_distance(
    crystal: Crystal,
    shape: tuple[int, int, int],
    errors: list[tuple[float, float]],
    tolerance: float,
) -> float:
    """That of the next larger grid, or what errors that fall like exp(−L/λ) ask for."""
    divided = np.array(crystal.pbc)
    growing = ((np.array(shape) + SLACK) * _heights(crystal))[divided]
    smallest = float(growing.min(initial=np.inf)) + 1e-6
    distance, error = errors[-1]
    decay = DECAY
    # Two grids that differ in one direction only may have nearly the same error.
    earlier = [(d, e) for d, e in errors if d <= distance - DECAY]
    if earlier:
        shorter, larger = earlier[-1]
        rate = np.log(larger / error) / (distance - shorter)
        decay = 1 / max(rate, 1 / (2 * DECAY))
    predicted = distance + decay * np.log(error / (AIM * tolerance))
    return max(smallest, min(predicted, 1.5 * distance))


def _heights(crystal: Crystal) -> np.ndarray:
    # Rounded, so that directions that symmetry makes equal are divided equally.
    return np.round(np.asarray(heights(np.asarray(crystal.cell, dtype=float))), 2)


def _require_grid(crystal: Crystal, grid: Sequence[int]) -> tuple[int, int, int]:
    numbers = np.asarray(grid)
    whole = numbers.shape == (3,) and np.issubdtype(numbers.dtype, np.integer)
    if not whole or (numbers < 1).any():
        raise ValueError(
            f"a grid has three positive integers such as (4, 4, 4); received {grid}"
        )
    if (numbers[~np.array(crystal.pbc)] > 1).any():
        raise ValueError(
            f"a grid divides periodic directions only; received {grid} for "
            f"pbc={crystal.pbc}"
        )
    return int(numbers[0]), int(numbers[1]), int(numbers[2])
