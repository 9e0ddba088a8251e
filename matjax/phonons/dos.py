"""Density of states by the linear tetrahedron method."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.phonons.qpoints import Mesh


class DensityOfStates(NamedTuple):
    """Number of modes of a cell by frequency."""

    frequencies: Float[Array, "bins"]
    """Centers of equal intervals, THz; imaginary modes lie below zero."""
    density: Float[Array, "bins"]
    """Mean density over each interval, modes per THz and cell; its integral is 3n."""


def density_of_states(
    mesh: Mesh, frequencies: Float[Array, "q modes"], *, n_bins: int = 400
) -> DensityOfStates:
    """Density of states, with frequencies linear in q inside each tetrahedron.

    The number of states below each edge of the intervals is exact for linear bands
    (Lehmann and Taut, Phys. Status Solidi B 54, 469 (1972); Blöchl, Jepsen, Andersen,
    Phys. Rev. B 49, 16223 (1994), Appendix A). Its differences are the density, so
    that no mode is lost between two points and flat bands need no smearing.

    Args:
        mesh: says which corners share a frequency.
        frequencies: at the points of the mesh, THz.
        n_bins: intervals from the lowest to the highest frequency.

    Raises:
        ValueError: if the frequencies are not those of the mesh.
    """
    if len(frequencies) != len(mesh.q):
        raise ValueError(
            f"a mesh of {len(mesh.q)} points needs as many rows of frequencies; "
            f"received {len(frequencies)}"
        )
    frequencies = np.asarray(frequencies, dtype=float)
    corners = np.sort(frequencies[_tetrahedra(mesh)], axis=1)  # (tetrahedra, 4, modes)
    e = corners.transpose(1, 0, 2).reshape(4, -1)
    low, high = e[0].min(), e[3].max()
    margin = max(0.01 * (high - low), 1e-3)
    edges = np.linspace(low - margin, high + margin, n_bins + 1)
    states = np.array([_states_below(e, edge) for edge in edges])
    states *= frequencies.shape[1] / e.shape[1]
    centers = (edges[1:] + edges[:-1]) / 2
    return DensityOfStates(centers, np.diff(states) / np.diff(edges))


def _tetrahedra(mesh: Mesh) -> np.ndarray:
    """Rows of ``mesh.q`` at the corners of all tetrahedra, (6 · cells, 4).

    Each cell of the mesh is cut into six around its shortest body diagonal.
    """
    shape = np.array(mesh.index.shape)
    flips = np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    diagonals = np.linalg.norm((flips / shape) @ mesh.reciprocal, axis=1)
    steps = np.diag(flips[diagonals.argmin()])
    walks = [[np.zeros(3, int), *steps[list(p)]] for p in permutations(range(3))]
    corners = np.cumsum(walks, axis=1)  # (6, 4, 3): along the edges of the cell
    addresses = np.indices(mesh.index.shape).reshape(3, -1).T
    places = (addresses[:, None, None, :] + corners) % shape
    index = np.asarray(mesh.index)
    return index[tuple(np.moveaxis(places, -1, 0))].reshape(-1, 4)


def _states_below(e: np.ndarray, x: float) -> float:
    """Sum over tetrahedra of the share of each that lies below x; corners ascending."""
    total = float(np.count_nonzero(e[3] <= x))
    e1, e2, e3, e4 = e[:, (e[0] < x) & (x < e[1])]
    total += np.sum((x - e1) ** 3 / ((e2 - e1) * (e3 - e1) * (e4 - e1)))
    e1, e2, e3, e4 = e[:, (e[1] <= x) & (x < e[2])]
    a, b = e2 - e1, x - e2
    c = ((e3 - e1) + (e4 - e2)) / ((e3 - e2) * (e4 - e2))
    share = a * a + 3 * a * b + 3 * b * b - c * b**3
    total += np.sum(share / ((e3 - e1) * (e4 - e1)))
    e1, e2, e3, e4 = e[:, (e[2] <= x) & (x < e[3])]
    total += np.sum(1 - (e4 - x) ** 3 / ((e4 - e1) * (e4 - e2) * (e4 - e3)))
    return float(total)
