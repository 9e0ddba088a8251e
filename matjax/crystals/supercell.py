"""Supercells, the map back to the primitive cell, and the wave vectors they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from flax import struct

from matjax.arrays import Array, Float, Int, Leaf
from matjax.crystals.crystal import Crystal
from matjax.crystals.lattice import transform

SAME_PLACE = 0.1
"""Å; atoms of two cells farther apart are not images of one another."""

SAME_VECTOR = 0.05
"""Share of a cell vector by which one that is made of them may be off."""


class Supercell(struct.PyTreeNode):
    """A crystal described by a larger cell, and where each of its atoms comes from.

    Atom n of the supercell is atom ``atom[n]`` of the primitive cell moved by the
    lattice vector ``translation[n]``. Atoms are ordered cell by cell, home cell first.
    """

    crystal: Crystal
    """The supercell, with cell vectors ``matrix @ cell``."""
    atom: Leaf
    """Index in the primitive cell, (atoms,)."""
    translation: Leaf
    """R in units of the primitive cell vectors, (atoms, 3), integers."""
    matrix: Leaf
    """Supercell vectors in units of the primitive ones, as rows, (3, 3), integers."""


def make_supercell(crystal: Crystal, matrix: Array | Sequence) -> Supercell:
    """Supercell with vectors ``matrix @ cell``, at the same place in space.

    Differentiable in the crystal.

    Args:
        crystal: of any cell and periodicity.
        matrix: three integers for a diagonal one, or 3 × 3; any sign, not singular.

    Raises:
        ValueError: if the matrix is none of these, or mixes or multiplies a direction
            that is not periodic, or mixes cell vectors along which atoms are fixed.
    """
    matrix = _integer_matrix(matrix)
    _require_periodic_directions(matrix, crystal.pbc)
    points, _ = _lattice_points(matrix)
    atom = np.tile(np.arange(crystal.n_atoms), len(points))
    translation = np.repeat(points, crystal.n_atoms, axis=0)
    inverse = np.linalg.inv(matrix).astype(crystal.fractional.dtype)
    if np.count_nonzero(matrix) > 3:
        crystal.require_whole_constraints("a supercell that is not diagonal")
    larger = crystal.taken(atom).replace(
        fractional=transform(crystal.fractional[atom] + translation, inverse),
        cell=transform(matrix.astype(crystal.cell.dtype), crystal.cell),
    )
    return Supercell(crystal=larger, atom=atom, translation=translation, matrix=matrix)


class CellMap(NamedTuple):
    """Where the atoms of a larger cell are in a smaller one of the same crystal."""

    matrix: Int[Array, "3 3"]
    """Vectors of the larger cell in units of the smaller ones, as rows; integers."""
    atom: Int[Array, "atoms"]
    """Atom of the smaller cell that each of the larger one is an image of."""
    translation: Int[Array, "atoms 3"]
    """By which lattice vector, in units of the smaller cell vectors; integers."""


def cell_map(larger: Crystal, smaller: Crystal) -> CellMap:
    """How a larger cell is made of a smaller one that describes the same crystal.

    Args:
        larger: with concrete arrays.
        smaller: at the same place in space, such as its primitive cell.

    Raises:
        ValueError: if they do not describe the same crystal within 0.1 Å.
    """
    inverse = np.linalg.inv(np.asarray(smaller.cell, dtype=float))
    vectors = np.asarray(larger.cell, dtype=float) @ inverse
    places = np.asarray(larger.positions, dtype=float) @ inverse
    steps = places[:, None] - np.asarray(smaller.fractional, dtype=float)
    apart = (steps - np.rint(steps)) @ np.asarray(smaller.cell, dtype=float)
    distance = np.linalg.norm(apart, axis=-1)
    others = np.not_equal.outer(np.asarray(larger.numbers), np.asarray(smaller.numbers))
    distance[others] = np.inf
    atom = distance.argmin(axis=1)
    rows = np.arange(len(atom))
    whole = abs(vectors - np.rint(vectors)).max() < SAME_VECTOR
    if not whole or distance[rows, atom].max() > SAME_PLACE:
        raise ValueError(
            "the smaller cell must describe the same crystal at the same place; its "
            f"vectors make up the others by\n{vectors}\nand atoms are up to "
            f"{distance[rows, atom].max():.2g} Å away"
        )
    translation = np.rint(steps[rows, atom]).astype(int)
    return CellMap(np.rint(vectors).astype(int), atom, translation)


def commensurate_q(matrix: Array | Sequence) -> Float[Array, "q 3"]:
    """The |det(matrix)| wave vectors whose phase is 1 along every supercell vector.

    In reciprocal lattice units of the primitive cell; Γ comes first. At these, and only
    these, the folded Hessian of the supercell is that of the infinite crystal.

    >>> commensurate_q([2, 1, 1])
    array([[0. , 0. , 0. ],
           [0.5, 0. , 0. ]])
    """
    # q·R is an integer for every row R of the matrix M if q = n M⁻ᵀ with integer n; the
    # n that differ modulo Mᵀ give different q, and those are the points of its cell.
    _, fractions = _lattice_points(_integer_matrix(matrix).T)
    return fractions


def _lattice_points(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integer points R with R M⁻¹ in [0, 1)³, and these fractions; the origin first."""
    # In integers, so that a point on a face is never lost or doubled by rounding.
    determinant = _determinant(matrix)
    adjugate = _adjugate(matrix)
    corners = np.array(list(np.ndindex(2, 2, 2))) @ matrix
    axes = [
        np.arange(low, high + 1)
        for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True)
    ]
    box = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    numerators = box @ adjugate * np.sign(determinant)
    inside = ((numerators >= 0) & (numerators < abs(determinant))).all(axis=1)
    points, numerators = box[inside], numerators[inside]
    assert len(points) == abs(determinant)
    order = np.lexsort(numerators.T[::-1])
    return points[order], numerators[order] / abs(determinant)


def _adjugate(matrix: np.ndarray) -> np.ndarray:
    a, b, c = matrix
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)


def _determinant(matrix: np.ndarray) -> int:
    a, b, c = matrix
    return int(a @ np.cross(b, c))


def _integer_matrix(matrix: Array | Sequence) -> np.ndarray:
    given = np.asarray(matrix)
    if given.shape == (3,):
        given = np.diag(given)
    if given.shape != (3, 3) or (given != np.rint(given)).any():
        raise ValueError(
            "a supercell is given by three integers or a 3 × 3 matrix of integers; "
            f"received {matrix}"
        )
    integers = np.rint(given).astype(np.int64)
    if _determinant(integers) == 0:
        raise ValueError(
            "the rows of a supercell matrix must be linearly independent; received\n"
            f"{integers}"
        )
    return integers


def _require_periodic_directions(
    matrix: np.ndarray, pbc: tuple[bool, bool, bool]
) -> None:
    # Only periodic directions repeat, and a direction that is not stays as it is.
    fixed = ~np.asarray(pbc)
    kept = np.eye(3, dtype=int)
    if (matrix[fixed] != kept[fixed]).any() or (
        matrix[:, fixed] != kept[:, fixed]
    ).any():
        raise ValueError(
            "a supercell repeats periodic directions only; received the matrix\n"
            f"{matrix}\nfor pbc={pbc}: rows and columns of the others must be those of "
            "the unit matrix"
        )
