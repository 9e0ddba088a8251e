"""First derivatives of frequencies: perturbation theory that is safe at degeneracies.

A derivative of D(q) is exact (forward differentiation of the force constants). What it
does to frequencies needs, inside each degenerate set, the eigenvectors of the projected
derivative; those that a diagonalization of D happens to return mix them at will.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from matjax.lattice_dynamics.dynamical_matrix import frequencies_of
from matjax.progress import Progress

DEGENERATE = 1e-4
"""THz; modes closer than this to the next one are taken as one degenerate set."""

SPLIT = 1e-6
"""Share of a perturbation's size below which two of its slopes are taken as equal."""

STILL = 1e-5
"""THz; softer modes have no derivative: round-off of an eigenvalue that is zero."""

CHUNK = 8
"""Wave vectors in one compiled call, unless there is only one: two compilations serve
every number of them."""

_Derive = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def in_chunks(
    derive: _Derive, points: np.ndarray, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Results of a compiled function of wave vectors, a fixed number at a time.

    Args:
        derive: from (chunk, 3) to arrays whose first axis is the chunk's.
        points: (q, 3); the last ones are repeated to fill the last chunk.
        progress: wraps the sequence of calls.
    """
    n = len(points)
    size = CHUNK if n > 1 else 1
    rows = np.minimum(np.arange(-(-max(n, 1) // size) * size), max(n - 1, 0))
    points = points if n else np.zeros((1, 3))
    jobs = list(points[rows].reshape(-1, size, 3))
    steps = progress(jobs, "derivatives") if progress else jobs
    # To the host at once: JAX would run several calls side by side, in more memory.
    parts = [tuple(np.asarray(x) for x in derive(job)) for job in steps]
    first, second = (np.concatenate(x)[:n] for x in zip(*parts, strict=True))
    return first, second


def relative_slopes(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """(dν/dx)/ν = (dλ/dx)/2λ of eigenvalues λ; 0 for modes that are still.

    Args:
        values: (..., modes), eV/(Å² amu).
        slopes: (..., modes, components), their derivatives.
    """
    moving = abs(frequencies_of(values)) > STILL
    safe = np.where(moving, values, 1)[..., None]
    return np.where(moving[..., None], slopes / (2 * safe), 0)


def adapted_vectors(
    values: np.ndarray,
    vectors: np.ndarray,
    perturbations: Sequence[np.ndarray],
    *,
    tolerance: float | int = DEGENERATE,
) -> np.ndarray:
    """Eigenvectors that diagonalize the perturbations within each degenerate set.

    What the first perturbation leaves degenerate is split by the second, and so on.

    Args:
        values: (n,), ascending.
        vectors: (m, n); the columns belong to the values.
        perturbations: Hermitian, (m, m) each, the most important first.
        tolerance: largest distance of neighboring values within a set, in their unit.
    """
    if not perturbations:
        return vectors
    vectors = vectors.astype(np.result_type(vectors, perturbations[0]))
    first, *others = perturbations
    for start, end in _sets(values, tolerance):
        if end - start == 1:
            continue
        inside = vectors[:, start:end]
        projected = inside.conj().T @ first @ inside
        slopes, turn = np.linalg.eigh((projected + projected.conj().T) / 2)
        vectors[:, start:end] = adapted_vectors(
            slopes,
            inside @ turn,
            others,
            tolerance=SPLIT * float(np.linalg.norm(first)),
        )
    return vectors


def expectations(vectors: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Real e†Me for each column e and matrix M, (columns, matrices)."""
    return np.einsum("im,kij,jm->mk", vectors.conj(), matrices, vectors).real


def hermitian(matrices: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Hermitian part of force constants, or of their derivatives, mass weighted."""
    roots = np.sqrt(np.repeat(masses, 3))
    weighted = matrices / np.outer(roots, roots)
    return (weighted + weighted.conj().swapaxes(-1, -2)) / 2


def _sets(values: np.ndarray, tolerance: float) -> list[tuple[int, int]]:
    """First and end (exclusive) of each run of values close to the next one."""
    breaks = 1 + np.flatnonzero(np.diff(values) > tolerance)
    edges = [0, *breaks.tolist(), len(values)]
    return list(pairwise(edges))
