"""Wave vectors: symmetry-reduced meshes of the Brillouin zone, and paths through it.

Coordinates are in units of the reciprocal vectors of the crystal as given; nothing is
standardized. Lengths in reciprocal space are in 1/Å with the factor 2π, so that the
slope of an acoustic branch, 2π dν/dk, is the velocity of sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.core import Tracer

from matjax.arrays import Array, Float, Int
from matjax.config import nearest
from matjax.crystals import Crystal, heights, reciprocal, space_group
from matjax.force_constants.standard_paths import standard_path, upright

SYMPREC = 1e-4
"""Å; what symmetry merges differs by less than a displacement of this size makes."""

MAX_PATH = 100_000
"""Points of a path; a figure shows some thousand."""

MAX_MESH = 4_000_000
"""Points of a full mesh, which takes about a GB to reduce; 158 × 158 × 158."""


MESH_SPACING = 0.17
"""1/Å, with 2π; that of 12 divisions of silicon's primitive cell."""

MOST_DIVISIONS = 12
"""Divisions of a reciprocal vector by default."""


SHORT = 0.01
"""Share of a division that may be missing: a relaxed height that differs by less than a
percent shall not double the cost."""


class Mesh(NamedTuple):
    """Points of a regular mesh that symmetry does not relate."""

    q: Float[Array, "q 3"]
    """Reciprocal lattice units."""
    weights: Float[Array, "q"]
    """Share of the full mesh that each stands for; their sum is 1."""
    index: Int[Array, "n1 n2 n3"]
    """For each point of the full mesh, the row of ``q`` that stands for it."""
    reciprocal: Float[Array, "3 3"]
    """Reciprocal vectors as rows, 1/Å, with 2π."""


class BandPath(NamedTuple):
    """A path through the Brillouin zone, in one or more unbroken lines."""

    q: Float[Array, "q 3"]
    """Reciprocal lattice units."""
    distance: Float[Array, "q"]
    """Length of the path up to each point, 1/Å; breaks add nothing."""
    ticks: tuple[tuple[int, str], ...]
    """Row and label of each named point; both ends of a break have one."""
    lines: tuple[tuple[int, int], ...]
    """First row and end (exclusive) of each unbroken line."""


def regular_mesh(
    crystal: Crystal,
    shape: Sequence[int],
    *,
    shift: Sequence[float | int] = (0, 0, 0),
    masses: Float[Array, "atoms"] | None = None,
    symmetry: bool = True,
    symprec: float = SYMPREC,
) -> Mesh:
    """Regular mesh of q, centered on Γ, reduced by symmetry.

    q_i = (a_i + shift_i) / N_i with a_i = 0 … N_i − 1. Points are merged that time
    reversal or an operation of the space group relates; operations that do not map the
    mesh onto itself are left out.

    Args:
        crystal: with concrete arrays.
        shape: divisions N_i of the three reciprocal vectors, positive.
        shift: 0 or 0.5 along each; (0.5, 0.5, 0.5) with even N_i is the mesh of
            Monkhorst and Pack, Phys. Rev. B 13, 5188 (1976).
        masses: amu; atoms of different mass are not equivalent.
        symmetry: with False the full mesh is returned.
        symprec: tolerance of the symmetry search, Å.

    Raises:
        ValueError: if a division is not a positive integer, a shift not 0 or 0.5, or
            the mesh has more than MAX_MESH points.
    """
    shape = _require_divisions(shape)
    twice = 2 * np.asarray(shift, dtype=float)
    if twice.shape != (3,) or not np.isin(twice, (0, 1)).all():
        raise ValueError(f"a mesh shift has three numbers, 0 or 0.5; received {shift}")
    twice = twice.astype(int)
    operations = [np.eye(3, dtype=int)]
    if symmetry:
        operations = _point_operations(crystal, masses, symprec)
    index, weights, first = _reduce(shape, twice, operations)
    addresses = np.stack(np.unravel_index(first, shape), axis=-1)
    return Mesh(
        q=(addresses + twice / 2) / shape,
        weights=weights,
        index=index,
        reciprocal=_reciprocal(crystal),
    )


def mesh_divisions(
    crystal: Crystal, *, spacing: float = MESH_SPACING, most: int = MOST_DIVISIONS
) -> tuple[int, int, int]:
    """Divisions of a regular mesh whose points are about equally far apart.

    Reciprocal vectors that symmetry mixes are divided equally, so that it maps the mesh
    onto itself. Directions that are not periodic are not divided.

    Args:
        crystal: with concrete arrays.
        spacing: between points, 1/Å, with 2π.
        most: divisions of a vector.
    """
    lengths = np.linalg.norm(_reciprocal(crystal), axis=1)
    numbers = np.clip(np.ceil(lengths / spacing), 1, most)
    numbers = np.where(crystal.pbc, numbers, 1)
    operations = np.array(_point_operations(crystal, None, SYMPREC))
    mixed = operations.any(axis=0)
    mixed = np.linalg.matrix_power(mixed | mixed.T | np.eye(3, dtype=bool), 3) > 0
    a, b, c = (int(numbers[row].max()) for row in mixed)
    return a, b, c


