"""Force constants of a supercell from forces with all atoms displaced at once.

Space group, Φ_ij = Φ_jiᵀ and the sum rule leave a few free parameters, which are found
by least squares; as Seko and Togo, Phys. Rev. B 110, 214302 (2024), do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from matjax.arrays import Array, Float, Int
from matjax.crystals import Crystal, space_group
from matjax.force_constants.force_sets import ForceSets, cartesian_rotations


def fit_displacements(
    supercell: Crystal,
    sets: ForceSets,
    rows: Int[Array, "rows"],
    *,
    symprec: float = 1e-5,
) -> Float[Array, "rows atoms 3 3"]:
    """Force constants between some atoms of a supercell and all of them, eV/Å².

    Args:
        supercell: at rest.
        sets: any displacements.
        rows: one atom of each lattice of equivalent ones, in the home cell.
        symprec: tolerance of the symmetry search, Å.

    Raises:
        ValueError: if the forces leave a parameter unknown.
    """
    pairs = _pairs(supercell, np.asarray(rows), symprec)
    basis = _without_drift(_basis(pairs), len(rows), supercell.n_atoms)
    normal, right = np.zeros((basis.shape[1],) * 2), np.zeros(basis.shape[1])
    n_rows, n = len(rows), supercell.n_atoms
    by_row = basis.reshape(n_rows, n, 3, 3, -1)
    for row in range(n_rows):
        gram, product = _moments(sets, pairs, row)
        for axis in range(3):
            part = by_row[row, :, axis].reshape(3 * n, -1)
            normal += part.T @ gram @ part
            right -= part.T @ product[:, axis]
    values, vectors = np.linalg.eigh(normal)
    if not len(values) or values.min() < 1e-10 * values.max():
        raise ValueError(
            f"forces must determine the {len(values)} free parameters of the force "
            f"constants; {len(sets.forces)} sets leave some unknown: more are needed"
        )
    parameters = vectors @ ((vectors.T @ right) / values)
    return (basis @ parameters).reshape(n_rows, n, 3, 3)


class _Pairs(NamedTuple):
    """How symmetry carries pairs of an atom of the home cell and any other."""

    images: np.ndarray
    """Pair onto which each element of the group carries each pair."""
    actions: np.ndarray
    """What it does to the nine numbers of a pair, (elements, 9, 9)."""
    row: np.ndarray
    """Row of each atom of the supercell: which lattice it belongs to."""
    home: np.ndarray
    """Where atoms go when atom a is brought to the home cell, (a, atoms)."""


def _pairs(supercell: Crystal, rows: np.ndarray, symprec: float) -> _Pairs:
    symmetry = space_group(supercell, symprec)
    n = supercell.n_atoms
    inner = (symmetry.rotations == np.eye(3)).all(axis=(1, 2))
    translations = symmetry.permutation[inner]
    first = np.sort(np.unique(symmetry.rotations, axis=0, return_index=True)[1])
    row, home = np.full(n, -1), np.empty((n, n), dtype=int)
    for k, atom in enumerate(rows):
        for permutation in translations:
            there = int(np.flatnonzero(permutation == atom)[0])
            row[there], home[there] = k, permutation
    if (row < 0).any():
        raise ValueError(
            f"the atoms {rows + 1} must stand for all of the supercell; atom "
            f"{np.argmin(row) + 1} is not a translation of any of them"
        )

    def pair(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return row[i] * n + home[i, j]

    i, j = np.repeat(rows, n), np.tile(np.arange(n), len(rows))
    swap = np.eye(9).reshape(3, 3, 9).swapaxes(0, 1).reshape(9, 9)
    images, actions = [], []
    rotations = cartesian_rotations(symmetry, supercell)[first]
    for rotation, moved in zip(rotations, symmetry.permutation[first], strict=True):
        turn = np.kron(rotation, rotation)
        images += [pair(moved[i], moved[j]), pair(moved[j], moved[i])]
        actions += [turn, swap @ turn]
    return _Pairs(np.array(images), np.array(actions), row, home)


def _basis(pairs: _Pairs) -> sparse.csr_array:
    """Force constants that obey the group, one column for each parameter."""
    n_pairs = pairs.images.shape[1]
    orbit = pairs.images.min(axis=0)
    parts, columns, start = [], [], 0
    for representative in np.unique(orbit):
        images = pairs.images[:, representative]
        invariant = pairs.actions[images == representative].mean(axis=0)
        values, vectors = np.linalg.eigh((invariant + invariant.T) / 2)
        free = vectors[:, values > 0.5]  # a projector: 0 or 1
        members, elements = np.unique(images, return_index=True)
        for member, element in zip(members, elements, strict=True):
            parts.append((member, pairs.actions[element] @ free))
            columns.append(start)
        start += free.shape[1]
    matrix = sparse.lil_array((9 * n_pairs, start))
    for (member, block), column in zip(parts, columns, strict=True):
        matrix[9 * member : 9 * member + 9, column : column + block.shape[1]] = block
    return matrix.tocsr()


def _without_drift(basis: sparse.csr_array, n_rows: int, n_atoms: int) -> np.ndarray:
    """Combinations of the columns with Σ_j Φ_ij = 0."""
    dense = np.asarray(basis.todense())
    n_parameters = dense.shape[1]
    sums = dense.reshape(n_rows, n_atoms, 9, n_parameters).sum(axis=1)
    sums = sums.reshape(-1, n_parameters)
    _, values, vectors = np.linalg.svd(sums, full_matrices=True)
    rank = int((values > 1e-8 * max(values.max(initial=0.0), 1.0)).sum())
    return dense @ vectors[rank:].T


def _moments(sets: ForceSets, pairs: _Pairs, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Σ uᵀu and Σ uᵀF over sets and the atoms of one lattice, each brought home."""
    n = len(pairs.row)
    gram, product = np.zeros((3 * n, 3 * n)), np.zeros((3 * n, 3))
    for atom in np.flatnonzero(pairs.row == row):
        u = np.empty_like(sets.displacements)
        u[:, pairs.home[atom]] = sets.displacements
        u = u.reshape(len(u), 3 * n)
        gram += u.T @ u
        product += u.T @ sets.forces[:, atom]
    return gram, product
