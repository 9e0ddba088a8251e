"""Space groups in their primitive cells, and the positions that atoms have in them.

A Wyckoff position is all the points whose site-symmetry groups are conjugate. Its
atoms move together: a point of the position is an affine function of the first one's
coordinates, x_i = R_i x_1 + t_i, in which R_1 keeps what the site leaves free. Source:
International Tables for Crystallography, volume A, section 1.4.4.

Positions are found from the operations alone: points of every position lie on a grid
of 48 divisions, where the arithmetic is that of integers.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from math import gcd
from typing import Any, NamedTuple

import gemmi
import numpy as np

from matjax.crystals.settings import DEN

GRID = 2 * DEN
"""Divisions; special points have denominators of half of it, others a generic point."""
_NEAR = np.array(list(product(range(-2, 3), repeat=3)))
_FAR = np.array(list(product(range(-3, 4), repeat=3)))
"""Lattice vectors; directions of axes such as (-1, 3, -1) need the larger set."""
_TO_PRIMITIVE = {
    "P": np.eye(3, dtype=int),
    "A": np.array([[1, 0, 0], [0, 1, 1], [0, -1, 1]]),
    "C": np.array([[1, -1, 0], [1, 1, 0], [0, 0, 1]]),
    "I": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "F": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),
    "R": np.array([[1, 0, 1], [-1, 1, 1], [0, -1, 1]]),
}
"""Primitive from conventional coordinates, by the letter of the centring."""


class Position(NamedTuple):
    """A Wyckoff position of a primitive cell."""

    freedom: int
    """Coordinates that may be chosen, 0 to 3."""
    rotations: np.ndarray
    """R_i, (atoms, 3, 3), integers."""
    translations: np.ndarray
    """t_i, (atoms, 3)."""
    permutation: np.ndarray
    """Atom onto which each operation carries each atom, (operations, atoms)."""

    @property
    def multiplicity(self) -> int:
        """Atoms in the primitive cell."""
        return len(self.rotations)


class PrimitiveGroup(NamedTuple):
    """A space group in the primitive cell of its reference setting."""

    number: int
    symbol: str
    """International short symbol."""
    rotations: np.ndarray
    """W in fractional coordinates, (operations, 3, 3), integers."""
    translations: np.ndarray
    """w in units of 1/48, (operations, 3), integers."""
    positions: tuple[Position, ...]
    """By multiplicity, the general one last."""


def primitive_group(name: int | str) -> PrimitiveGroup:
    """A space group with its Wyckoff positions.

    Args:
        name: number from 1 to 230, or symbol such as ``Pm-3m``.

    Raises:
        ValueError: if there is no such group.
    """
    text = str(name).replace("_", "").strip()
    if text.isdigit():
        group = _numbered(int(text))
    else:
        group = gemmi.find_spacegroup_by_name(text)
    if group is None:
        raise ValueError(
            "a space group is a number from 1 to 230 or a symbol such as Pm-3m; "
            f"received {name!r}"
        )
    return _primitive_group(group.number)


def _numbered(number: int) -> Any:
    if not 1 <= number <= 230:
        return None
    return gemmi.get_spacegroup_reference_setting(number)


@cache
def _primitive_group(number: int) -> PrimitiveGroup:
    group = _numbered(number)
    to_primitive = _TO_PRIMITIVE[group.centring_type()]
    back = np.linalg.inv(to_primitive)
    operations: dict[tuple[int, ...], np.ndarray] = {}
    for operation in group.operations():
        w = np.rint(to_primitive @ (np.array(operation.rot) // DEN) @ back).astype(int)
        t = to_primitive @ np.array(operation.tran) * (GRID // DEN) % GRID
        operations.setdefault(tuple(w.ravel().tolist()), t)
    rotations = np.array(list(operations)).reshape(-1, 3, 3)
    translations = np.array(list(operations.values()))
    points = _points_of_positions(rotations, translations)
    positions = [_position(rotations, translations, point) for point in points]
    positions.sort(key=lambda p: (p.multiplicity, p.freedom))
    symbol = group.short_name()
    return PrimitiveGroup(number, symbol, rotations, translations, tuple(positions))


def _site_keys(w: np.ndarray, t: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A number for the site-symmetry group of each point, lattice vectors included.

    Operations that keep a point, each with the lattice vector that brings it back, are
    summed with random weights: groups that differ have sums that differ.
    """
    weights = np.random.default_rng(0).integers(2**62, size=(len(w), 4))
    keys = np.zeros(len(points), np.int64)
    for rotation, shift, weight in zip(w, t, weights, strict=True):
        moved = points @ rotation.T + shift - points
        kept = (moved % GRID == 0).all(axis=1)
        lattice = moved[kept] // GRID
        keys[kept] += weight[0] + (lattice * weight[1:]).sum(axis=1)
    return keys


