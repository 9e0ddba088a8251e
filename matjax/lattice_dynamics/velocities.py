"""Group velocities and velocities of sound by derivatives of D(q), not differences.

Derivatives are with respect to k = q · reciprocal vectors, with 2π, so that dω/dk is a
velocity. Other codes state it in THz Å, which is 0.1 km/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.force_constants import ForceConstants
from matjax.force_constants.qpoints import require_q
from matjax.lattice_dynamics.derivatives import (
    DEGENERATE,
    adapted_vectors,
    expectations,
    hermitian,
    in_chunks,
    relative_slopes,
)
from matjax.lattice_dynamics.dynamical_matrix import frequencies_of
from matjax.lattice_dynamics.harmonic import Phonons, Points
from matjax.lattice_dynamics.polar import PolarPhonons
from matjax.units import THZ

GENERIC = (1.0, 2.0, 3.0)
"""Cartesian direction that tells modes apart where none is asked for: cubic and
hexagonal lattices in their usual setting have no symmetry that keeps it."""

NEAR = 1e-3
"""1/Å; how far from Γ the limit of polar crystals is taken. Slopes of acoustic branches
change by the square of it times that of a lattice constant."""

KM_PER_S = 2 * np.pi * THZ / 10
"""Velocity in km/s of 1 Å·sqrt(eV/(Å² amu))."""


class AcousticVelocities(NamedTuple):
    """Long waves along given directions; branches in ascending order of speed."""

    speeds: Float[Array, "*directions 3"]
    """Slopes ω/k of the acoustic branches at Γ, km/s; negative where ω² < 0."""
    group: Float[Array, "*directions 3 3"]
    """Group velocities (branch, Cartesian), km/s; along the direction they are the
    speeds."""
    polarizations: Float[Array, "*directions 3 3"]
    """Displacements (branch, Cartesian), of unit length."""


def group_velocities(
    phonons: Phonons,
    q: Points,
    *,
    direction: Sequence[float | int] | Float[Array, "3"] | None = None,
    tolerance: float | int = DEGENERATE,
) -> Float[Array, "*q modes 3"]:
    """Group velocities dω/dk, Cartesian, km/s, in ascending order of frequency.

        v = e†(∂D/∂k)e / 2ω

    with the exact derivative (Hellmann and Feynman). Within a degenerate set the e are
    the modes into which a step along the direction splits it, in the order of their
    slopes: the component along the direction is the slope of each branch there.
    Acoustic modes at Γ have their limit from that side, :func:`acoustic_velocities`; in
    polar crystals, where D itself has limits only, all modes are those at the distance
    :data:`NEAR` along the direction. Other modes of zero frequency get 0.

    Args:
        phonons: with concrete arrays.
        q: reciprocal lattice units.
        direction: Cartesian, of any length; by default a generic one.
        tolerance: THz; modes closer than this to the next one form a degenerate set.

    Raises:
        ValueError: if q or the direction has not three finite components, or the
            direction is zero.
    """
    q = np.asarray(q, dtype=float)
    require_q(q)
    generic = _unit(GENERIC)
    ahead = generic if direction is None else _unit(direction)
    points = q.reshape(-1, 3)
    at_gamma = (points == np.round(points)).all(axis=1)
    if isinstance(phonons, PolarPhonons):
        points = points + np.outer(at_gamma, NEAR * ahead @ _dual(phonons))
        at_gamma = np.zeros_like(at_gamma)
    matrices, slopes = _matrix_and_slopes(phonons, points)
    velocities = np.empty((*matrices.shape[:2], 3))
    sound = acoustic_velocities(phonons, ahead).group if at_gamma.any() else None
    for i, (matrix, slope) in enumerate(zip(matrices, slopes, strict=True)):
        values, vectors = np.linalg.eigh(matrix)
        frequencies = np.asarray(frequencies_of(values))
        steps = [np.tensordot(n, slope, 1) for n in (ahead, generic)]
        vectors = adapted_vectors(frequencies, vectors, steps, tolerance=tolerance)
        relative = relative_slopes(values, expectations(vectors, slope))
        velocities[i] = 2 * np.pi / 10 * frequencies[:, None] * relative
        if at_gamma[i]:
            velocities[i, np.sort(np.argsort(abs(frequencies))[:3])] = sound
    return velocities.reshape(*q.shape[:-1], matrices.shape[-1], 3)


def acoustic_velocities(
    phonons: Phonons, directions: Sequence | Float[Array, "*directions 3"]
) -> AcousticVelocities:
    """Slopes of the acoustic branches at Γ by the method of long waves, exact.

    With T the uniform translations, D₁ and D₂ the derivatives of D at Γ along the
    direction and D⁺ the inverse of D(Γ) among the other modes, ω²/k² are the
    eigenvalues of

        Tᵀ (D₂/2 − D₁ D⁺ D₁) T.

    Where force constants break the sum rule of translations, this is left out.

    Source: Born and Huang, Dynamical Theory of Crystal Lattices (1954), §26.

    Args:
        phonons: with concrete arrays, without a macroscopic field.
        directions: Cartesian, of any length.

    Raises:
        ValueError: if a direction is zero or has not three finite components, or the
            phonons are those of a polar crystal.
    """
    units = _unit(directions)
    tensor = acoustic_tensor(phonons)
    shape = units.shape[:-1]
    speeds = np.empty((*shape, 3))
    group, polarizations = np.empty((*shape, 3, 3)), np.empty((*shape, 3, 3))
    for place in np.ndindex(shape):
        toward = np.tensordot(units[place], tensor, 1)
        squares, vectors = np.linalg.eigh(np.tensordot(units[place], toward, 1))
        aside = np.tensordot(_unit(GENERIC), toward, 1)
        equal = 1e-6 * abs(squares).max()  # round-off of D⁺
        vectors = adapted_vectors(squares, vectors, [aside], tolerance=equal)
        roots = np.sqrt(abs(squares))
        safe = np.where(roots == 0, 1, roots)[:, None]
        speeds[place] = KM_PER_S * np.sign(squares) * roots
        group[place] = KM_PER_S * expectations(vectors, toward) / safe
        polarizations[place] = vectors.T
    return AcousticVelocities(speeds, group, polarizations)


def acoustic_tensor(phonons: Phonons) -> Float[Array, "3 3 3 3"]:
    """Λ_abij, eV/amu: Σ_ab n_a n_b Λ_ab has the eigenvalues ω²/k² along n.

    See :func:`acoustic_velocities`.
    """
    masses = np.asarray(phonons.masses)
    if isinstance(phonons, PolarPhonons):
        raise ValueError(
            "long waves need force constants that are analytic at Γ; received those of "
            "a polar crystal with its field: take group_velocities(phonons, [0, 0, 0], "
            "direction=...)"
        )
    constants, first, second = jax.device_get(
        _expansion(phonons.source, jnp.asarray(_dual(phonons)))
    )
    flat, first, second = (hermitian(x, masses) for x in (constants, first, second))
    translations = np.tile(np.eye(3), (len(masses), 1))
    translations *= np.sqrt(np.repeat(masses, 3) / masses.sum())[:, None]
    others = np.eye(len(translations)) - translations @ translations.T
    # Zero modes besides the translations take no part: relative to the largest.
    inverse = np.linalg.pinv(others @ flat @ others, rcond=1e-8, hermitian=True)
    first = first @ translations
    coupling = np.einsum("aki,kl,blj->abij", first.conj(), inverse, first)
    tensor = (translations.T @ second @ translations / 2 - coupling).real
    return (tensor + tensor.swapaxes(0, 1)) / 2


def _matrix_and_slopes(
    phonons: Phonons, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """D(q), (q, n, n), and ∂D/∂k, (q, 3, n, n)."""
    dual = jnp.asarray(_dual(phonons))

    def derive(q: np.ndarray) -> tuple:
        return _first_order(phonons.source, jnp.asarray(q), dual)

    pair = in_chunks(derive, points, phonons.progress)
    matrices, slopes = (hermitian(x, np.asarray(phonons.masses)) for x in pair)
    return matrices, slopes


@jax.jit
def _first_order(
    source: ForceConstants, q: Array, directions: Array
) -> tuple[Array, Array]:
    """Φ at each q, and its derivatives along the directions, (q, directions, …)."""

    def along(direction: Array) -> tuple[Array, Array]:
        return jax.jvp(source, (q,), (jnp.broadcast_to(direction, q.shape),))

    # One after the other: the memory of the columns is twice theirs, not four times.
    values, slopes = jax.lax.map(along, directions)
    return values[0], slopes.swapaxes(0, 1)


@jax.jit
def _expansion(source: ForceConstants, directions: Array) -> tuple[Array, Array, Array]:
    """Φ(Γ), its first derivatives (3, …) and its second ones (3, 3, …)."""
    gamma = jnp.zeros(3, directions.dtype)

    def pair(rows: Array) -> tuple[Array, Array, Array]:
        a, b = directions[rows[0]], directions[rows[1]]

        def slope(q: Array) -> tuple[Array, Array]:
            return jax.jvp(source, (q,), (a,))

        (value, first), (_, second) = jax.jvp(slope, (gamma,), (b,))
        return value, first, second

    rows = jnp.stack(jnp.meshgrid(*[jnp.arange(3)] * 2, indexing="ij"), -1)
    values, first, second = jax.lax.map(pair, rows.reshape(-1, 2))
    return values[0], first[::3], second.reshape(3, 3, *second.shape[1:])


def _dual(phonons: Phonons) -> np.ndarray:
    """∂q/∂k: a row for each Cartesian direction, Å."""
    return np.asarray(phonons.crystal.cell, dtype=float).T / (2 * np.pi)


def _unit(directions: Sequence | Array) -> np.ndarray:
    directions = np.asarray(directions, dtype=float)
    if directions.ndim == 0 or directions.shape[-1] != 3:
        raise ValueError(
            "directions have three Cartesian components along the last axis; received "
            f"shape {directions.shape}"
        )
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise ValueError(
            f"directions must be finite and not zero; received {directions}"
        )
    return directions / lengths
