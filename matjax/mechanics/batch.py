"""Many crystals on their way to rest, in batches of rows that share compiled functions.

Each row has its own convergence, failure and record. A row that has arrived, or cannot
go on, gives its place to a crystal that waits; one that has become too dense for its
row is moved to a larger one, with what its method has learnt. The loop is compiled; the
host looks in about every second.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.mechanics.chunks import next_limit, next_slack
from matjax.mechanics.fire import FireState, fire_init, fire_step
from matjax.mechanics.landscape import Landscape, Point
from matjax.mechanics.lbfgs import LBFGSState, lbfgs_init, lbfgs_step
from matjax.mechanics.rows import Job, Sizes, enter, grouped, stacked
from matjax.predictors import Potential

LOG = logging.getLogger("matjax.mechanics")

State = FireState | LBFGSState

CHUNK = 50
"""Most steps between two looks of the host."""

CPU_SLOTS = 2**13
"""Edge slots of a batch on CPUs, where more rows at once save nothing: what a step
costs beside the network is then small."""

SLOTS = 2**18
"""Edge slots of a batch on other hardware: networks that keep 100 kB for each take
26 GB."""


class Method(NamedTuple):
    """A relaxation algorithm: pure functions over an explicit state."""

    init: Callable[[Landscape, Point], Any]
    step: Callable[[Landscape, Any], tuple[Any, Point]]


METHODS: dict[str, Method] = {
    "fire": Method(fire_init, fire_step),
    "lbfgs": Method(lbfgs_init, lbfgs_step),
}


class Ended(NamedTuple):
    """A job that needs no further step."""

    job: Job
    converged: bool
    failure: str = ""
    """Why it cannot go on; empty if it can, or has converged."""


class Chunk(struct.PyTreeNode):
    """What the compiled loop hands to the host: (rows, ...) each."""

    states: State
    n_steps: Leaf
    history: Leaf
    """(rows, CHUNK, 3): energy, largest force, largest stress."""
    tried: Leaf
    """Coordinates that were evaluated last."""
    good: Leaf
    """Whether they lie within the neighbor list and have a finite enthalpy."""
    overflow: Leaf
    cells: Leaf
    """Cells of the states and of what was evaluated last, (rows, 2, 3, 3), Å."""


class Driver:
    """Takes jobs through batches."""

    def __init__(
        self, potential: Potential, method: str, thresholds: np.ndarray, max_steps: int
    ) -> None:
        self.potential, self.method = potential, method
        self.thresholds, self.max_steps = thresholds, max_steps
        cpu = jax.default_backend() == "cpu"
        self.n_slots = CPU_SLOTS if cpu else SLOTS

    def run(self, jobs: Sequence[Job]) -> Iterator[int | Ended]:
        """Numbers of steps as they are taken, and jobs as they end."""
        waiting = list(jobs)
        while waiting:
            moved: list[Job] = []
            for sizes, group in grouped(waiting, self.potential.cutoff):
                yield from self._batches(sizes, group, moved)
            waiting = moved

    def _batches(
        self, sizes: Sizes, group: list[Job], moved: list[Job]
    ) -> Iterator[int | Ended]:
        """The jobs of one shape; what has become too dense for it is moved."""
        waiting, active = deque(group), list[Job]()
        n_rows = max(1, min(len(group), self.n_slots // sizes.n_slots))
        limit = 1
        while waiting or active:
            while waiting and len(active) < n_rows:
                job = waiting.popleft()
                enter(job, sizes, self.potential.cutoff, METHODS[self.method].init)
                active.append(job)
            try:
                chunk, seconds = self._chunk(active, n_rows, limit, bool(waiting))
            except jax.errors.JaxRuntimeError as error:
                if n_rows == 1 or "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                n_rows = n_rows // 2
                LOG.warning("out of memory: batches of %d crystals now", n_rows)
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
        rows, states = stacked(filled)
        start = time.perf_counter()
        left = [self.max_steps + 1 - job.evaluations for job in active]
        chunk = _advance(
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
            elif _converged(job.state.point, self.thresholds):
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
                job.needed(self.potential.cutoff)
            except ValueError:  # two atoms have met
                pass
            else:
                return ""
        return (
            "energy, forces and stress must be finite and atoms apart; those of step "
            f"{job.evaluations} are not (0 is the start): start from a better crystal, "
            "or try method='fire'"
        )


@partial(jax.jit, static_argnames="method")
def _advance(
    potential: Potential,
    rows: Landscape,
    states: Any,
    left: Array,
    fresh: Array,
    limit: int | Array,
    enough: int | Array,
    thresholds: Array,
    *,
    method: str,
) -> Chunk:
    """At most ``limit`` steps; a step that cannot be judged is not taken.

    Args:
        potential: of all rows.
        rows: landscapes without it.
        states: of the method.
        left: steps that each row may take.
        fresh: which rows have no state yet.
        limit: steps that the batch may take.
        enough: number of rows on their way at which the batch comes back.
        thresholds: force (eV/Å) and stress (eV/Å³) at rest.
        method: name of the method.
    """

    def moving(chunk: Chunk) -> Array:
        arrived = _converged(chunk.states.point, thresholds)
        return (chunk.n_steps < left) & jnp.asarray(chunk.good) & ~arrived

    def unfinished(carry: tuple[Array, Chunk]) -> Array:
        count, chunk = carry
        return (count < limit) & (jnp.sum(moving(chunk)) > enough)

    def one(row: Landscape, state: Any) -> tuple[Any, Point]:
        return METHODS[method].step(row.replace(potential=potential), state)

    def step(carry: tuple[Array, Chunk]) -> tuple[Array, Chunk]:
        count, chunk = carry
        going = moving(chunk)
        states, trial = jax.vmap(one)(rows, chunk.states)
        good = jax.vmap(lambda point: point.finite & ~point.overflow)(trial)
        taken = going & good
        states = _where(taken, states, chunk.states)
        place = jnp.where(taken, chunk.n_steps, CHUNK)
        history = jnp.asarray(chunk.history)
        index = jnp.arange(len(taken))
        return count + 1, Chunk(
            states=states,
            n_steps=chunk.n_steps + taken,
            history=history.at[index, place].set(_row(states.point), mode="drop"),
            tried=_where(going, trial.coordinates, chunk.tried),
            good=jnp.where(going, good, chunk.good),
            overflow=jnp.where(going, trial.overflow, chunk.overflow),
            cells=chunk.cells,
        )

    def begun(row: Landscape) -> Any:
        return METHODS[method].init(row, row.start())

    states = _where(fresh, jax.vmap(begun)(rows), states)
    coordinates = states.point.coordinates
    n_rows = len(coordinates)
    first = Chunk(
        states=states,
        n_steps=jnp.zeros(n_rows, jnp.int32),
        history=jnp.zeros((n_rows, CHUNK, 3), coordinates.dtype),
        tried=coordinates,
        good=jnp.ones(n_rows, bool),
        overflow=jnp.zeros(n_rows, bool),
        cells=jnp.zeros((n_rows, 2, 3, 3), coordinates.dtype),
    )
    last = jax.lax.while_loop(unfinished, step, (jnp.asarray(0), first))[1]
    places = (last.states.point.coordinates, last.tried)
    cells = [jax.vmap(lambda row, x: row.place(x)[1])(rows, x) for x in places]
    return last.replace(cells=jnp.stack(cells, axis=1))


def _where(condition: Array, a: Any, b: Any) -> Any:
    """Leaves (rows, ...) of a where the condition (rows,) holds, else of b."""

    def chosen(x: Array, y: Array) -> Array:
        return jnp.where(condition.reshape(-1, *(1,) * (jnp.ndim(x) - 1)), x, y)

    return jax.tree.map(chosen, a, b)


def _row(point: Point) -> Array:
    return jnp.stack([point.energy, point.max_force, point.max_stress], axis=-1)


def _converged(point: Point, thresholds: Array) -> Any:
    return (point.max_force < thresholds[0]) & (point.max_stress < thresholds[1])