def _points_of_positions(w: np.ndarray, t: np.ndarray) -> list[np.ndarray]:
    """One point of each Wyckoff position, in units of the grid."""
    grid = np.indices((GRID, GRID, GRID)).reshape(3, -1).T
    keys, first = np.unique(_site_keys(w, t, grid), return_index=True)
    points = grid[first]
    # Groups are conjugate by an operation, or by a vector of the lattice.
    images = np.einsum("kij,nj->kni", w, points) + t[:, None]
    images = np.concatenate([images % GRID, points + GRID * _NEAR[:, None]])
    linked = _site_keys(w, t, images.reshape(-1, 3)).reshape(len(images), -1)
    label = np.arange(len(keys))
    place = np.searchsorted(keys, linked).clip(max=len(keys) - 1)
    known = keys[place] == linked
    while True:
        lowest = np.where(known, label[place], len(keys)).min(axis=0)
        new = np.minimum(label, lowest)
        np.minimum.at(new, place[known], np.broadcast_to(new, place.shape)[known])
        if (new == label).all():
            return [points[k] for k in np.unique(label)]
        label = new


def _position(w: np.ndarray, t: np.ndarray, point: np.ndarray) -> Position:
    """The position of a point."""
    images = (point @ w.swapaxes(1, 2) + t) % GRID
    atoms, first, onto = np.unique(
        images, axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(first)  # the first atom is the point itself
    place = np.argsort(order)
    kept = onto.reshape(-1) == onto.reshape(-1)[0]
    free, freedom = _kept_coordinates(w[kept].sum(axis=0), int(kept.sum()))
    origin = point - free @ point
    chosen = first[order]
    shifts = w[chosen] @ origin + t[chosen]
    index = {tuple(atom.tolist()): k for k, atom in enumerate(atoms)}
    moved = (np.einsum("kij,nj->kni", w, atoms[order]) + t[:, None]) % GRID
    permutation = [[place[index[tuple(x.tolist())]] for x in row] for row in moved]
    return Position(
        freedom=freedom,
        rotations=w[chosen] @ free,
        translations=shifts % GRID / GRID,
        permutation=np.array(permutation),
    )


def _kept_coordinates(total: np.ndarray, order: int) -> tuple[np.ndarray, int]:
    """R_1 of a site whose operations have this sum, and its rank.

    R_1 = B C with the shortest lattice vectors B along which the site may move, and
    integers C with C B = 1: coordinates that differ by a lattice vector go to such.
    """
    freedom = int(np.trace(total)) // order
    if freedom in (0, 3):
        return (freedom // 3) * np.eye(3, dtype=int), freedom
    vectors = [v for v in _FAR if (total @ v == order * v).all() and v.any()]
    vectors.sort(key=lambda v: (int(v @ v), tuple(-v)))
    for basis in combinations(vectors, freedom):
        b = np.array(basis).T
        if (dual := _dual(b)) is not None:
            return b @ dual, freedom
    raise AssertionError("every lattice has a basis of short vectors")


def _dual(b: np.ndarray) -> np.ndarray | None:
    """Integers C with C B = 1; None if there are none."""
    columns = b.shape[1]
    minors = b.ravel() if columns == 1 else np.cross(*b.T)
    if gcd(*minors.tolist()) != 1:
        return None
    rows = []
    for one in np.eye(columns, dtype=int):
        found = [c for c in _NEAR if (c @ b == one).all()]
        if not found:
            return None
        rows.append(min(found, key=lambda c: (int(c @ c), tuple(-c))))
    return np.array(rows)