def divisions(crystal: Crystal, length: float) -> tuple[int, int, int]:
    """Repeats of each cell vector until its planes are ``length`` (Å) apart.

    A mesh of q with so many divisions knows the same distances as that supercell.

    Args:
        crystal: with concrete arrays; what is not periodic is not repeated.
        length: Å, positive.
    """
    tall = np.asarray(heights(np.asarray(crystal.cell)))
    repeats = np.ceil(length / tall - SHORT).clip(1)
    a, b, c = np.where(crystal.pbc, repeats, 1).astype(int).tolist()
    return a, b, c


def band_path(
    crystal: Crystal,
    lines: Sequence[str | Sequence[str]] | None = None,
    points: Mapping[str, Sequence[float | int] | Float[Array, "3"]] | None = None,
    *,
    spacing: float = 0.05,
    symprec: float = 1e-3,
) -> BandPath:
    """Path of the crystal's Bravais lattice, in units of its own cell.

    The standard one, or lines through points of one's own choice. The lattice is that
    of three periodic directions, of a plane or of a chain (see
    :mod:`~matjax.force_constants.standard_paths`); for a supercell it is that of the
    primitive cell.

    Args:
        crystal: with concrete arrays.
        lines: names of points along each unbroken line, such as ``["Γ M K Γ"]``,
            ``["Γ-X", "U-Γ"]`` or ``[["Γ", "X"], ["U", "Γ"]]``; by default the standard
            ones.
        points: q of further names, or of standard ones in another place, in reciprocal
            lattice units of the crystal's cell.
        spacing: largest distance between neighboring points, 1/Å.
        symprec: tolerance of the symmetry search, Å; generous, as it chooses the path
            and changes no frequency.

    Raises:
        ValueError: if no direction is periodic, a name is unknown, a point lies off the
            periodic directions, or the spacing is not positive or very small.
    """
    own = {name: _point(crystal, name, q) for name, q in (points or {}).items()}
    if lines is None:
        if own:
            raise ValueError(
                f"points {', '.join(own)} belong to no line: give lines through them"
            )
        standard = standard_path(crystal, symprec)
        lines, known = standard.lines, standard.points
    else:
        lines = [_names(line) if isinstance(line, str) else line for line in lines]
        wanted = {name for line in lines for name in line}
        known = own
        if not wanted <= own.keys():
            known = {**standard_path(crystal, symprec).points, **own}
    corners = [[_corner(name, known) for name in line] for line in lines]
    return path_through(crystal, corners, spacing=spacing)


def path_through(
    crystal: Crystal,
    corners: Sequence[Sequence[tuple[str, Any]]],
    *,
    spacing: float = 0.05,
) -> BandPath:
    """Path of straight segments through named corners.

    Args:
        crystal: gives the unit of q.
        corners: for each unbroken line its corners, each a label and a q in reciprocal
            lattice units.
        spacing: largest distance between neighboring points, 1/Å.

    Raises:
        ValueError: if the spacing is not positive, a line has fewer than two corners,
            or the path more than MAX_PATH points.
    """
    if not spacing > 0:
        raise ValueError(f"the spacing of a path must be positive; received {spacing}")
    vectors = _reciprocal(upright(crystal))
    _require_room(corners, vectors, spacing)
    q, distance, ticks, lines = [], [], [], []
    length = 0.0
    for line in corners:
        begin = len(q)
        (label, here), *others = line
        ticks.append((begin, _pretty(label)))
        q.append(np.asarray(here, dtype=float))
        distance.append(length)
        for label, there in others:
            here, there = q[-1], np.asarray(there, dtype=float)
            step = float(np.linalg.norm((there - here) @ vectors))
            for t in np.linspace(0, 1, 1 + max(1, int(np.ceil(step / spacing))))[1:]:
                q.append(here + t * (there - here))
                distance.append(length + t * step)
            length += step
            ticks.append((len(q) - 1, _pretty(label)))
        lines.append((begin, len(q)))
    return BandPath(np.array(q), np.array(distance), tuple(ticks), tuple(lines))


def _require_room(
    corners: Sequence[Sequence[tuple[str, Any]]], vectors: np.ndarray, spacing: float
) -> None:
    """Raises ValueError if the corners are no path, or one of too many points."""
    if not corners:
        raise ValueError("a path needs a line; received none")
    n_points = 0.0
    for line in corners:
        if len(line) < 2:
            raise ValueError(f"a line needs two corners or more; received {line}")
        q = np.array([_three(name, place) for name, place in line])
        n_points += (
            np.linalg.norm(np.diff(q, axis=0) @ vectors, axis=1) / spacing
        ).sum()
    if n_points > MAX_PATH:
        raise ValueError(
            f"a path has at most {MAX_PATH} points; with a spacing of {spacing} 1/Å it "
            f"would have {n_points:.3g}: choose a larger spacing"
        )


