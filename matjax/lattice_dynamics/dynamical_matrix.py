"""Dynamical matrices: force constants weighted by masses, their frequencies and modes.

    D(q)_ij = Φ(q)_ij / √(m_i m_j),    D(q) e = (2πν)² e

NumPy arrays give NumPy arrays; traced ones give traced ones.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.numerics import safe_where
from matjax.units import THZ


class Modes(NamedTuple):
    """Normal modes at some q."""

    frequencies: Float[Array, "*q modes"]
    """THz, ascending; imaginary ones negative."""
    eigenvectors: Complex[Array, "*q modes modes"]
    """Orthonormal columns e, mass weighted; u_jR = e_j exp(2πi q·R) / √m_j."""


def mass_weighted(
    force_constants: Complex[Array, "*q modes modes"], masses: Float[Array, "atoms"]
) -> Complex[Array, "*q modes modes"]:
    """Dynamical matrices of force constants (eV/Å²) and masses (amu)."""
    # Masses are traced where the whole record is an argument of a jitted function.
    xp = jnp if isinstance(masses, Tracer) else np
    roots = xp.sqrt(xp.repeat(masses, 3))
    return force_constants / (roots[:, None] * roots)


def matrix_frequencies(
    matrix: Complex[Array, "*q modes modes"],
) -> Float[Array, "*q modes"]:
    """Frequencies of dynamical matrices, THz, ascending; imaginary ones negative.

    They are NaN where matrices are not finite, which LAPACK refuses.
    """
    if isinstance(matrix, np.ndarray) and not np.isfinite(matrix).all():
        return np.full(matrix.shape[:-1], np.nan)
    xp = np if isinstance(matrix, np.ndarray) else jnp
    return frequencies_of(xp.linalg.eigvalsh(_hermitian_part(matrix)))


def concrete_frequencies(
    force_constants: Complex[Array, "*q modes modes"], masses: Float[Array, "atoms"]
) -> Float[Array, "*q modes"]:
    """Frequencies (THz) of force constants that are not traced, in NumPy."""
    return matrix_frequencies(np.asarray(mass_weighted(force_constants, masses)))


def modes_of(matrix: Complex[Array, "*q modes modes"]) -> Modes:
    """Frequencies and eigenvectors of dynamical matrices; NaN as above."""
    if isinstance(matrix, np.ndarray) and not np.isfinite(matrix).all():
        return Modes(np.full(matrix.shape[:-1], np.nan), np.full_like(matrix, np.nan))
    xp = np if isinstance(matrix, np.ndarray) else jnp
    eigenvalues, eigenvectors = xp.linalg.eigh(_hermitian_part(matrix))
    return Modes(frequencies_of(eigenvalues), eigenvectors)


def required_masses(crystal: Crystal, masses: Array | None) -> np.ndarray:
    """Masses given, or those of the crystal, amu.

    Raises:
        ValueError: if they are not positive, one for each atom.
    """
    masses = np.asarray(crystal.masses if masses is None else masses, dtype=float)
    if masses.shape != (crystal.n_atoms,) or not (masses > 0).all():
        raise ValueError(
            f"masses must be positive, one for each of {crystal.n_atoms} atoms (amu); "
            f"received {masses}"
        )
    return masses


def frequencies_of(eigenvalues: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Frequencies of eigenvalues (2πν)², THz, those of imaginary modes negative."""
    if isinstance(eigenvalues, np.ndarray):
        return THZ * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))
    return THZ * safe_where(
        eigenvalues != 0,
        lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)),
        eigenvalues,
        inside=1.0,
    )


def _hermitian_part(
    matrix: Complex[Array, "*q modes modes"],
) -> Complex[Array, "*q modes modes"]:
    return (matrix + matrix.conj().swapaxes(-1, -2)) / 2
