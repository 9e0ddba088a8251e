"""Named points of Brillouin zones and the standard lines between them.

In three periodic directions those of Hinuma, Pizzi, Kumagai, Oba, Tanaka, Comput.
Mater. Sci. 128, 140 (2017), through seekpath. In two, those of the five lattices of the
plane, which the symmetry of the crystal chooses, not its cell alone:

hexagonal            Γ M K Γ
square               Γ X M Γ
rectangular          Γ X S Y Γ
centred rectangular  Γ Y C₀ | Σ₀ Γ S, as in the plane k_z = 0 of its prism (oC)
oblique              Γ X C Y Γ C

In one, Γ X.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matjax.arrays import Float
from matjax.crystals import Crystal, space_group

APART = 10.0
"""Å, between images in directions without period."""


class StandardPath(NamedTuple):
    """Points by name, and lines through them."""

    points: dict[str, Float[np.ndarray, "3"]]
    """q in reciprocal lattice units of the crystal's own cell; names as in seekpath:
    GAMMA, SIGMA_0."""
    lines: tuple[tuple[str, ...], ...]


def standard_path(crystal: Crystal, symprec: float) -> StandardPath:
    """Points and lines of the lattice of a crystal, of any cell of it.

    Atoms of different mass are different here: their lattice is that of the vibrations.

    Raises:
        ValueError: if no direction is periodic, or no symmetry is found.
    """
    n_periodic = sum(crystal.pbc)
    if n_periodic == 0:
        raise ValueError(
            "a path needs a periodic direction; received pbc=(False, False, False): a "
            "molecule has the modes of Γ alone"
        )
    traits = np.stack([crystal.numbers, crystal.masses], axis=1)
    kinds = 1 + np.unique(traits, axis=0, return_inverse=True)[1].reshape(-1)
    crystal = crystal.replace(numbers=kinds.astype(np.int32))
    if n_periodic == 3:
        return _of_space(crystal, symprec)
    crystal = upright(crystal)
    smallest, basis = _primitive(crystal, symprec)
    if n_periodic == 1:
        return _named(crystal, basis, {"X": (0.5,)}, ("GAMMA X",))
    first = np.asarray(crystal.cell)[np.array(crystal.pbc)][0]
    plane = _of_plane(smallest, first, symprec)
    return _named(crystal, plane.axes @ basis, plane.points, plane.lines)


def upright(crystal: Crystal) -> Crystal:
    """The crystal with cell vectors at right angles in directions without period.

    They are long enough to keep its images apart. The others stay, and with them what
    q means along them.
    """
    periodic = np.array(crystal.pbc)
    if periodic.all() or not periodic.any():
        return crystal
    cell, positions = np.array(crystal.cell, dtype=float), np.asarray(crystal.positions)
    across = np.linalg.svd(cell[periodic])[2][periodic.sum() :]
    lengths = np.ptp(positions @ across.T, axis=0) + APART
    cell[~periodic] = lengths[:, None] * across
    return crystal.replace(cell=cell).with_positions(positions)


def _of_space(crystal: Crystal, symprec: float) -> StandardPath:
    import seekpath

    # Like spglib's, seekpath's answers are sure for right-handed cells only.
    cell = np.asarray(crystal.cell)
    sign = np.sign(np.linalg.det(cell))
    structure = (sign * cell, sign * crystal.fractional, np.asarray(crystal.numbers))
    path = seekpath.get_path_orig_cell(structure, symprec=symprec)
    points = {k: sign * np.array(q) for k, q in path["point_coords"].items()}
    lines: list[tuple[str, ...]] = []
    for start, end in path["path"]:
        if lines and lines[-1][-1] == start:
            lines[-1] = (*lines[-1], end)
        else:
            lines.append((start, end))
    return StandardPath(points, tuple(lines))


class _PlanePath(NamedTuple):
    """Points of a plane by their phases over 2π along two lattice vectors."""

    axes: np.ndarray
    """These vectors, in units of a primitive basis."""
    points: dict[str, tuple[float, ...]]
    lines: tuple[str, ...]


def _of_plane(crystal: Crystal, first: np.ndarray, symprec: float) -> _PlanePath:
    """Path of the primitive cell of a slab, which has a cell that begins so."""
    vectors = np.asarray(crystal.cell, dtype=float)[np.array(crystal.pbc)]
    acute = 1.0 if vectors[0] @ vectors[1] > 0 else -1.0
    turns = np.unique(_rotations(crystal, symprec), axis=0)
    determinants = np.rint(np.linalg.det(turns))
    traces = np.trace(turns, axis1=1, axis2=2)[determinants > 0]
    if np.isin(traces, (1, -1)).any():  # a three- or sixfold axis
        obtuse = np.diag([1.0, -acute])
        points = {"M": (1 / 2, 0.0), "K": (1 / 3, 1 / 3)}
        return _PlanePath(obtuse, points, ("GAMMA M K GAMMA",))
    if (traces == 0).any():  # a fourfold one
        points = {"X": (1 / 2, 0.0), "M": (1 / 2, 1 / 2)}
        return _PlanePath(np.eye(2), points, ("GAMMA X M GAMMA",))
    mirrors = turns[determinants < 0]
    if not len(mirrors):
        points = {"X": (1 / 2, 0.0), "Y": (0.0, 1 / 2), "C": (1 / 2, 1 / 2)}
        # C is then on the boundary of the zone.
        return _PlanePath(np.diag([1.0, acute]), points, ("GAMMA X C Y GAMMA C",))
    axes = _along_mirror(mirrors[0], vectors)
    if abs(np.linalg.det(axes)) < 1.5:
        return _rectangular(axes, vectors, first)
    return _centred(axes, vectors)


def _rectangular(
    axes: np.ndarray, vectors: np.ndarray, first: np.ndarray
) -> _PlanePath:
    # X along the reciprocal vector that goes with the cell's first vector.
    sides = axes @ vectors
    shares = abs(sides @ first) / np.linalg.norm(sides, axis=1)
    points = {"X": (1 / 2, 0.0), "S": (1 / 2, 1 / 2), "Y": (0.0, 1 / 2)}
    return _PlanePath(axes[np.argsort(-shares)], points, ("GAMMA X S Y GAMMA",))


def _centred(axes: np.ndarray, vectors: np.ndarray) -> _PlanePath:
    # The longer axis second: Y lies on the shorter reciprocal vector, and the corners
    # of the zone, Σ₀ and C₀, on and beside the other.
    lengths = np.linalg.norm(axes @ vectors, axis=1)
    order = np.argsort(lengths, kind="stable")
    short, long = lengths[order]
    corner = (1 + (short / long) ** 2) / 2
    points = {
        "Y": (0.0, 1.0),
        "S": (1 / 2, 1 / 2),
        "SIGMA_0": (corner, 0.0),
        "C_0": (1 - corner, 1.0),
    }
    return _PlanePath(axes[order], points, ("GAMMA Y C_0", "SIGMA_0 GAMMA S"))


def _named(
    crystal: Crystal, basis: np.ndarray, points: dict, lines: tuple[str, ...]
) -> StandardPath:
    """Points whose phases along the basis are 2π times these numbers."""
    periodic = np.array(crystal.pbc)
    named = {}
    for name, phases in {"GAMMA": (0,) * len(basis), **points}.items():
        q = np.zeros(3)
        q[periodic] = np.linalg.solve(basis, np.array(phases, dtype=float))
        named[name] = np.round(q, 12) + 0.0
    return StandardPath(named, tuple(tuple(line.split()) for line in lines))


def _rotations(crystal: Crystal, symprec: float) -> np.ndarray:
    """Operations that do not mix periodic with other directions, on the former."""
    group = space_group(crystal.replace(pbc=(True, True, True)), symprec)
    rotations, periodic = np.asarray(group.rotations), np.array(crystal.pbc)
    mixed = rotations[:, np.not_equal.outer(crystal.pbc, crystal.pbc)].any(axis=1)
    return rotations[~mixed][:, periodic][:, :, periodic]


def _primitive(crystal: Crystal, symprec: float) -> tuple[Crystal, np.ndarray]:
    """The smallest cell of a slab or a chain, and its vectors in units of the cell's.

    spglib knows such cells of crystals that are periodic in three directions; here the
    plane or the line has to stay.
    """
    group = space_group(crystal.replace(pbc=(True, True, True)), symprec)
    periodic = np.array(crystal.pbc)
    vectors = np.asarray(crystal.cell, dtype=float)[periodic]
    reduced = _reduced(np.eye(len(vectors)), vectors)
    inner = (np.asarray(group.rotations) == np.eye(3)).all(axis=(1, 2))
    shifts = np.asarray(group.translations)[inner]
    heights = np.linalg.norm(np.asarray(crystal.cell)[~periodic], axis=1)
    across = shifts[:, ~periodic] - np.rint(shifts[:, ~periodic])
    inside = (abs(across) * heights < 3 * symprec).all(axis=1)
    atoms = np.unique(np.asarray(group.permutation)[inner][inside].min(axis=0))
    fractions = shifts[inside][:, periodic] @ np.linalg.inv(reduced)
    fractions -= np.rint(fractions)
    # Translations are known as well as atoms are; their true values are n/N.
    size = len(fractions)
    fractions = np.rint(fractions * size) / size
    steps = np.indices((3,) * len(vectors)).reshape(len(vectors), -1).T - 1
    candidates = (fractions[:, None] + steps).reshape(-1, len(vectors)) @ reduced
    candidates = _shortest_first(candidates, vectors)[1:]  # without 0
    basis = candidates[:1] if len(vectors) == 2 else abs(candidates[:1])
    if len(vectors) == 2:
        areas = basis[0, 0] * candidates[:, 1] - basis[0, 1] * candidates[:, 0]
        basis = candidates[[0, int(np.argmax(abs(areas) > 1e-6))]]
    cell = np.array(crystal.cell, dtype=float)
    cell[periodic] = basis @ vectors
    positions = np.asarray(crystal.positions)[atoms]
    return crystal.taken(atoms).replace(cell=cell).with_positions(positions), basis


def _reduced(basis: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Gauss's reduction of a plane's basis; that of a chain is left as it is."""
    if len(basis) == 1:
        return basis
    a, b = basis
    while True:
        if np.linalg.norm(b @ vectors) < np.linalg.norm(a @ vectors):
            a, b = b, a
        steps = np.rint((a @ vectors) @ (b @ vectors) / np.sum((a @ vectors) ** 2))
        if steps == 0:
            return np.array([a, b])
        b = b - steps * a


def _along_mirror(mirror: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Shortest lattice vectors that a mirror line keeps, and that it turns around."""
    steps = _shortest_first(np.array(list(_coprime(4))), vectors)
    # Columns of fractional coordinates are carried by W, rows by its transpose.
    images = steps @ mirror.T
    kept, turned = ((images == sign * steps).all(axis=1) for sign in (1, -1))
    return np.array([steps[kept][0], steps[turned][0]], dtype=float)


def _shortest_first(steps: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Lattice vectors by length; of equal ones the cell's own first, then positive."""
    lengths = np.linalg.norm(steps @ vectors, axis=1)
    others = np.count_nonzero(abs(steps) > 1e-6, axis=1)
    keys = (-steps[:, 0], -steps.sum(axis=1), others, np.round(lengths, 4))
    return steps[np.lexsort(keys)]


def _coprime(largest: int) -> Iterator[tuple[int, int]]:
    for m in range(-largest, largest + 1):
        for n in range(-largest, largest + 1):
            if np.gcd(m, n) == 1:
                yield m, n
