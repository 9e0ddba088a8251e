"""Many crystals on their way to rest, in batches of rows that share compiled functions.

Each row has its own convergence, failure and record. A row that has arrived, or cannot
go on, gives its place to a crystal that waits; one that has become too dense for its
row is moved to a larger one, with what its method has learnt. The loop is compiled; the
host looks in about every second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from matjax.graphs import Policy, Shape, batch_size
from matjax.mechanics.chunks import halved, next_limit, next_slack
from matjax.mechanics.rows import Job, Sizes, enter, grouped, stacked
from matjax.mechanics.stepping import CHUNK, METHODS, Chunk, advance, converged
from matjax.predictors import Potential, evaluate, slots_that_fit

NETWORK = 1000
"""Parameters of a potential that costs more than what moves the crystals."""


class Ended(NamedTuple):
    """A job that needs no further step."""

    job: Job
    converged: bool
    failure: str = ""
    """Why it cannot go on; empty if it can, or has converged."""


class Driver:
    """Takes jobs through batches."""

    def __init__(
        self,
        potential: Potential,
        method: str,
        thresholds: np.ndarray,
        max_steps: int,
        shapes: Policy = "few",
    ) -> None:
        self.potential, self.method = potential, method
        self.thresholds, self.max_steps = thresholds, max_steps
        self.shapes: Policy = shapes

    def run(self, jobs: Sequence[Job]) -> Iterator[int | Ended]:
        """Numbers of steps as they are taken, and jobs as they end."""
        waiting = list(jobs)
        while waiting:
            moved: list[Job] = []
            for sizes, group in grouped(waiting, self.potential.cutoff, self.shapes):
                yield from self._batches(sizes, group, moved)
            waiting = moved

    def _batches(
        self, sizes: Sizes, group: list[Job], moved: list[Job]
    ) -> Iterator[int | Ended]:
        """The jobs of one shape; what has become too dense for it is moved."""
        waiting, active = deque(group), list[Job]()
        shape = Shape(*sizes[:2], 1)
        slots = relaxing_slots(self.potential)
        n_rows = batch_size(shape, len(group), self.shapes, slots=slots)
        limit = 1
        while waiting or active:
            while waiting and len(active) < n_rows:
                job = waiting.popleft()
                enter(job, sizes, self.potential.cutoff, METHODS[self.method].init)
                active.append(job)
            try:
                chunk, seconds = self._chunk(active, n_rows, limit, bool(waiting))
            except jax.errors.JaxRuntimeError as error:
                n_rows = halved(n_rows, error)
                waiting.extendleft(reversed(active[n_rows:]))
                active = active[:n_rows]
                continue
            taken = int(chunk.n_steps.max())
            limit = next_limit(max(taken, 1), seconds, CHUNK)
            yield int(chunk.n_steps.sum())
            ended, active = self._sorted(active, chunk, moved)
            yield from ended

    def _chunk(
        self, active: list[Job], n_rows: int, limit: int, more: bool
    ) -> tuple[Chunk, float]:
        """Some steps of all rows, and the seconds that they took."""
        filled = [*active, *[active[0]] * (n_rows - len(active))]
        rows, states = stacked([(job.landscape, job.state) for job in filled])
        start = time.perf_counter()
        left = [self.max_steps + 1 - job.evaluations for job in active]
        chunk = advance(
            self.potential,
            rows,
            states,
            np.array([*left, *[0] * (n_rows - len(active))], np.int32),
            np.array([not job.history for job in filled]),
            min(limit, CHUNK),
            # A batch that waits for its last rows would leave places empty.
            len(active) - max(1, n_rows // 8) if more else 0,
            self.thresholds,
            method=self.method,
        )
        chunk = jax.device_get(jax.block_until_ready(chunk))
        return chunk, time.perf_counter() - start

    def _sorted(
        self, active: list[Job], chunk: Chunk, moved: list[Job]
    ) -> tuple[list[Ended], list[Job]]:
        """Jobs that have ended, and those that go on where they are."""
        ended, going = [], []
        for k, job in enumerate(active):
            n_steps = int(chunk.n_steps[k])
            job.history.append(np.asarray(chunk.history[k, :n_steps]))
            job.place = chunk.cells[k, 0]
            job.state = jax.tree.map(lambda leaf, k=k: leaf[k], chunk.states)
            if not chunk.good[k]:
                failure = self._moved(job, chunk, k, progress=n_steps > 0)
                if failure:
                    ended.append(Ended(job, converged=False, failure=failure))
                else:
                    moved.append(job)
            elif converged(job.state.point, self.thresholds):
                ended.append(Ended(job, converged=True))
            elif job.evaluations > self.max_steps:
                ended.append(Ended(job, converged=False))
            else:
                going.append(job)
        return ended, going

    def _moved(self, job: Job, chunk: Chunk, k: int, *, progress: bool) -> str:
        """Readies a job for a larger row; or tells why none would do."""
        tried = chunk.tried[k]
        if chunk.overflow[k] and np.isfinite(tried).all():
            job.slack = next_slack(job.slack, progress=progress)
            job.tried = job.at(tried, chunk.cells[k, 1])
            try:
                job.measure(self.potential.cutoff)
            except ValueError:  # two atoms have met
                pass
            else:
                return ""
        return (
            "energy, forces and stress must be finite and atoms apart; those of step "
            f"{job.evaluations} are not (0 is the start): start from a better crystal, "
            "or try method='fire'"
        )


def relaxing_slots(potential: Potential) -> int:
    """Edge slots of the crystals that are relaxed together.

    A network on a CPU takes as long for several crystals as for one after the other,
    and in a batch those that have arrived are computed until the last has: 16 crystals
    of six atoms take 58 to 77 s of CPU time in 16 rows of nequix-mp-1-pft, and 26 to
    41 s in one.
    """
    n_parameters = sum(np.size(leaf) for leaf in jax.tree.leaves(potential))
    if jax.default_backend() == "cpu" and n_parameters >= NETWORK:
        return 1
    return slots_that_fit(potential, evaluate)
