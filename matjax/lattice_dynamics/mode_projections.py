"""Shares of modes on atoms, elements and directions, averaged over the space group.

A mesh reduced by symmetry holds one wave vector of each star. At the others a mode has
its atoms permuted and its displacements turned by the operation that leads there: what
is summed over the zone must be averaged in the same way.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.force_constants.qpoints import SYMPREC
from matjax.force_constants.symmetry import Operations, operations_of
from matjax.lattice_dynamics.bands import DEGENERATE, degenerate_groups

Onto = Literal["elements", "atoms", "directions", "coordinates"]
"""Elements; atoms; x, y and z summed over atoms; or x, y, z of every atom."""


def site_labels(crystal: Crystal) -> tuple[str, ...]:
    """Element and running number of each atom, such as Ga1 Ga2 N1 N2.

    The CIF files that matjax writes name their sites so.
    """
    seen: Counter[str] = Counter()
    labels = []
    for symbol in crystal.symbols:
        seen[symbol] += 1
        labels.append(f"{symbol}{seen[symbol]}")
    return tuple(labels)


def average_tensors(
    crystal: Crystal,
    tensors: Float[Array, "*axes atoms 3 3"],
    masses: Float[Array, "atoms"] | None = None,
    *,
    symprec: float = SYMPREC,
) -> Float[Array, "*axes atoms 3 3"]:
    """Average over the space group of one Cartesian tensor for each atom.

    Args:
        crystal: with concrete arrays.
        tensors: such as mean-square displacements.
        masses: amu; atoms of different mass are not equivalent.
        symprec: Å, tolerance of the search for symmetry.
    """
    operations = _operations(crystal, masses, symprec)
    turns, permutation = operations.cartesian, operations.permutation
    xp = jnp if isinstance(tensors, jax.Array) else np
    # Operation g carries U_i to S U_i Sᵀ at atom g(i); this gathers its inverse.
    moved = xp.asarray(tensors)[..., permutation, :, :]
    total = xp.einsum("gba,...gibc,gcd->...iad", turns, moved, turns)
    return total / len(turns)


def projections(
    crystal: Crystal,
    frequencies: Float[Array, "q modes"],
    eigenvectors: Complex[Array, "q modes modes"],
    *,
    onto: Onto = "elements",
    masses: Float[Array, "atoms"] | None = None,
    symprec: float = SYMPREC,
) -> tuple[tuple[str, ...], Float[Array, "q modes parts"]]:
    """Labels of the parts, and the share |e|² of every mode on each of them.

    Averaged over the space group, and over the modes of each degenerate group, whose
    eigenvectors are arbitrary. The shares of a mode add up to 1.

    Args:
        crystal: with concrete arrays.
        frequencies: THz, ascending.
        eigenvectors: orthonormal columns, in the same order.
        onto: what the parts are.
        masses: amu; atoms of different mass are not equivalent.
        symprec: Å, tolerance of the search for symmetry.

    Raises:
        ValueError: if no such parts are known.
    """
    require_onto(onto)
    labels, parts = _parts(crystal, onto)
    shares_of = _averaged_squares(_operations(crystal, masses, symprec)) @ parts
    frequencies, eigenvectors = np.asarray(frequencies), np.asarray(eigenvectors)
    n_points, n_modes = frequencies.shape
    tolerance = DEGENERATE * np.max(frequencies**2)
    shares = np.empty((n_points, n_modes, len(labels)))
    for row in range(n_points):
        e = eigenvectors[row].T.reshape(n_modes, -1, 3)
        squares = np.einsum("mia,mib->miab", e, e.conj()).real
        shares[row] = squares.reshape(n_modes, -1) @ shares_of
        for group in degenerate_groups(frequencies[row], tolerance):
            shares[row, group] = shares[row, group].mean(axis=0)
    return labels, shares


def require_onto(onto: str) -> None:
    """Raises ValueError if modes cannot be projected onto that."""
    if onto not in get_args(Onto):
        raise ValueError(
            f"modes are projected onto {', '.join(get_args(Onto))}; received {onto!r}"
        )


def _operations(
    crystal: Crystal, masses: Float[Array, "atoms"] | None, symprec: float
) -> Operations:
    """Operations of the space group that carry every atom to one of its own mass."""
    operations = operations_of(crystal, symprec=symprec)
    masses = np.asarray(crystal.masses if masses is None else masses)
    kept = (masses[operations.permutation] == masses).all(axis=1)
    return Operations(*(x[kept] for x in operations))


def _averaged_squares(operations: Operations) -> np.ndarray:
    """Linear map of tensors of atoms to averages of their diagonals, (9n, 3n)."""
    n = operations.permutation.shape[1]
    total = np.zeros((n, 3, 3, n, 3))
    atoms = np.arange(n)
    for turn, permutation in zip(
        operations.cartesian, operations.permutation, strict=True
    ):
        total[atoms, :, :, permutation, :] += np.einsum("ab,ac->bca", turn, turn)
    return total.reshape(9 * n, 3 * n) / len(operations.cartesian)


def _parts(crystal: Crystal, onto: Onto) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels, and which coordinates x, y, z of atoms belong to each part."""
    n = crystal.n_atoms
    if onto == "coordinates":
        names = site_labels(crystal)
        return tuple(f"{a} {x}" for a in names for x in "xyz"), np.eye(3 * n)
    if onto == "directions":
        return ("x", "y", "z"), np.tile(np.eye(3), (n, 1))
    if onto == "atoms":
        return site_labels(crystal), np.repeat(np.eye(n), 3, axis=0)
    symbols = crystal.symbols
    elements = tuple(dict.fromkeys(symbols))
    belongs = np.array([[s == e for e in elements] for s in symbols], dtype=float)
    return elements, np.repeat(belongs, 3, axis=0)
