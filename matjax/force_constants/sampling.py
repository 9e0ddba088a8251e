"""Force constants at many q from exact ones at as few of them as a tolerance needs.

A path of bands and a mesh of the zone hold more points than the force constants have
shape. Exact ones are computed where two predictions from those known so far
(:mod:`matjax.force_constants.kriging`) differ most in a frequency; there the prediction
is held against what comes out, so that its error is measured where it is largest. All
wave vectors exactly is the most that this can cost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float, Leaf
from matjax.crystals import Crystal
from matjax.force_constants.columns import call_size
from matjax.force_constants.grids import SymmetricResponse
from matjax.force_constants.kriging import SAME, Known
from matjax.force_constants.symmetry import displacements
from matjax.progress import Progress

DECAYS = (1.0, 2.0)
"""Å; λ of the prediction, and of the one that it is compared with. Of 0.7 to 3 Å the
first needs the fewest exact q on the bands of anatase and quartz with NequIP of four
layers of 6 Å."""

OURS, THEIRS = range(2)

ROUND = 8
"""Rows of the response, one or more of each wave vector, between two predictions: as
many as are computed together, or a multiple."""

SURE = 1e-5
"""Variance left, of 1, at which a prediction is expected to be within 0.1 THz: that
at the end of the bands and meshes of anatase and quartz."""

CANDIDATES = 256
"""Wave vectors of largest variance among which to choose: two spectra of each are
computed before each round."""

SAFETY = 2.0
"""Factor by which two predictions must agree better than the tolerance where neither
has been held against an exact one: in quartz they once agreed to half their error."""

NEVER = 1e-10
"""Variance below which only round-off remains."""

log = logging.getLogger("matjax.force_constants")

Frequencies = Callable[[Array], Array]
"""From force constants (q, 3n, 3n) to frequencies (q, 3n), THz."""


class SampledResponse(struct.PyTreeNode):
    """Force constants at given q, exact or predicted within a tolerance; a pytree.

    At any other q, and under ``jit`` and ``grad``, they are computed exactly.
    """

    exact: SymmetricResponse
    q: Leaf
    """Where they are known, (q, 3), reciprocal lattice units."""
    matrices: Leaf
    """Φ there, (q, modes, modes), eV/Å²."""
    is_exact: Leaf
    """Which of them have been computed, (q,)."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        if any(isinstance(x, Tracer) for x in jax.tree.leaves((self, q))):
            return self.exact(q, progress=progress)
        points = np.asarray(q, dtype=float).reshape(-1, 3)
        places = {key: row for row, key in enumerate(keys_of(self.q))}
        rows = np.array([places.get(key, -1) for key in keys_of(points)], dtype=int)
        matrices = self.matrices[rows]
        new = np.flatnonzero(rows < 0)
        if len(new):
            matrices[new] = self.exact(points[new], progress=progress)
        return matrices.reshape(*np.shape(q)[:-1], *self.matrices.shape[1:])

    def exact_part(self) -> tuple[np.ndarray, np.ndarray]:
        """Wave vectors that have been computed, and Φ there."""
        rows = np.asarray(self.is_exact)
        return np.asarray(self.q)[rows], np.asarray(self.matrices)[rows]


class Sampled(NamedTuple):
    """Force constants at given q, and what is known of them."""

    source: SampledResponse
    error: float
    """Largest difference of a predicted frequency from the exact one at the q where
    predictions were least certain, which are exact since, or from another prediction
    at the rest; THz. 0 if all are exact."""
    computed: tuple[np.ndarray, np.ndarray]
    """The exact ones that were not known before: q, and Φ there."""


