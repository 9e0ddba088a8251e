"""Force constants of many crystals, each on a grid of its own, through shared calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Complex
from matjax.force_constants import symmetry
from matjax.force_constants.columns import Computed, Work, computed
from matjax.force_constants.grids import (
    Star,
    SymmetricResponse,
    fitting_size,
    reduced_size,
    star_of_grid,
    unfold,
)
from matjax.force_constants.response import laid_out
from matjax.graphs import Policy
from matjax.predictors import Potential
from matjax.progress import Progress


class OnGrid(NamedTuple):
    """Exact force constants on a grid, and what came beside them."""

    force_constants: Complex[Array, "n1 n2 n3 modes modes"]
    """Φ at q = (a / n1, b / n2, c / n3), eV/Å²."""
    max_force: float
    """Largest force on an atom, eV/Å."""


class _Grid(NamedTuple):
    """What a crystal is asked for."""

    exact: SymmetricResponse
    shape: tuple[int, int, int]
    star: Star
    q: np.ndarray
    patterns: list[Array]
    """Displacements at each q."""

    @property
    def counts(self) -> np.ndarray:
        """Columns at each q."""
        return np.array([len(patterns) for patterns in self.patterns])


def on_grids(
    potential: Potential,
    exacts: Sequence[SymmetricResponse],
    grids: Sequence[tuple[int, int, int]],
    *,
    shapes: Policy = "few",
    progress: Progress | None = None,
) -> list[OnGrid | Exception]:
    """Force constants on grids, from as few columns as the space groups leave.

    Crystals whose graphs have one shape share a compiled function, whatever their
    symmetry.

    Args:
        potential: of all of them.
        exacts: force constants of each crystal; sizes of calls are chosen here.
        grids: divisions of the reciprocal vectors of each crystal.
        shapes: with ``standard`` the sizes of calls are fixed ones.
        progress: wraps the calls of all crystals.

    Returns:
        For each crystal its force constants, or why it has none.
    """
    asked = [_asked(exact, grid) for exact, grid in zip(exacts, grids, strict=True)]
    by_shape: dict[tuple[int, int], list[int]] = {}
    for k, exact in enumerate(exacts):
        graph = exact.response.graph
        by_shape.setdefault((graph.n_nodes, graph.degree), []).append(k)
    works: dict[int, tuple[Work, tuple]] = {}
    for group in by_shape.values():
        graph = exacts[group[0]].response.graph
        if shapes == "few":
            size = fitting_size(graph, [asked[k].counts for k in group])
        else:
            size = reduced_size(graph, (), shapes)
        for k in group:
            works[k] = _laid_out(asked[k], size)
    order = range(len(exacts))
    found = computed(potential, [works[k][0] for k in order], progress=progress)
    return [_unfolded(asked[k], works[k][1], found[k]) for k in order]


def _asked(exact: SymmetricResponse, shape: tuple[int, int, int]) -> _Grid:
    star = star_of_grid(exact.operations, shape)
    q = star.points / np.array(shape)
    patterns = [symmetry.displacements(exact.operations, point) for point in q]
    return _Grid(exact, shape, star, q, patterns)


def _laid_out(grid: _Grid, size: tuple[int, int]) -> tuple[Work, tuple]:
    response = grid.exact.response.replace(size=size)
    groups = np.repeat(np.arange(len(grid.q)), grid.counts)
    displacements = np.concatenate(grid.patterns)
    return laid_out(response, grid.q[groups], groups, displacements)


def _unfolded(
    grid: _Grid, place: tuple, found: Computed | RuntimeError
) -> OnGrid | Exception:
    """The whole grid from what was computed, unless that is no number."""
    if isinstance(found, RuntimeError):
        return found
    operations, n_atoms = grid.exact.operations, grid.exact.response.n_atoms
    force = float(np.linalg.norm(found.forces[:n_atoms], axis=-1).max())
    columns = found.products[place]
    if not (np.isfinite(force) and np.isfinite(columns).all()):
        return ValueError(
            f"forces and force constants must be finite; the largest force is {force} "
            "eV/Å: are atoms far too close, or the parameters damaged?"
        )
    parts = np.split(columns, np.cumsum(grid.counts)[:-1])
    matrices = [
        symmetry.complete(operations, *job)
        for job in zip(grid.q, grid.patterns, parts, strict=True)
    ]
    whole = unfold(operations, grid.star, grid.shape, np.array(matrices))
    return OnGrid(whole, force)
