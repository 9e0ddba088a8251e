"""Density of states, total and in parts, by linear tetrahedra or Gaussian smearing."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from scipy.special import ndtr

from matjax.arrays import Array, Float
from matjax.force_constants import Mesh
from matjax.lattice_dynamics.tetrahedra import integrals_below

TAIL = 6.0
"""Widths of a Gaussian beyond which nothing of it is looked for: a share of 1e-9."""


class DensityOfStates(NamedTuple):
    """Number of modes of a cell by frequency."""

    frequencies: Float[Array, "bins"]
    """Centers of equal intervals, THz; imaginary modes lie below zero."""
    density: Float[Array, "bins"]
    """Mean density over each interval, modes per THz and cell; its integral is 3n."""
    labels: tuple[str, ...] = ()
    """Names of the parts."""
    parts: Float[Array, "parts bins"] | None = None
    """What each part contributes to the density; projections add up to it."""
    smearing: float | None = None
    """Standard deviation of the Gaussians, THz; None for tetrahedra."""


def density_of_states(
    mesh: Mesh,
    frequencies: Float[Array, "q modes"],
    *,
    weights: Float[Array, "q modes parts"] | None = None,
    labels: tuple[str, ...] = (),
    n_bins: int = 400,
    smearing: float | int | None = None,
    window: tuple[float | int, float | int] | None = None,
) -> DensityOfStates:
    """Density of states, and the parts of it that weights of the modes define.

    Without smearing, frequencies and weights are linear in q inside each tetrahedron
    (Lehmann and Taut, Phys. Status Solidi B 54, 469 (1972)). What lies below each edge
    of the intervals is then exact, and its differences are the density: no mode is lost
    between two points, and flat bands need no width. With smearing every mode is a
    Gaussian, integrated over each interval; the result is differentiable in the
    frequencies.

    Args:
        mesh: says which corners share a frequency.
        frequencies: at the points of the mesh, THz.
        weights: what each mode counts for in each part, such as the shares of
            :func:`matjax.lattice_dynamics.projections`.
        labels: names of the parts.
        n_bins: number of intervals.
        smearing: standard deviation of the Gaussians, THz.
        window: lowest and highest frequency, THz; by default all modes are inside.

    Raises:
        ValueError: if frequencies or weights are not those of the mesh, the number of
            intervals or the width is not positive, or the window is empty.
    """
    _require_shapes(mesh, frequencies, weights, labels)
    if n_bins < 1:
        raise ValueError(f"a density needs one interval or more; received {n_bins}")
    if smearing is not None:
        if not smearing > 0:
            raise ValueError(f"the smearing must be positive THz; received {smearing}")
        smearing = float(smearing)
    edges = _edges(frequencies, smearing, window, n_bins)
    counted = np.ones((*frequencies.shape, 1))
    if weights is not None:
        counted = np.concatenate([counted, weights], axis=2)
    if smearing is not None:
        below = _gaussians_below(mesh, frequencies, counted, edges, smearing)
    else:
        frequencies = np.asarray(frequencies, dtype=float)
        below = integrals_below(mesh, frequencies, counted, edges)
    densities = (below[1:] - below[:-1]).T / np.diff(edges)
    centers = (edges[1:] + edges[:-1]) / 2
    parts = None if weights is None else densities[1:]
    return DensityOfStates(centers, densities[0], labels, parts, smearing)


def _edges(
    frequencies: Array,
    smearing: float | None,
    window: tuple[float | int, float | int] | None,
    n_bins: int,
) -> np.ndarray:
    if window is None:
        if isinstance(frequencies, Tracer):
            raise ValueError("under jit and grad the density needs a window (THz)")
        low, high = float(np.min(frequencies)), float(np.max(frequencies))
        margin = max(0.01 * (high - low), 1e-3)
        if smearing is not None:
            margin = TAIL * smearing
        window = (low - margin, high + margin)
    low, high = window
    if not low < high:
        raise ValueError(
            f"a window runs from a lower to a higher frequency; received {window}"
        )
    return np.linspace(low, high, n_bins + 1)


def _gaussians_below(
    mesh: Mesh, frequencies: Array, weights: Array, edges: np.ndarray, width: float
) -> Array:
    """Sum over modes of weights and of what lies of their Gaussians below each edge."""
    weights = (mesh.weights[:, None, None] * weights).reshape(frequencies.size, -1)
    if isinstance(frequencies, Tracer):
        modes = frequencies.reshape(-1)

        def below(edge: Array) -> Array:
            return jax.scipy.special.ndtr((edge - modes) / width) @ weights

        return jax.lax.map(below, jnp.asarray(edges, modes.dtype))
    modes = np.asarray(frequencies, dtype=float).reshape(-1)
    columns = np.ascontiguousarray(weights.T)
    below_each = (ndtr((edge - modes) / width) for edge in edges)
    return np.array([np.einsum("pn,n->p", columns, x) for x in below_each])


def _require_shapes(
    mesh: Mesh, frequencies: Array, weights: Array | None, labels: tuple[str, ...]
) -> None:
    if len(frequencies) != len(mesh.q):
        raise ValueError(
            f"a mesh of {len(mesh.q)} points needs as many rows of frequencies; "
            f"received {len(frequencies)}"
        )
    if weights is None:
        return
    if weights.shape[:2] != frequencies.shape:
        raise ValueError(
            f"weights of modes of shape {frequencies.shape} have this shape and an axis"
            f" of parts; received {weights.shape}"
        )
    if len(labels) not in (0, weights.shape[2]):
        raise ValueError(
            f"{weights.shape[2]} parts have as many labels or none; received {labels}"
        )
