"""The order parameter of a soft mode: real displacements of a supercell, and symmetry.

Directions in its space that a subgroup of the crystal's symmetry leaves no freedom are
candidates for the phase of lower symmetry (Stokes and Hatch, Isotropy Subgroups of the
230 Crystallographic Space Groups, 1988).
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.crystals import Crystal, Supercell, niggli_reduce, space_group
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.transitions.stability import SoftMode


def commensurate_cell(q: Float[Array, "q 3"], crystal: Crystal) -> Int[Array, "3 3"]:
    """Supercell of fewest atoms in which every one of some waves repeats.

    Its rows span all R with integer q·R, Niggli-reduced where the crystal is periodic
    in three directions.

    Raises:
        ValueError: if a component of q is no fraction of a denominator up to 1000.
    """
    fractions = [[Fraction(x).limit_denominator(1000) for x in p] for p in q.tolist()]
    if abs(np.array(fractions, dtype=float) - q).max() > 1e-9:
        raise ValueError(f"wave vectors must be commensurate; received {q}")
    period = lcm(*(x.denominator for p in fractions for x in p))
    numerators = np.array([[int(x * period) for x in p] for p in fractions])
    # A triangular basis: the shortest step along each axis that returns to the lattice
    # with some steps along the axes before it.
    rows = []
    for axis in range(3):
        steps = np.array(list(np.ndindex(*(period,) * axis, period))) + 0
        steps[:, axis] += 1
        steps = np.pad(steps, ((0, 0), (0, 2 - axis)))
        returns = ((steps @ numerators.T) % period == 0).all(axis=1)
        steps = steps[returns]
        rows.append(steps[steps[:, axis].argmin()])
    matrix = np.array(rows)
    if not all(crystal.pbc):
        return matrix
    _, reduction = niggli_reduce(matrix @ np.asarray(crystal.cell))
    return reduction @ matrix


def half_star(mode: SoftMode) -> list[np.ndarray]:
    """Arms of the star, one of each pair ±q: both make the same real patterns."""
    kept: list[np.ndarray] = []
    for arm in mode.star:
        opposite = np.array([arm + other for other in kept]).reshape(-1, 3)
        if not (abs(opposite - np.round(opposite)) < 1e-6).all(axis=1).any():
            kept.append(np.round(arm, 9))
    return kept


def displacement_patterns(
    phonons: Phonons, mode: SoftMode, waves: list[np.ndarray], larger: Supercell
) -> Float[Array, "components atoms 3"]:
    """Orthonormal real mass-weighted displacements that the modes make in a supercell.

    Args:
        phonons: of the primitive cell.
        mode: with its eigenvectors at the first wave.
        waves: q of the arms that take part, commensurate with the supercell.
        larger: the supercell.
    """
    rows = []
    for i, q in enumerate(waves):
        if i == 0:
            vectors = mode.eigenvectors
        else:
            frequencies, all_vectors = phonons.modes(q)
            nearest = np.argsort(abs(frequencies - mode.frequency))
            vectors = all_vectors[:, np.sort(nearest[: mode.degeneracy])]
        phases = np.exp(2j * np.pi * larger.translation @ q)
        atoms = np.asarray(vectors).T.reshape(-1, len(phonons.masses), 3)
        waves_of_atoms = atoms[:, larger.atom] * phases[:, None]
        rows += [np.real(waves_of_atoms), np.imag(waves_of_atoms)]
    flat = np.concatenate(rows).reshape(-1, 3 * len(larger.atom))
    _, sizes, patterns = np.linalg.svd(flat, full_matrices=False)
    kept = patterns[sizes > 1e-6 * sizes[0]]
    return kept.reshape(len(kept), -1, 3)


def symmetric_directions(
    patterns: Float[Array, "components atoms 3"], crystal: Crystal
) -> list[np.ndarray]:
    """Directions of the order parameter that symmetry singles out, as unit vectors.

    Those that two operations of the space group, and the subgroup they generate, leave
    as the only fixed line; one of each set that symmetry relates, the most symmetric
    first. Never empty where there is one component.

    Args:
        patterns: orthonormal mass-weighted displacements that symmetry mixes.
        crystal: the supercell, undistorted.
    """
    if len(patterns) == 1:
        return [np.ones(1)]
    images = _representation(np.asarray(patterns), crystal)
    chosen: list[np.ndarray] = []
    for direction in _fixed_directions(images):
        same = [abs(images @ direction @ other).max() for other in chosen]
        if max(same, default=0) < 1 - 1e-4:
            chosen.append(direction)
    return chosen


def _representation(patterns: np.ndarray, crystal: Crystal) -> np.ndarray:
    """Distinct matrices by which symmetry acts on the patterns, (n, c, c)."""
    group = space_group(crystal)
    cell, masses = np.asarray(crystal.cell), np.asarray(crystal.masses)
    turns = np.linalg.inv(cell) @ group.rotations.swapaxes(1, 2) @ cell
    matrices = []
    for turn, permutation in zip(turns, np.asarray(group.permutation), strict=True):
        if (masses[permutation] != masses).any():
            continue
        image = np.empty_like(patterns)
        image[:, permutation] = patterns @ turn
        matrices.append(np.einsum("anx,bnx->ab", patterns, image))
    matrices = np.array(matrices)
    # What mixes arms or masses that were not asked for is no symmetry of the patterns.
    unit = matrices @ matrices.swapaxes(1, 2) - np.eye(len(patterns))
    matrices = matrices[abs(unit).max(axis=(1, 2)) < 1e-3]
    rounded = np.round(matrices, 3) + 0.0
    return matrices[np.unique(rounded, axis=0, return_index=True)[1]]


def _fixed_directions(images: np.ndarray) -> list[np.ndarray]:
    """Directions that are all that some two operations fix; the most symmetric first.

    1 − (g + gᵀ)/2 is positive semidefinite, and zero on what g fixes.
    """
    unit = np.eye(images.shape[1])
    away = unit - (images + images.swapaxes(1, 2)) / 2
    first, second = np.triu_indices(len(images))
    values, vectors = np.linalg.eigh(away[first] + away[second])
    lines = vectors[(values[:, 0] < 1e-3) & (values[:, 1] > 1e-2), :, 0]
    leading = np.take_along_axis(lines, abs(lines).argmax(axis=1)[:, None], axis=1)
    lines = lines * np.sign(leading)
    lines = lines[np.unique(np.round(lines, 3), axis=0, return_index=True)[1]]
    kept = abs(images @ lines.T - lines.T).max(axis=1) < 1e-2  # (operations, lines)
    return list(lines[np.argsort(-kept.sum(axis=0), kind="stable")])