def sampled(
    exact: SymmetricResponse,
    crystal: Crystal,
    q: Float[Array, "q 3"],
    tolerance: float,
    frequencies: Frequencies,
    *,
    known: SampledResponse | None = None,
    progress: Progress | None = None,
) -> Sampled:
    """Force constants at these q whose frequencies are exact within a tolerance.

    Args:
        exact: force constants of the crystal, by symmetry.
        crystal: with concrete arrays.
        q: reciprocal lattice units; may repeat.
        tolerance: THz.
        frequencies: THz, ascending, of force constants (q, 3n, 3n).
        known: of the same crystal, whose exact ones are used.
        progress: wraps the wave vectors that are computed.

    Raises:
        ValueError: if the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f"a tolerance must be positive (THz); received {tolerance}")
    points = np.asarray(q, dtype=float)
    _, first = np.unique(np.round(points, SAME) % 1.0, axis=0, return_index=True)
    sampler = _Sampler(exact, crystal, points[np.sort(first)], tolerance, frequencies)
    if known is not None:
        sampler.take(known)
    sampler.expect()
    steps = sampler.rounds()
    total = sampler.expected
    for _ in progress(steps, "exact q", total=total) if progress else steps:
        pass
    return sampler.result()


class _Sampler:
    """What has been computed, and where to compute next."""

    def __init__(
        self,
        exact: SymmetricResponse,
        crystal: Crystal,
        q: np.ndarray,
        tolerance: float,
        frequencies: Frequencies,
    ) -> None:
        self.exact, self.q, self.tolerance = exact, q, tolerance
        self.frequencies = frequencies
        self.crystal = crystal
        self.known = Known(crystal, exact.operations, q, DECAYS)
        self.given = np.empty((0, 3))
        """Wave vectors that were exact before."""
        self.computed: list[int] = []
        """Rows of those that have been computed since."""
        n = 3 * crystal.n_atoms
        self.matrices = np.zeros((len(q), n, n), complex)
        self.is_exact = np.zeros(len(q), bool)
        self.error = 0.0
        self.expected = 0
        """Number of wave vectors to compute, judged by variances alone."""

    def take(self, given: SampledResponse) -> None:
        """Uses what is exact in the result of other wave vectors."""
        q, matrices = given.exact_part()
        self.known.add(q, matrices)
        self.given = q
        places = {key: row for row, key in enumerate(keys_of(q))}
        rows = np.array([places.get(key, -1) for key in keys_of(self.q)], dtype=int)
        self.is_exact = rows >= 0
        self.matrices[self.is_exact] = matrices[rows[self.is_exact]]

    def expect(self) -> None:
        """Judge by variances alone how many wave vectors will be computed."""
        trial = Known(self.crystal, self.exact.operations, self.q, DECAYS[:1])
        trial.add(self.given)
        (prediction,) = trial.predictions
        while self.expected < len(self.q) and prediction.variance.max() >= SURE:
            chosen = prediction.spread(ROUND, np.ones(len(self.q)))
            if not len(chosen):
                break
            trial.add(self.q[chosen])
            self.expected += len(chosen)
            (prediction,) = trial.predictions

    def rounds(self) -> Iterator[None]:
        """Computes until the tolerance is met; yields for each exact wave vector."""
        while not self.is_exact.all():
            something = self.computed or len(self.given)
            chosen, predicted, doubt = self._next() if something else self._spread()
            if self.computed and max(self.error, SAFETY * doubt) <= self.tolerance:
                self.error = max(self.error, doubt)
                return
            start = time.perf_counter()
            matrices = self.exact(self.q[chosen])
            if not self.computed:
                self._tell((time.perf_counter() - start) / len(chosen))
            if predicted is None:
                self.error = np.inf
            else:
                difference = self.frequencies(matrices) - predicted
                self.error = float(np.abs(difference).max())
            self.is_exact[chosen] = True
            self.matrices[chosen] = matrices
            self.known.add(self.q[chosen], matrices)
            self.computed += chosen.tolist()
            yield from [None] * len(chosen)

    def result(self) -> Sampled:
        """What has been reached."""
        others = np.flatnonzero(~self.is_exact)
        if len(others):
            self.matrices[others] = self.known.predicted(OURS, others)
        source = SampledResponse(self.exact, self.q, self.matrices, self.is_exact)
        error = self.error if len(others) else 0.0
        new = np.array(self.computed, dtype=int)
        return Sampled(source, error, (self.q[new], self.matrices[new]))

    def _spread(self) -> tuple[np.ndarray, None, float]:
        """Where to begin."""
        best = self.known.predictions[OURS].spread(ROUND, np.ones(len(self.q)))
        return best[: self._fitting(best)], None, np.inf

    def _next(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Where two predictions differ most, frequencies there, and by how much."""
        prediction = self.known.predictions[OURS]
        variance = np.where(self.is_exact, -1.0, prediction.variance)
        rows = np.sort(np.argsort(-variance, kind="stable")[:CANDIDATES])
        rows = rows[~self.is_exact[rows]]
        ours, theirs = (
            np.asarray(self.frequencies(self.known.predicted(which, rows)))
            for which in (OURS, THEIRS)
        )
        change = np.abs(ours - theirs).max(axis=1)
        importance = np.zeros(len(self.q))
        importance[rows] = change / np.sqrt(np.maximum(variance[rows], NEVER))
        best = prediction.spread(ROUND, importance)
        if not len(best):  # nothing but round-off is left
            best = rows[[np.argmax(change)]]
        best = best[: self._fitting(best)]
        return best, ours[np.searchsorted(rows, best)], float(change.max())

    def _fitting(self, chosen: np.ndarray) -> int:
        """How many of these, in their order, fill a round without rows left over."""
        response = self.exact.response
        size = response.size or call_size(response.graph)
        room = size.rows * -(-ROUND // size.rows)
        patterns = [displacements(self.exact.operations, self.q[k]) for k in chosen]
        needed = np.cumsum([-(-len(u) // size.columns) for u in patterns])
        return max(1, int(np.searchsorted(needed, room, side="right")))

    def _tell(self, seconds: float) -> None:
        log.info(
            "force constants: exact at about %d of %d q, within %.2g THz at the "
            "others; about %.0f s",
            self.expected,
            len(self.q),
            self.tolerance,
            seconds * self.expected,
        )


def keys_of(q: Leaf) -> list[tuple[float, ...]]:
    """Wave vectors modulo reciprocal lattice vectors, as keys of a table."""
    return [tuple(row) for row in (np.round(np.asarray(q), SAME) % 1.0).tolist()]
