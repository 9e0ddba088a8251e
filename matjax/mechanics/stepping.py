"""Steps of all rows of a batch in one compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.compilation import exported
from matjax.mechanics.chunks import where_rows
from matjax.mechanics.fire import FireState, fire_init, fire_step
from matjax.mechanics.landscape import Landscape, Point
from matjax.mechanics.lbfgs import LBFGSState, lbfgs_init, lbfgs_step
from matjax.predictors import Potential

State = FireState | LBFGSState

CHUNK = 50
"""Most steps between two looks of the host."""


class Method(NamedTuple):
    """A relaxation algorithm: pure functions over an explicit state."""

    init: Callable[[Landscape, Point], Any]
    step: Callable[[Landscape, Any], tuple[Any, Point]]


METHODS: dict[str, Method] = {
    "fire": Method(fire_init, fire_step),
    "lbfgs": Method(lbfgs_init, lbfgs_step),
}


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


@exported(
    result=lambda potential, rows, states, left, *_: Chunk(states, *[left] * 6),
    static=("method",),
)
def advance(
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
        arrived = converged(chunk.states.point, thresholds)
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
        states = where_rows(taken, states, chunk.states)
        place = jnp.where(taken, chunk.n_steps, CHUNK)
        history = jnp.asarray(chunk.history)
        index = jnp.arange(len(taken))
        return count + 1, Chunk(
            states=states,
            n_steps=chunk.n_steps + taken,
            history=history.at[index, place].set(_row(states.point), mode="drop"),
            tried=where_rows(going, trial.coordinates, chunk.tried),
            good=jnp.where(going, good, chunk.good),
            overflow=jnp.where(going, trial.overflow, chunk.overflow),
            cells=chunk.cells,
        )

    carry = (jnp.asarray(0), _begun(rows, states, fresh, method))
    last = jax.lax.while_loop(unfinished, step, carry)[1]
    places = (last.states.point.coordinates, last.tried)
    cells = [jax.vmap(lambda row, x: row.place(x)[1])(rows, x) for x in places]
    return last.replace(cells=jnp.stack(cells, axis=1))


def _begun(rows: Landscape, states: Any, fresh: Array, method: str) -> Chunk:
    """Where a chunk begins; rows without a state get their first one."""

    def begun(row: Landscape) -> Any:
        return METHODS[method].init(row, row.start())

    states = where_rows(fresh, jax.vmap(begun)(rows), states)
    coordinates = states.point.coordinates
    n_rows = len(coordinates)
    return Chunk(
        states=states,
        n_steps=jnp.zeros(n_rows, jnp.int32),
        history=jnp.zeros((n_rows, CHUNK, 3), coordinates.dtype),
        tried=coordinates,
        good=jnp.ones(n_rows, bool),
        overflow=jnp.zeros(n_rows, bool),
        cells=jnp.zeros((n_rows, 2, 3, 3), coordinates.dtype),
    )


def _row(point: Point) -> Array:
    return jnp.stack([point.energy, point.max_force, point.max_stress], axis=-1)


def converged(point: Point, thresholds: Array) -> Any:
    """Whether force and stress are below their thresholds, ()."""
    return (point.max_force < thresholds[0]) & (point.max_stress < thresholds[1])
