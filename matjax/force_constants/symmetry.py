"""How space group and time reversal act on force constants, and what that saves.

An operation carries fractional coordinates f_i to W f_i + w = f_g(i) + L_i: atom i of
cell R to atom g(i) of cell W R + L_i. With S its Cartesian rotation, a displacement
u_i exp(2πi q·R) becomes one of wave vector q' = q W⁻¹,

    (Γ u)_g(i) = exp(−2πi q'·L_i) S u_i,    Φ(q') = Γ Φ(q) Γ†.

Time reversal is complex conjugation K, from q to −q. For the elements that keep q (its
little group, with Γ or Γ K for each), a column c = Φ u gives the columns Γ c = Φ Γ u.
Source: Maradudin and Vosko, Rev. Mod. Phys. 40, 1 (1968).

All of it is exact for a crystal that has its symmetry exactly, and runs on the host.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Bool, Complex, Float, Int
from matjax.crystals import Crystal, space_group
from matjax.force_constants.qpoints import SYMPREC

SAME_Q = 1e-9
"""Wave vectors that differ by less, modulo reciprocal lattice vectors, are the same."""

RANK = 1e-9
"""Share of the largest eigenvalue below which one counts as zero; those of random
displacements that span are above 1e-6, round-off is 1e-15."""


class Operations(NamedTuple):
    """Operations of a space group and what they do to the atoms."""

    inverses: Int[Array, "operations 3 3"]
    """W⁻¹ of fractional coordinates."""
    cartesian: Float[Array, "operations 3 3"]
    """S, orthogonal: a displacement u becomes S u."""
    permutation: Int[Array, "operations atoms"]
    """g(i), the atom onto which each operation carries each."""
    lattice: Int[Array, "operations atoms 3"]
    """L_i, the cell of that atom."""


class Elements(NamedTuple):
    """Some elements of the group with time reversal."""

    operation: Int[Array, "elements"]
    """Rows of the operations."""
    reversal: Bool[Array, "elements"]
    """Whether time reversal comes with each, before the rotation."""


def operations_of(crystal: Crystal, *, symprec: float = SYMPREC) -> Operations:
    """Operations of the space group, found as spglib finds them.

    What they map onto each other agrees as far as the crystal has the symmetry: a
    deviation of δ Å makes errors of about δ times third derivatives of the energy.

    Args:
        crystal: with concrete arrays.
        symprec: tolerance of the search, Å.

    Raises:
        ValueError: if no group is found.
    """
    group = space_group(crystal.replace(pbc=(True, True, True)), symprec)
    rotations = np.asarray(group.rotations, dtype=np.int64)
    permutation = np.asarray(group.permutation)
    fractional = np.asarray(crystal.fractional, dtype=float)
    images = fractional @ rotations.swapaxes(1, 2) + group.translations[:, None]
    lattice = np.rint(images - fractional[permutation]).astype(np.int64)
    # Found as if all directions were periodic: what mixes those that are with those
    # that are not, or moves atoms by different cells of these, is no symmetry.
    fixed = ~np.asarray(crystal.pbc)
    mixed = rotations[:, np.not_equal.outer(crystal.pbc, crystal.pbc)].any(axis=1)
    across = np.ptp(lattice, axis=1)[:, fixed].any(axis=1)
    kept = ~mixed & ~across
    cell = np.asarray(crystal.cell, dtype=float)
    bases = cell.T @ rotations[kept] @ np.linalg.inv(cell.T)
    left, _, right = np.linalg.svd(bases)  # the nearest orthogonal matrices
    inverses = np.rint(np.linalg.inv(rotations[kept])).astype(np.int64)
    return Operations(inverses, left @ right, permutation[kept], lattice[kept])


def images_of(
    operations: Operations, q: Float[Array, "3"]
) -> tuple[Elements, Float[Array, "elements 3"]]:
    """All elements, and the wave vectors ± q W⁻¹ to which they carry q."""
    rotated = q @ operations.inverses
    n = len(rotated)
    elements = Elements(np.tile(np.arange(n), 2), np.repeat([False, True], n))
    return elements, np.concatenate([rotated, -rotated])


def little_group(operations: Operations, q: Float[Array, "3"]) -> Elements:
    """The elements that keep q, modulo reciprocal lattice vectors."""
    elements, images = images_of(operations, q)
    change = images - q
    kept = (np.abs(change - np.rint(change)) < SAME_Q).all(axis=1)
    return Elements(*(x[kept] for x in elements))


def rotate(
    operations: Operations,
    elements: Elements,
    q: Float[Array, "elements 3"],
    matrix: Complex[Array, "modes modes"],
) -> Complex[Array, "elements modes modes"]:
    """Force constants at wave vectors related by symmetry, Φ(q') = Γ Φ(q) Γ†.

    Args:
        operations: of the crystal.
        elements: which of them, with or without time reversal.
        q: q', to which each element carries the wave vector of the matrix.
        matrix: Φ at that wave vector.
    """
    n = operations.permutation.shape[1]
    permutation = operations.permutation[elements.operation]
    turn = operations.cartesian[elements.operation]
    blocks = matrix.reshape(n, 3, n, 3).swapaxes(1, 2)
    blocks = np.where(
        elements.reversal[:, None, None, None, None], blocks.conj(), blocks
    )
    phases = _phases(operations, elements, q)
    blocks = turn[:, None, None] @ blocks @ turn.swapaxes(1, 2)[:, None, None]
    blocks *= (phases[:, :, None] * phases[:, None, :].conj())[..., None, None]
    moved = np.empty_like(blocks)
    rows = np.arange(len(q))[:, None, None]
    moved[rows, permutation[:, :, None], permutation[:, None, :]] = blocks
    return moved.swapaxes(2, 3).reshape(-1, 3 * n, 3 * n)


def act(
    operations: Operations,
    elements: Elements,
    q: Float[Array, "elements 3"],
    vectors: Complex[Array, "columns atoms 3"],
) -> Complex[Array, "elements columns atoms 3"]:
    """Displacements or forces as each element carries them, to the wave vectors q."""
    permutation = operations.permutation[elements.operation]
    turn = operations.cartesian[elements.operation]
    conjugated = elements.reversal[:, None, None, None]
    images = np.where(conjugated, vectors.conj(), vectors)
    images = images @ turn.swapaxes(1, 2)[:, None]
    images *= _phases(operations, elements, q)[:, None, :, None]
    moved = np.empty_like(images)
    rows = np.arange(len(permutation))
    moved[rows[:, None], :, permutation] = images.swapaxes(1, 2)
    return moved


def displacements(
    operations: Operations, q: Float[Array, "3"]
) -> Complex[Array, "columns atoms 3"]:
    """Fewest displacement patterns whose columns and their images give all of Φ(q).

    Any patterns whose images Γ u span the space would do, and random ones span when
    there are enough of them. With F = Σ (Γ u)(Γ u)† over all images, F^(−1/2) commutes
    with the group, and the images of F^(−1/2) u have F = 1: the reconstruction
    amplifies no error (Waldron, Introduction to Finite Tight Frames (2018), chapter
    10). A crystal without symmetry gets the unit displacements.
    """
    n = operations.permutation.shape[1]
    elements = little_group(operations, q)
    points = np.broadcast_to(q, (len(elements.operation), 3))
    if len(points) == 1:
        return np.eye(3 * n, dtype=complex).reshape(-1, n, 3)
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 3 * n, n, 3))
    random = parts[0] + 1j * parts[1]
    for count in range(-(-3 * n // len(points)), 3 * n + 1):
        chosen = random[:count]
        values, vectors = np.linalg.eigh(_frame(operations, elements, points, chosen))
        if values[0] > RANK * values[-1]:
            break
    root = (vectors / np.sqrt(values)) @ vectors.conj().T
    tight = (chosen.reshape(count, -1) @ root.T).reshape(count, n, 3)
    return tight * np.sqrt(len(points) * count / (3 * n))


def complete(
    operations: Operations,
    q: Float[Array, "3"],
    patterns: Complex[Array, "columns atoms 3"],
    columns: Complex[Array, "columns atoms 3"],
) -> Complex[Array, "modes modes"]:
    """All of Φ(q) from its products with the patterns of :func:`displacements`."""
    elements = little_group(operations, q)
    points = np.broadcast_to(q, (len(elements.operation), 3))
    size = 3 * patterns.shape[1]
    u = act(operations, elements, points, patterns).reshape(-1, size)
    c = act(operations, elements, points, columns).reshape(-1, size)
    # Φ Σ u u† = Σ c u†; the sum on the left is 1 times a number, up to the deviations
    # of the crystal from its symmetry.
    return np.linalg.solve(u.conj().T @ u, u.conj().T @ c).T


def _frame(
    operations: Operations, elements: Elements, q: np.ndarray, vectors: np.ndarray
) -> Array:
    """Σ (Γ u)(Γ u)† over all images of the vectors."""
    images = act(operations, elements, q, vectors)
    images = images.reshape(-1, images.shape[-2] * 3)
    return images.T @ images.conj()


def _phases(operations: Operations, elements: Elements, q: Array) -> Array:
    """exp(−2πi q'·L_i), (elements, atoms)."""
    lattice = operations.lattice[elements.operation]
    return np.exp(-2j * np.pi * np.einsum("eix,ex->ei", lattice, q))
