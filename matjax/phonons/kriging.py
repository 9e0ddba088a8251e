"""Force constants at some q predicted from those at others, as a Gaussian process.

In the gauge of atomic positions,

    Φ̃_ij(q) = Φ_ij(q) exp(2πi q·(x_j − x_i)) = Σ_R H[i0, jR] exp(2πi q·(R + x_j − x_i)),

force constants are a smooth function of q whose Fourier components are the interactions
H of two atoms, at their distance r. Let these be random, independent and of variances
that fall like exp(−r/λ). The covariance of Φ̃ at wave vectors that differ by k is then

    K(k) = (1 + (λk)²)⁻²,

and the best linear prediction from known matrices is Φ̃(q) = Σ_ab K(q − q_a) [K⁻¹]_ab
Φ̃(q_b), with the variance 1 − K K⁻¹ K (Rasmussen and Williams, Gaussian Processes for
Machine Learning (2006), eqs 2.25 and 2.26). No grid is needed, and every image of a
known matrix by symmetry is known, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial import KDTree

from matjax.arrays import Array, Complex, Float, Int
from matjax.crystals import Crystal, reciprocal
from matjax.phonons.symmetry import Elements, Operations, images_of, rotate

REACH = 0.6
"""1/Å (with 2π); images farther than this from all that is predicted are left out."""

MOST = 2000
"""Images that take part at most, the nearest ones: the work grows with their cube."""

NUGGET = 1e-12
"""Variance of an error of the known matrices; keeps K invertible."""

SAME = 7
"""Decimals to which wave vectors agree that are the same."""


class Weights(NamedTuple):
    """A linear prediction, which depends on where matrices are known only."""

    part: Int[Array, "part"]
    """Known matrices that take part."""
    weights: Float[Array, "q part"]
    """Their weights in the prediction at each wave vector."""
    covariance: Float[Array, "q q"]
    """What remains unknown, as a share of the variance of a matrix."""


class Known:
    """Force constants at some q, and what they say of those at others."""

    def __init__(
        self, crystal: Crystal, operations: Operations, q: Float[Array, "q 3"]
    ) -> None:
        self.crystal, self.operations = crystal, operations
        self.q = np.asarray(q, dtype=float)
        """Wave vectors to predict at, reciprocal lattice units."""
        self._vectors = np.asarray(reciprocal(np.asarray(crystal.cell, dtype=float)))
        self._tree = KDTree(self.q @ self._vectors)
        self._at = np.empty((0, 3))
        self._distance = np.empty(0)
        self._matrices: list[np.ndarray] = []

    def add(self, q: Float[Array, "n 3"], matrices: Complex[Array, "n m m"]) -> None:
        """Add Φ at further wave vectors, with their images by symmetry."""
        for point, matrix in zip(np.asarray(q), np.asarray(matrices), strict=True):
            at, distance, elements, images = self._images(point)
            gauged = self._gauged(at, rotate(self.operations, elements, images, matrix))
            self._at = np.concatenate([self._at, at])
            self._distance = np.concatenate([self._distance, distance])
            self._matrices += list(gauged)

    def weigh(self, decay: float) -> Weights:
        """How a prediction weighs the known matrices.

        Args:
            decay: λ, Å.
        """
        part = self._part()
        here, there = self.q @ self._vectors, self._at[part] @ self._vectors
        prior = _covariance(here, here, decay)
        if not len(part):
            return Weights(part, np.empty((len(here), 0)), prior)
        among = _covariance(there, there, decay)
        among[np.diag_indices(len(among))] += NUGGET
        across = _covariance(here, there, decay)
        weights = cho_solve(cho_factor(among, lower=True), across.T).T
        return Weights(part, weights, prior - weights @ across.T)

    def predicted(
        self, weights: Weights, rows: Int[Array, "rows"]
    ) -> Complex[Array, "rows modes modes"]:
        """Φ at some of the wave vectors."""
        known = np.array([self._matrices[k] for k in weights.part])
        sums = weights.weights[rows] @ known.reshape(len(known), -1)
        return self._gauged(self.q[rows], sums.reshape(-1, *known.shape[1:]), back=True)

    def _part(self) -> np.ndarray:
        """Known matrices that take part, each wave vector once."""
        keys = np.round(self._at, SAME)
        first = np.sort(np.unique(keys, axis=0, return_index=True)[1])
        if len(first) > MOST:
            nearest = np.argsort(self._distance[first], kind="stable")[:MOST]
            first = np.sort(first[nearest])
        return first

    def _images(
        self, q: Float[Array, "3"]
    ) -> tuple[np.ndarray, np.ndarray, Elements, Array]:
        """Where q is carried to within reach, how far from there, and by what."""
        elements, images = images_of(self.operations, q)
        images = np.asarray(images)
        wrapped = np.round(images, SAME) % 1.0
        first = np.unique(wrapped, axis=0, return_index=True)[1]
        home = images[first] - np.rint(images[first])
        steps = np.indices((3, 3, 3)).reshape(3, -1).T - 1
        at = (home[:, None] + steps).reshape(-1, 3)
        which = np.repeat(first, len(steps))
        distance = np.asarray(
            self._tree.query(at @ self._vectors, distance_upper_bound=REACH)[0]
        )
        near = np.isfinite(distance)
        chosen = Elements(*(np.asarray(x)[which[near]] for x in elements))
        return at[near], distance[near], chosen, images[which[near]]

    def _gauged(self, q: Array, matrices: Array, *, back: bool = False) -> np.ndarray:
        """The matrices in the gauge of atomic positions, or back in that of cells."""
        sign = -1 if back else 1
        angles = 2j * np.pi * sign * (q @ np.transpose(self.crystal.fractional))
        phases = np.repeat(np.exp(angles), 3, axis=1)
        return phases.conj()[:, :, None] * np.asarray(matrices) * phases[:, None, :]


def _covariance(a: np.ndarray, b: np.ndarray, decay: float) -> np.ndarray:
    """K between Cartesian wave vectors, (rows of a, rows of b)."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return (1 + decay**2 * np.maximum(squares, 0.0)) ** -2.0
