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

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial import KDTree

from matjax.arrays import Array, Complex, Float, Int
from matjax.crystals import Crystal, reciprocal
from matjax.force_constants.symmetry import Elements, Operations, images_of, rotate

REACH = 0.6
"""1/Å (with 2π); images farther than this from all that is predicted are left out."""

MOST = 2000
"""Images that take part at most: the work grows with their cube."""

MEMORY = 2**30
"""Bytes that their matrices take at most."""

FEWER = 0.7
"""Share of the images, the nearest ones, that stay where there are too many."""

NUGGET = 1e-12
"""Variance of an error of the known matrices; keeps K invertible."""

SAME = 7
"""Decimals to which wave vectors agree that are the same."""


class Known:
    """Force constants at some q, and what they say of those at others."""

    def __init__(
        self,
        crystal: Crystal,
        operations: Operations,
        q: Float[Array, "q 3"],
        decays: Sequence[float],
    ) -> None:
        self.crystal, self.operations = crystal, operations
        self.q = np.asarray(q, dtype=float)
        """Wave vectors to predict at, reciprocal lattice units."""
        self._vectors = np.asarray(reciprocal(np.asarray(crystal.cell, dtype=float)))
        self._decays = tuple(decays)
        self._targets = self.q @ self._vectors
        self._tree = KDTree(self._targets)
        self._reach = REACH
        modes = 3 * crystal.n_atoms
        self._most = max(1, min(MOST, MEMORY // (16 * modes**2)))
        self._at = np.empty((0, 3))
        self._distance = np.empty(0)
        self._matrices = np.empty((0, modes, modes), complex)
        self._places: set[tuple[float, ...]] = set()
        self.predictions = self._begun()
        """For each decay λ (Å), how known matrices are weighed."""

    def add(
        self, q: Float[Array, "n 3"], matrices: Complex[Array, "n m m"] | None = None
    ) -> None:
        """Adds Φ at further wave vectors, with their images by symmetry.

        Args:
            q: reciprocal lattice units.
            matrices: Φ there; without them variances follow, and no prediction.
        """
        at, distances, gauged = [self._at], [self._distance], [self._matrices]
        for row, point in enumerate(np.asarray(q)):
            places, distance, elements, images = self._images(point)
            at.append(places)
            distances.append(distance)
            if matrices is not None:
                turned = rotate(self.operations, elements, images, matrices[row])
                gauged.append(self._gauged(places, turned))
        n_before = len(self._at)
        self._at, self._distance = np.concatenate(at), np.concatenate(distances)
        self._matrices = np.concatenate(gauged)
        if len(self._at) > self._most:
            self._leave_out()
            n_before = 0
        for prediction in self.predictions:
            prediction.extend(self._at[n_before:] @ self._vectors)

    def predicted(
        self, which: int, rows: Int[Array, "rows"]
    ) -> Complex[Array, "rows modes modes"]:
        """Φ at some of the wave vectors.

        Args:
            which: of the decays.
            rows: of the wave vectors.
        """
        weights = self.predictions[which].weights(rows)
        flat = self._matrices.reshape(len(self._matrices), -1)
        sums = (weights.T @ flat).reshape(-1, *self._matrices.shape[1:])
        return self._gauged(self.q[rows], sums, back=True)

    def _begun(self) -> tuple[Prediction, ...]:
        return tuple(Prediction(self._targets, decay) for decay in self._decays)

    def _leave_out(self) -> None:
        """Keeps the nearest images, and only as near ones from now on."""
        kept = np.argsort(self._distance, kind="stable")[: int(FEWER * self._most)]
        self._reach = float(self._distance[kept[-1]])
        kept = np.sort(kept)
        self._at, self._distance = self._at[kept], self._distance[kept]
        if len(self._matrices):
            self._matrices = self._matrices[kept]
        self.predictions = self._begun()

    def _images(
        self, q: Float[Array, "3"]
    ) -> tuple[np.ndarray, np.ndarray, Elements, Array]:
        """New places within reach to which q is carried, how far off, and by what."""
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
        keys = [tuple(place) for place in np.round(at, SAME).tolist()]
        near = np.array(
            [key not in self._places for key in keys] & (distance <= self._reach)
        )
        self._places.update(key for key, new in zip(keys, near, strict=True) if new)
        chosen = Elements(*(np.asarray(x)[which[near]] for x in elements))
        return at[near], distance[near], chosen, images[which[near]]

    def _gauged(self, q: Array, matrices: Array, *, back: bool = False) -> np.ndarray:
        """The matrices in the gauge of atomic positions, or back in that of cells."""
        sign = -1 if back else 1
        angles = 2j * np.pi * sign * (q @ np.transpose(self.crystal.fractional))
        phases = np.repeat(np.exp(angles), 3, axis=1)
        return phases.conj()[:, :, None] * np.asarray(matrices) * phases[:, None, :]


class Prediction:
    """What matrices at some places say of those at others, which depends on λ only.

    K of the known places is factorized row by row as they come, K = L Lᵀ: N of them
    cost N³/3 operations in all.
    """

    def __init__(self, targets: np.ndarray, decay: float) -> None:
        self._targets, self._decay = targets, decay
        self._at = np.empty((0, 3))
        self._factor = np.empty((0, 0))
        self._solved = np.empty((0, len(targets)))
        """L⁻¹ times the covariance of known places and targets."""
        self.variance = np.ones(len(targets))
        """What remains unknown at each target, as a share of a matrix's variance."""

    def extend(self, at: np.ndarray) -> None:
        """Adds known places, (n, 3), 1/Å."""
        if not len(at):
            return
        n_old, n_new = len(self._at), len(at)
        mixed = solve_triangular(
            self._factor, self._covariance(self._at, at), lower=True
        )
        own = self._covariance(at, at) - mixed.T @ mixed
        own[np.diag_indices(n_new)] += NUGGET
        own = cholesky(own, lower=True)
        rest = self._covariance(at, self._targets) - mixed.T @ self._solved
        solved = solve_triangular(own, rest, lower=True)
        factor = np.zeros((n_old + n_new, n_old + n_new))
        factor[:n_old, :n_old] = self._factor
        factor[n_old:, :n_old] = mixed.T
        factor[n_old:, n_old:] = own
        self._factor = factor
        self._at = np.concatenate([self._at, at])
        self._solved = np.concatenate([self._solved, solved])
        self.variance = np.maximum(self.variance - (solved**2).sum(axis=0), 0.0)

    def weights(self, rows: Int[Array, "rows"]) -> Float[Array, "known rows"]:
        """Weights of the known matrices in the prediction at some targets."""
        return solve_triangular(
            self._factor, self._solved[:, rows], lower=True, trans=1
        )

    def spread(self, count: int, scale: np.ndarray) -> np.ndarray:
        """Targets whose knowledge would gain most, each taken as known for the next.

        They are the first pivots of the Cholesky factor of what remains unknown.

        Args:
            count: how many at most; fewer where nothing remains unknown.
            scale: what an error at each target counts for, (q,).
        """
        left = self.variance * scale**2
        chosen: list[int] = []
        columns = np.empty((len(left), 0))
        for _ in range(min(count, int((left > 0).sum()))):
            best = int(np.argmax(left))
            pivot = left[best] / scale[best] ** 2
            if not pivot > NUGGET:
                break
            column = self._covariance(self._targets, self._targets[[best]])[:, 0]
            column -= self._solved[:, best] @ self._solved
            column -= columns @ columns[best]
            column /= np.sqrt(pivot)
            columns = np.concatenate([columns, column[:, None]], axis=1)
            chosen.append(best)
            left = np.maximum(left - (column * scale) ** 2, 0.0)
            left[chosen] = 0.0
        return np.array(chosen, dtype=int)

    def _covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """K between Cartesian wave vectors, (rows of a, rows of b)."""
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return (1 + self._decay**2 * np.maximum(squares, 0.0)) ** -2.0
