"""Periodic neighbor lists on the host, for preparing graphs and data sets.

:mod:`matjax.graphs.neighbor_list` holds the jit-compiled ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import vesin
from scipy.spatial import KDTree

from matjax.arrays import Array
from matjax.crystals.crystal import Crystal
from matjax.crystals.lattice import heights

MIN_DISTANCE = 1e-3
"""Å; atoms closer than this are taken for one site listed twice."""

MAX_LENGTH = 1e5
"""Å; a cell vector beyond ten micrometers is a mistake of units."""

MAX_SHIFT = 1e8
"""Cells between an atom and the home cell: shifts are 32-bit integers."""

MAX_IMAGES = 1e6
"""Cells within reach of a cutoff: 50 Å in a cell of 1 Å."""

MAX_PAIRS = 2e8
"""Pairs of atoms looked at: 10^5 atoms at 11 Å. They take seconds and some GB."""

MAX_BINS = 5e4
"""Bins of the search; see :func:`_required_search`."""


class Neighbors(NamedTuple):
    """All pairs of atoms closer than a cutoff, sorted by receiver."""

    senders: Array
    """(edges,); the atom in cell ``shifts``."""
    receivers: Array
    """(edges,); the atom in the home cell."""
    shifts: Array
    """(edges, 3), integers."""
    mask: Array
    """(edges,); all true here, since the host list needs no padding."""

    @property
    def degree(self) -> int:
        """Neighbors of the atom that has most."""
        return int(np.bincount(self.receivers, minlength=1).max())


def neighbors(crystal: Crystal, cutoff: float) -> Neighbors:
    """All edges of a crystal shorter than a cutoff, found on the host.

    Right for any cell: smaller than the cutoff, skewed, left-handed, partly periodic.
    Takes about 10 ms for 2,000 atoms at 6 Å and grows linearly with their number.

    Args:
        crystal: with concrete (not traced) arrays.
        cutoff: Å, positive.

    Raises:
        ValueError: if the cutoff is not positive, coordinates are not finite, two
            atoms lie on one place, or the search is larger than any sensible one: a
            cell that is flat, tiny or huge, a cutoff of many cells.
    """
    i, j, shifts, distances = pairs_within(crystal, cutoff)
    _require_separate_atoms(crystal, i, j, distances)
    # vesin's i is our receiver: its vector is x[j] + S·cell − x[i].
    order = np.lexsort((*shifts.T, j, i))
    return Neighbors(
        senders=j[order].astype(np.int32),
        receivers=i[order].astype(np.int32),
        shifts=shifts[order].astype(np.int32),
        mask=np.ones(len(order), dtype=bool),
    )


def pairs_within(
    crystal: Crystal, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Receivers, senders, shifts and distances (Å) of all pairs, in no order.

    Raises:
        ValueError: as :func:`neighbors`, but atoms may lie on one place.
    """
    if not cutoff > 0:
        raise ValueError(f"a cutoff must be positive; received {cutoff} Å")
    positions = np.asarray(crystal.positions, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        raise ValueError(
            f"coordinates and cell must be finite; {len(bad)} of {len(positions)} "
            f"atoms have others, the first being atom {bad[0]}"
        )
    widened = _required_search(crystal, positions, cutoff)
    search = vesin.NeighborList(cutoff=widened, full_list=True, sorted=False)
    i, j, shifts, distances = search.compute(
        positions,
        np.asarray(crystal.cell, dtype=np.float64),
        np.asarray(crystal.pbc),
        quantities="ijSd",
    )
    if widened > cutoff:
        near = distances < cutoff
        i, j, shifts, distances = i[near], j[near], shifts[near], distances[near]
    return i, j, shifts, distances


def require_separate_atoms(crystal: Crystal) -> None:
    """Raises ValueError if two atoms lie on one place; no neighbors are searched.

    Args:
        crystal: with concrete arrays.

    Raises:
        ValueError: naming them, if two atoms are closer than :data:`MIN_DISTANCE`.
    """
    cell = np.asarray(crystal.cell, dtype=np.float64)
    pbc = np.asarray(crystal.pbc)
    fractional = np.array(crystal.fractional, dtype=np.float64)
    fractional[:, pbc] %= 1
    fractional[:, pbc] %= 1  # a number just below zero has become 1
    # Along no cell vector do atoms that close differ by more than this.
    reach = MIN_DISTANCE * np.linalg.norm(np.linalg.inv(cell), axis=0).max()
    near = KDTree(fractional, boxsize=pbc.astype(float)).query_pairs(
        np.sqrt(3) * reach, output_type="ndarray"
    )
    steps = fractional[near[:, 1]] - fractional[near[:, 0]]
    steps -= np.where(pbc, np.rint(steps), 0)
    distances = np.linalg.norm(steps @ cell, axis=1)
    _require_separate_atoms(crystal, near[:, 0], near[:, 1], distances)


def _required_search(crystal: Crystal, positions: np.ndarray, cutoff: float) -> float:
    """The cutoff to search with, at least that given; refuses what would not end."""
    cell, pbc = np.asarray(crystal.cell, np.float64), np.asarray(crystal.pbc)
    extents = np.ptp(positions, axis=0)
    longest = max(np.linalg.norm(cell, axis=1)[pbc].max(initial=0), extents.max())
    if longest > MAX_LENGTH or np.abs(crystal.fractional).max() > MAX_SHIFT:
        raise ValueError(
            f"cells and coordinates must stay within {MAX_LENGTH:g} Å, and within "
            f"{MAX_SHIFT:g} cells; received a length of {longest:.4g} Å and a "
            f"fractional coordinate of {np.abs(crystal.fractional).max():.4g}"
        )
    height = np.asarray(heights(cell))
    # Without periodicity the bins of the search span the atoms, not the cell.
    extents = np.maximum(np.ptp(crystal.fractional, axis=0) * height, cutoff)
    spans = np.where(pbc, height, extents)
    images = np.where(pbc, 2.0 * np.ceil(cutoff / height) + 1, 1.0).prod()
    bins = np.maximum(1.0, np.floor(spans / cutoff))
    reached = np.where(pbc, 2 * np.ceil(cutoff * bins / spans) + 1, np.minimum(bins, 3))
    pairs = len(positions) * max(1.0, len(positions) / bins.prod()) * reached.prod()
    if images > MAX_IMAGES or pairs > MAX_PAIRS:
        raise ValueError(
            f"a search for neighbors must reach at most {MAX_IMAGES:g} cells and "
            f"{MAX_PAIRS:g} pairs of atoms; {cutoff:g} Å around {len(positions)} "
            f"atoms reach {images:.3g} cells and {pairs:.3g} pairs, the heights of "
            f"the cell being {height} Å: check the cell and its unit, or choose a "
            "smaller cutoff"
        )
    # vesin shrinks its grid to 10^5 bins by one factor, and divides by zero when that
    # leaves no bin along a short axis.
    crowding = max(1.0, (bins.prod() / MAX_BINS)) ** (1 / max(1, (bins > 1).sum()))
    return float(cutoff) * (1.0 if crowding == 1 else 1.1 * crowding)


def _require_separate_atoms(
    crystal: Crystal, i: np.ndarray, j: np.ndarray, distances: np.ndarray
) -> None:
    if len(distances) and distances.min() < MIN_DISTANCE:
        e = int(distances.argmin())
        symbols = crystal.symbols
        raise ValueError(
            f"atoms must lie at least {MIN_DISTANCE} Å apart; atom {i[e]} "
            f"({symbols[i[e]]}) and an image of atom {j[e]} ({symbols[j[e]]}) are "
            f"{distances[e]:.2g} Å apart: remove the duplicate site"
        )
