"""Integrals over the Brillouin zone by the linear tetrahedron method.

Source: Blöchl, Jepsen, Andersen, Phys. Rev. B 49, 16223 (1994), Appendices A and B.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.force_constants import Mesh


def tetrahedra(mesh: Mesh) -> Int[Array, "tetrahedra 4"]:
    """Rows of ``mesh.q`` at the corners of the tetrahedra that fill the zone.

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


def integrals_below(
    mesh: Mesh,
    values: Float[Array, "q modes"],
    weights: Float[Array, "q modes parts"],
    edges: Float[Array, "edges"],
) -> Float[Array, "edges parts"]:
    """Mean over the zone of weights where the values lie below each edge.

    Values and weights are linear in q inside each tetrahedron, for which the integral
    is exact.

    Args:
        mesh: says which corners share a value.
        values: at the points of the mesh, such as frequencies.
        weights: what each mode counts for at each point.
        edges: ascending, in the unit of the values.
    """
    rows, values = np.asarray(tetrahedra(mesh)), np.asarray(values)
    n_modes = values.shape[1]
    order = np.argsort(values[rows], axis=1)  # (tetrahedra, 4, modes)
    e = np.take_along_axis(values[rows], order, axis=1)
    points = np.take_along_axis(rows[:, :, None], order, axis=1) * n_modes
    points += np.arange(n_modes)
    # All tetrahedra of all modes in a row, by ascending lowest corner.
    e, points = (x.transpose(1, 0, 2).reshape(4, -1) for x in (e, points))
    order = np.argsort(e[0])
    e, points = e[:, order], points[:, order]
    begun = np.searchsorted(e[0], edges)
    columns = np.ascontiguousarray(np.reshape(weights, (values.size, -1)).T)

    def gathered(shares: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Sum of corner shares of the chosen tetrahedra at each point and mode."""
        return np.bincount(
            points[:, chosen].ravel(), shares.ravel(), minlength=values.size
        )

    result = np.empty((len(edges), len(columns)))
    full, cut, first = np.zeros(values.size), np.empty(0, dtype=int), 0
    for k, (edge, last) in enumerate(zip(edges, begun, strict=True)):
        cut = np.concatenate([cut, np.arange(first, last)])
        first = last
        filled = e[3, cut] <= edge
        full += gathered(np.full((4, np.count_nonzero(filled)), 0.25), cut[filled])
        cut = cut[~filled]
        counted = full + gathered(_corner_shares(e[:, cut], edge), cut)
        # Not columns @ counted: the threads of BLAS cost more than such a product.
        result[k] = np.einsum("pn,n->p", columns, counted)
    return result / len(rows)


def _corner_shares(e: np.ndarray, x: float) -> np.ndarray:
    """Share of its tetrahedron that each corner stands for below x, (4, tetrahedra).

    Corners ascending, the lowest below x and the highest above: Appendix B.
    """
    shares = np.empty_like(e)
    low, high = x < e[1], x >= e[2]
    middle = ~(low | high)
    shares[:, low] = _lowest_corner(e[:, low], x)
    # The part above x is, upside down, the part below it.
    shares[:, high] = 0.25 - _lowest_corner(-e[::-1, high], -x)[::-1]
    shares[:, middle] = _two_corners(e[:, middle], x)
    return shares


def _lowest_corner(e: np.ndarray, x: float) -> np.ndarray:
    """Shares where only the first corner lies below x."""
    above = e[1:]
    heights = (x - e[0]) / (above - e[0])
    c = heights.prod(axis=0) / 4
    return np.concatenate([(c * (4 - heights.sum(axis=0)))[None], c * heights])


def _two_corners(e: np.ndarray, x: float) -> np.ndarray:
    """Shares where the first two corners lie below x."""
    e1, e2, e3, e4 = e
    a31, a41 = (x - e1) / (e3 - e1), (x - e1) / (e4 - e1)
    a32, a42 = (x - e2) / (e3 - e2), (x - e2) / (e4 - e2)
    c1 = a41 * a31 / 4
    c12 = c1 + a41 * a32 * (1 - a31) / 4
    c3 = a42 * a32 * (1 - a41) / 4
    c23, c123 = c12 - c1 + c3, c12 + c3
    return np.stack(
        [
            c1 + c12 * (1 - a31) + c123 * (1 - a41),
            c123 + c23 * (1 - a32) + c3 * (1 - a42),
            c12 * a31 + c23 * a32,
            c123 * a41 + c3 * a42,
        ]
    )
