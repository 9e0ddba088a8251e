"""Interpolation from grids, refined until its measured error is small.

Any q can be computed exactly, so the error of the interpolation is measured, at points
that no grid holds, where a supercell calculation has to guess. A finer grid costs
little: its points are computed only where those known so far do not predict them
(:mod:`matjax.force_constants.sampling`), in whatever direction that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal, heights
from matjax.force_constants.grids import SymmetricResponse, star_of_grid, unfold
from matjax.force_constants.interpolation import RealSpaceForceConstants, from_grid
from matjax.force_constants.qpoints import band_path
from matjax.force_constants.sampling import (
    Frequencies,
    SampledResponse,
    keys_of,
    sampled,
)
from matjax.force_constants.symmetry import SAME_Q
from matjax.progress import Progress

START = 10.0
"""Å; distance between images on the first grid. Learned potentials reach farther."""

SLACK = 0.1
"""Share of a height by which a grid may fall short of the distance asked for."""

DECAY = 6.0
"""Å over which the error is taken to fall by e, until two grids have shown it; NequIP
has 2.7 to 5 in silicon and about 5 in GaN. A grid finer than needed costs little, one
too coarse most of the next."""

GROWTH = 3.0
"""Largest factor from the distance of one grid to that of the next."""

AIM = 0.6
"""Share of the tolerance for which a grid is chosen: to miss it barely costs another
grid."""

LONGEST = 60.0
"""Å; distance between images beyond which no grid is tried. In rutile TiO2 and cubic
SrTiO3 NequIP of four layers of 6 Å needs 40."""

N_CANDIDATES = 100
"""Random q of which, with those of the standard path, the least certain are computed
exactly."""

SPACING = 0.2
"""1/Å; largest distance between these points of the path."""

N_POINTS = 4
"""How many. The largest error at them is 0.4 to 1 (median 0.94) of the largest error at
all candidates, on 46 grids of Si, NaCl, GaN and rutile TiO2 with NequIP; that at four
random ones 0.2 (median, 15 grids of GaN)."""

UNCERTAIN = 0.9
"""Share of the half distance between images where uncertain force constants begin."""


class Interpolated(NamedTuple):
    """Force constants from an exact grid, and what is known of them."""

    source: RealSpaceForceConstants
    grid: tuple[int, int, int]
    error: float | None
    """Largest difference of a frequency from the exact one at the points below, THz."""
    q: Float[Array, "q 3"]
    """Where force constants were computed."""


def refined(
    exact: SymmetricResponse,
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
    between images, by as much as the errors found so far suggest; whatever is exact
    serves all that follow.

    Args:
        exact: force constants of the crystal, by symmetry.
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
    known = _none(exact, crystal)
    errors: list[tuple[float, float]] = []
    distance, within = START, tolerance
    while True:
        shape = grid_of(crystal, distance)
        source, known, is_exact = _on_grid(
            exact, crystal, shape, within, frequencies, known, progress
        )
        error = _error(source, known, frequencies)
        if error <= tolerance:
            q = uncertain_points(source, crystal, shape, frequencies, seed=len(errors))
            computed = set(keys_of(known.q))
            q = q[[key not in computed for key in keys_of(q)]]
            known = _joined(known, q, exact(q, progress=progress))
            error = _error(source, known, frequencies)
        if error <= tolerance:
            return Interpolated(source, shape, error, known.q)
        errors.append((distance, error))
        larger = _next_distance(crystal, shape, errors, tolerance, longest)
        if larger <= longest:
            distance = larger
        elif not is_exact:
            within /= 2
        else:
            raise ValueError(
                f"frequencies interpolated from a grid of {shape} are off by "
                f"{error:.3g} THz, more than the tolerance of {tolerance} THz, and in "
                f"the next grid images would be more than {longest} Å apart: allow "
                "more with tolerance=, give a grid=, or go without either, exactly"
            )


def _on_grid(
    exact: SymmetricResponse,
    crystal: Crystal,
    shape: tuple[int, int, int],
    tolerance: float,
    frequencies: Frequencies,
    known: SampledResponse,
    progress: Progress | None,
) -> tuple[RealSpaceForceConstants, SampledResponse, bool]:
    """Interpolated from a grid, all that is exact now, and whether the grid is."""
    star = star_of_grid(exact.operations, shape)
    q = star.points / np.array(shape)
    sampling = sampled(
        exact, crystal, q, tolerance, frequencies, known=known, progress=progress
    )
    matrices = sampling.source(q)
    constants = unfold(exact.operations, star, shape, matrices)
    source = from_grid(crystal, constants)
    return (
        source,
        _joined(known, *sampling.computed),
        bool(sampling.source.is_exact.all()),
    )


def _none(exact: SymmetricResponse, crystal: Crystal) -> SampledResponse:
    n = 3 * crystal.n_atoms
    nothing = np.empty((0, n, n), complex)
    return SampledResponse(exact, np.empty((0, 3)), nothing, np.empty(0, bool))


def _joined(known: SampledResponse, q: Array, matrices: Array) -> SampledResponse:
    """With further exact wave vectors."""
    return known.replace(
        q=np.concatenate([known.q, q]),
        matrices=np.concatenate([known.matrices, matrices]),
        is_exact=np.ones(len(known.q) + len(q), bool),
    )


def _error(
    source: RealSpaceForceConstants, known: SampledResponse, frequencies: Frequencies
) -> float:
    """Largest difference from the exact frequencies, THz."""
    difference = frequencies(source(known.q)) - frequencies(known.matrices)
    return float(np.abs(difference).max())


def uncertain_points(
    source: RealSpaceForceConstants,
    crystal: Crystal,
    grid: tuple[int, int, int],
    frequencies: Frequencies,
    *,
    seed: int = 0,
) -> Float[Array, "q 3"]:
    """The :data:`N_POINTS` of many wave vectors with the least certain spectra.

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
    if any(crystal.pbc):
        q = np.concatenate([q, _path_between(crystal, grid)])
    divided = np.array(crystal.pbc)
    images = (np.array(grid) * _heights(crystal))[divided].min(initial=np.inf)
    fractional = np.asarray(crystal.fractional, dtype=float)
    apart = source.cells + fractional[source.second] - fractional[source.first]
    lengths = np.linalg.norm(apart @ np.asarray(crystal.cell, dtype=float), axis=1)
    weights = np.where(lengths > UNCERTAIN * images / 2, 0.5, 1.0)
    halved = source.replace(blocks=source.blocks * weights[:, None, None])
    change = np.abs(frequencies(halved(q)) - frequencies(source(q))).max(axis=1)
    return q[np.argsort(-change, kind="stable")[:N_POINTS]]


def _path_between(crystal: Crystal, grid: tuple[int, int, int]) -> Float[Array, "q 3"]:
    """Points of the standard path that are not on the grid."""
    q = band_path(crystal, spacing=SPACING).q
    steps = q * np.array(grid)
    return q[(np.abs(steps - np.rint(steps)) > SAME_Q).any(axis=1)]


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
    longest: float,
) -> float:
    """That of the next larger grid, or what errors that fall like exp(−L/λ) ask for.

    The longest is tried before the search ends.
    """
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
    return max(smallest, min(predicted, GROWTH * distance, longest))


def _heights(crystal: Crystal) -> np.ndarray:
    # Rounded, so that directions that symmetry makes equal are divided equally.
    return np.round(np.asarray(heights(np.asarray(crystal.cell, dtype=float))), 2)


def required_grid(crystal: Crystal, grid: Sequence) -> tuple[int, int, int]:
    """The grid.

    Raises:
        ValueError: if it is not three positive integers, or divides a direction of the
            crystal that is not periodic.
    """
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