def _three(name: str, q: Any) -> np.ndarray:
    place = np.asarray(q, dtype=float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(
            f"the point {name} must have three finite components; received {q}"
        )
    return place


def _point(crystal: Crystal, name: str, q: Any) -> np.ndarray:
    place = _three(name, q)
    if place[~np.array(crystal.pbc)].any():
        raise ValueError(
            f"the point {name} must be 0 along directions that are not periodic "
            f"(pbc={crystal.pbc}); received {q}"
        )
    return place


def _names(line: str) -> list[str]:
    return line.replace("-", " ").replace("–", " ").split()


def _corner(name: str, known: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray]:
    """A name and its place; Γ, G and GAMMA, or H₂, H2 and H_2 are the same."""
    if name in known:
        return name, known[name]
    plain = {_plain(key): key for key in known}
    for spelling in (_plain(name), "GAMMA" if name in ("G", "g") else ""):
        if spelling in plain:
            key = plain[spelling]
            return key, known[key]
    names = [_pretty(key) for key in known]
    raise ValueError(f"the path has no point {name!r}: {nearest(name, names)}")


def require_q(q: Float[Array, "*q 3"]) -> None:
    """Raises ValueError unless q has three components and (if concrete) is finite."""
    shape = np.shape(q)
    if not shape or shape[-1] != 3:
        raise ValueError(
            "wave vectors have three components along the last axis, in reciprocal "
            f"lattice units; received shape {shape}"
        )
    if not isinstance(q, Tracer) and not np.isfinite(q).all():
        raise ValueError(f"wave vectors must be finite; received {q}")


def _reciprocal(crystal: Crystal) -> np.ndarray:
    return np.asarray(reciprocal(np.asarray(crystal.cell)))


def _require_divisions(shape: Sequence[int]) -> tuple[int, int, int]:
    numbers = np.asarray(shape)
    whole = numbers.shape == (3,) and np.issubdtype(numbers.dtype, np.integer)
    if not whole or (numbers < 1).any():
        raise ValueError(
            f"a mesh has three positive integers such as (12, 12, 12); received {shape}"
        )
    a, b, c = numbers.tolist()
    if a * b * c > MAX_MESH:
        raise ValueError(
            f"a mesh has at most {MAX_MESH} points; {a} × {b} × {c} are "
            f"{a * b * c:.3g}: choose smaller divisions"
        )
    return a, b, c


def _point_operations(
    crystal: Crystal, masses: Float[Array, "atoms"] | None, symprec: float
) -> list[np.ndarray]:
    """Integer matrices W that take q to an equivalent q W, time reversal included."""
    group = space_group(crystal.replace(pbc=(True, True, True)), symprec)
    masses = np.asarray(crystal.masses if masses is None else masses)
    keeps_masses = (masses[np.asarray(group.permutation)] == masses).all(axis=1)
    # Found as if all directions were periodic; a rotation must not mix those that are
    # with those that are not.
    mixed = np.not_equal.outer(crystal.pbc, crystal.pbc)
    rotations = np.unique(np.asarray(group.rotations)[keeps_masses], axis=0)
    rotations = [w for w in rotations if not w[mixed].any()]
    return [sign * w for w in rotations for sign in (1, -1)]


def _reduce(
    shape: tuple[int, int, int], twice_shift: np.ndarray, operations: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Representative of each mesh point, weights, and flat places of those.

    With q = (2a + s) / 2N, the image q W lies on the mesh if its 2N-fold minus s is
    even for every a: all in integers.
    """
    n = np.array(shape)
    addresses = np.indices(shape).reshape(3, -1).T
    smallest = np.arange(len(addresses))
    for w in operations:
        steps, rest = np.divmod(w * n[None, :], n[:, None])
        start, odd = np.divmod(twice_shift @ steps - twice_shift, 2)
        if rest.any() or odd.any():
            continue
        image = (addresses @ steps + start) % n
        smallest = np.minimum(smallest, np.ravel_multi_index(tuple(image.T), shape))
    first, index, counts = np.unique(smallest, return_inverse=True, return_counts=True)
    return index.reshape(shape), counts / len(addresses), first


_GREEK = {"GAMMA": "Γ", "SIGMA": "Σ", "DELTA": "Δ", "LAMBDA": "Λ"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _pretty(label: str) -> str:
    name, _, number = label.partition("_")
    return _GREEK.get(name, name) + number.translate(_SUBSCRIPTS)


def _plain(label: str) -> str:
    """One spelling of a label, however it is written."""
    text = label.translate(_DIGITS).replace("_", "")
    for name, letter in _GREEK.items():
        text = text.replace(letter, name)
    return text.upper() if text.upper().rstrip("0123456789") in _GREEK else text
