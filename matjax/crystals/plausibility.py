"""Whether what a file says can be a crystal: no atom in another, none far away."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from matjax.crystals.crystal import Crystal
from matjax.crystals.neighbor_search import MAX_LENGTH, pairs_within

CLOSEST = 0.5
"""Least distance of two atoms, as a share of the sum of their covalent radii (Cordero
et al., Dalton Trans. 2008, 2832): no ordered crystal of the data sets at hand, those
under pressure included, comes near it, while atoms placed by a wrong space group do."""

FEW_ATOMS = 16
"""Up to so many atoms, all pairs take less time than a search."""

_IMAGES = np.indices((3, 3, 3)).reshape(3, 27).T - 1

FARTHEST = 1e5
"""Cells from the home cell; beyond, a coordinate keeps fewer digits than are needed,
and none is meant."""


def require_plausible(crystal: Crystal, *, allow_close: bool = False) -> None:
    """Raises ValueError if a crystal has numbers that none can have.

    Args:
        crystal: with concrete arrays.
        allow_close: whether atoms may lie in one another.

    Raises:
        ValueError: naming the two atoms that are too close, or the one that is far
            away; or if the cell is too flat or too long for a search.
    """
    away = np.abs(crystal.fractional).max(axis=1)
    if away.max() > FARTHEST:
        raise ValueError(
            f"coordinates must lie within {FARTHEST:g} cells; atom {away.argmax()} "
            f"has {crystal.fractional[away.argmax()]} in units of the cell vectors"
        )
    longest = np.linalg.norm(crystal.cell, axis=1)[np.array(crystal.pbc)].max(initial=0)
    if longest > MAX_LENGTH:
        raise ValueError(
            f"cell vectors must stay within {MAX_LENGTH:g} Å; received one of "
            f"{longest:g} Å: check the unit"
        )
    if not allow_close:
        _require_distances(crystal)


def shortest_share(crystal: Crystal) -> tuple[float, int, int, float]:
    """Smallest distance as a share of the sum of covalent radii; its atoms; in Å.

    Distances above the largest radius may not be looked at: the share of none is
    infinite.
    """
    radii = covalent_radii[np.asarray(crystal.numbers)]
    cutoff = 2 * float(radii.max()) * CLOSEST
    cell = np.asarray(crystal.cell, dtype=np.float64)
    # Its columns are as long as the heights of the cell are short.
    nearness = cutoff * np.sqrt((np.linalg.inv(cell) ** 2).sum(axis=0))
    if crystal.n_atoms <= FEW_ATOMS and all(crystal.pbc) and nearness.max() < 1.5:
        i, j, distances = _all_pairs(np.asarray(crystal.fractional), cell)
    else:
        i, j, _, distances = pairs_within(crystal, cutoff)
    if len(distances) == 0:
        return np.inf, 0, 0, np.inf
    shares = distances / (radii[i] + radii[j])
    closest = int(shares.argmin())
    return (
        float(shares[closest]),
        int(i[closest]),
        int(j[closest]),
        float(distances[closest]),
    )


def _all_pairs(
    fractional: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms and distances of all pairs in neighboring cells: no search, for few atoms.

    Steps of at most half a cell vector and one cell more reach all pairs closer than
    1.5 heights of the cell.
    """
    steps = fractional[:, None] - fractional
    steps -= np.rint(steps)
    vectors = (steps[:, :, None] + _IMAGES) @ cell
    squares = (vectors * vectors).sum(axis=-1)
    atoms = np.arange(len(fractional))
    squares[atoms, atoms, len(_IMAGES) // 2] = np.inf  # an atom and itself
    i, j = np.indices(steps.shape[:2]).reshape(2, -1)
    return i, j, np.sqrt(squares.min(axis=-1)).ravel()


def _require_distances(crystal: Crystal) -> None:
    share, i, j, distance = shortest_share(crystal)
    if share < CLOSEST:
        symbols = crystal.symbols
        radii = covalent_radii[np.asarray(crystal.numbers)]
        raise ValueError(
            f"two atoms must lie at least half the sum of their covalent radii "
            f"apart; atom {i} ({symbols[i]}) and an image of atom {j} ({symbols[j]}) "
            f"are {distance:.3g} Å apart, the least being "
            f"{CLOSEST * (radii[i] + radii[j]):.2f} Å: correct the cell, the space "
            "group or the coordinates; allow_close=True reads it as it is"
        )
