"""Rules on force constants between atoms: Hermiticity, space group, invariances.

Translation, rotation and Huang's conditions are linear equations C H = 0; the force
constants nearest to given ones that obey them solve a problem of least squares, as in
Eriksson, Fransson, Erhart, Adv. Theory Simul. 2, 1800184 (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import sparse

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.force_constants.interpolation import RealSpaceForceConstants
from matjax.force_constants.symmetry import operations_of

Rule = Literal["translation", "rotation", "huang"]

RANK = 1e-10
"""Share of the largest eigenvalue of C Cᵀ below which equations are dependent."""


def merged(pairs: RealSpaceForceConstants) -> RealSpaceForceConstants:
    """The Hermitian part of force constants, each pair listed once with its reverse.

    H[i0, jR] = H[j0, i−R]ᵀ. Every atom is paired with itself, whatever its block.
    """
    n = pairs.n_atoms
    first, second = np.asarray(pairs.first), np.asarray(pairs.second)
    cells, blocks = np.asarray(pairs.cells), np.asarray(pairs.blocks, dtype=float)
    own = np.arange(n)
    return _summed(
        np.concatenate([first, second, own]),
        np.concatenate([second, first, own]),
        np.concatenate([cells, -cells, np.zeros((n, 3), cells.dtype)]),
        np.concatenate([blocks, blocks.swapaxes(1, 2), np.zeros((n, 3, 3))]) / 2,
    )


def averaged(
    pairs: RealSpaceForceConstants, crystal: Crystal
) -> RealSpaceForceConstants:
    """Average of force constants over the space group; missing pairs count as zero.

    An operation carries the pair of atoms i in cell 0 and j in cell R to g(i) in L_i
    and g(j) in W R + L_j, and its block to S H Sᵀ.
    """
    operations = operations_of(crystal)
    first, second = np.asarray(pairs.first), np.asarray(pairs.second)
    parts = []
    for inverse, turn, permutation, lattice in zip(*operations, strict=True):
        w = np.rint(np.linalg.inv(inverse)).astype(int)
        cells = np.asarray(pairs.cells) @ w.T + lattice[second] - lattice[first]
        blocks = turn @ np.asarray(pairs.blocks) @ turn.T
        parts.append((permutation[first], permutation[second], cells, blocks))
    i, j, cells, blocks = (np.concatenate(x) for x in zip(*parts, strict=True))
    return _summed(i, j, cells, blocks / len(parts))


def residuals(
    pairs: RealSpaceForceConstants, crystal: Crystal, rules: Sequence[Rule]
) -> Float[Array, "equations"]:
    """By how much each equation of the rules fails, eV/Å², eV/Å or eV."""
    return _equations(pairs, crystal, rules) @ np.ravel(pairs.blocks)


def nearest_that_obeys(
    pairs: RealSpaceForceConstants, crystal: Crystal, rules: Sequence[Rule]
) -> RealSpaceForceConstants:
    """Force constants that obey the rules, with the least sum of squared changes.

    Args:
        pairs: as :func:`merged` returns them; the result is Hermitian as well.
        crystal: whose atoms they connect.
        rules: all of which are obeyed together.
    """
    equations = _equations(pairs, crystal, rules)
    # Equations of rotations hold lengths, Huang's their squares: one scale for all.
    norms = sparse.linalg.norm(equations, axis=1)
    equations = sparse.diags_array(1 / np.where(norms > 0, norms, 1)) @ equations
    # Changes must be Hermitian: the equations act on their Hermitian part.
    equations = (equations + equations[:, _transposition(pairs)]) / 2
    values, vectors = np.linalg.eigh(
        sparse.csr_array(equations @ equations.T).toarray()
    )
    kept = values > RANK * values.max()
    failing = vectors.T @ (equations @ np.ravel(pairs.blocks))
    solution = vectors[:, kept] @ (failing[kept] / values[kept])
    change = equations.T @ solution
    return pairs.replace(blocks=pairs.blocks - change.reshape(-1, 3, 3))


def _equations(
    pairs: RealSpaceForceConstants, crystal: Crystal, rules: Sequence[Rule]
) -> sparse.csr_array:
    """C of the rules, (equations, 9 · pairs)."""
    made = {"translation": _translation, "rotation": _rotation, "huang": _huang}
    fractional = np.asarray(crystal.fractional)
    vectors = fractional[pairs.second] + pairs.cells - fractional[pairs.first]
    r = vectors @ np.asarray(crystal.cell)
    return sparse.csr_array(sparse.vstack([made[rule](pairs, r) for rule in rules]))


def _translation(pairs: RealSpaceForceConstants, r: np.ndarray) -> sparse.coo_array:
    """Σ_p H_αβ for each i, α, β."""
    values = np.broadcast_to(np.eye(3), (len(r), 3, 3))
    return _for_each_atom(pairs, values)


def _rotation(pairs: RealSpaceForceConstants, r: np.ndarray) -> sparse.coo_array:
    """Σ_p H_αβ ε_βγδ r_γ for each i, α, δ."""
    return _for_each_atom(pairs, np.cross(np.eye(3), r[:, None]))


def _for_each_atom(
    pairs: RealSpaceForceConstants, values: np.ndarray
) -> sparse.coo_array:
    """Σ_p H_αβ v_p,βδ for each i, α, δ, with p the pairs of atom i."""
    shape = (len(values), 3, 3, 3)  # pairs, α, β, δ
    rows = 9 * np.asarray(pairs.first)[:, None, None, None] + np.arange(9).reshape(
        3, 1, 3
    )
    columns = np.arange(9 * len(values)).reshape(-1, 3, 3, 1)
    entries = (
        np.broadcast_to(x, shape).ravel() for x in (values[:, None], rows, columns)
    )
    data, i, j = entries
    return sparse.coo_array((data, (i, j)), shape=(9 * pairs.n_atoms, 9 * len(values)))


def _huang(pairs: RealSpaceForceConstants, r: np.ndarray) -> sparse.coo_array:
    """Σ_p (H_αβ r_γ r_δ − H_γδ r_α r_β) for the 15 pairs of αβ and γδ."""
    del pairs
    voigt = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    couples = [(a, b) for k, a in enumerate(voigt) for b in voigt[:k]]
    values = np.zeros((len(couples), len(r), 3, 3))
    for row, ((a, b), (c, d)) in enumerate(couples):
        values[row, :, a, b] += r[:, c] * r[:, d]
        values[row, :, c, d] -= r[:, a] * r[:, b]
    return sparse.coo_array(values.reshape(len(couples), -1))


def _transposition(pairs: RealSpaceForceConstants) -> np.ndarray:
    """Place of the element that must equal each element of the blocks."""
    own = np.column_stack([pairs.first, pairs.second, pairs.cells])
    reverse = np.column_stack([pairs.second, pairs.first, -np.asarray(pairs.cells)])
    partner = np.empty(len(own), dtype=int)
    partner[np.lexsort(own.T)] = np.lexsort(reverse.T)
    elements = np.arange(9 * len(own)).reshape(-1, 3, 3)
    return elements[partner].swapaxes(1, 2).ravel()


def _summed(
    first: np.ndarray, second: np.ndarray, cells: np.ndarray, blocks: np.ndarray
) -> RealSpaceForceConstants:
    """Force constants with each pair listed once."""
    rows = np.column_stack([first, second, cells]).astype(np.int64)
    unique, index = np.unique(rows, axis=0, return_inverse=True)
    total = np.zeros((len(unique), 3, 3))
    np.add.at(total, index.ravel(), blocks)
    return RealSpaceForceConstants(
        blocks=total,
        first=unique[:, 0],
        second=unique[:, 1],
        cells=unique[:, 2:],
        n_atoms=int(first.max()) + 1,
    )
