"""L-BFGS with a trust radius.

The direction is optax's. Its line searches are not used: they compare energies, whose
float32 rounding error exceeds the last few thousandths of an eV/Å of a relaxation, and
they spend several evaluations a step. Here a step is cut to the trust radius, and taken
back if the enthalpy rises above those of the last few points (Grippo, Lampariello and
Lucidi, SIAM J. Numer. Anal. 23, 707 (1986)); its pair of gradients is kept even so.

Source: Liu and Nocedal, Math. Program. 45, 503 (1989).
"""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.mechanics.landscape import Landscape, Point

MAX_STEP = 0.2
"""Å, the longest way of an atom in one step."""
STIFFNESS = 70.0
"""eV/Å², assumed while nothing is known of the Hessian (ASE's value)."""
MEMORY = 20
"""Pairs of steps and changes of the gradient that are kept."""
SOFTNESS = 1e-6
"""eV/Å², taken for a negative curvature; the trust radius sets the step."""
RECENT = 5
"""Points whose enthalpies a step may climb up to."""

T = TypeVar("T")

_direction: Any = optax.scale_by_lbfgs(memory_size=MEMORY)


class LBFGSState(struct.PyTreeNode):
    """Where the relaxation is and what it knows of the Hessian."""

    point: Point
    memory: Any
    """State of optax's transformation."""
    radius: Leaf
    """Longest way that an atom may take in the next step, Å."""
    recent: Leaf
    """Enthalpies of the last points, (RECENT,), eV."""


def lbfgs_init(landscape: Landscape, point: Point) -> LBFGSState:
    """State that knows nothing of the Hessian."""
    del landscape
    return LBFGSState(
        point=point,
        memory=_direction.init(point.coordinates),
        radius=jnp.asarray(MAX_STEP, point.coordinates.dtype),
        recent=jnp.full(RECENT, point.enthalpy),
    )


def lbfgs_step(landscape: Landscape, state: LBFGSState) -> tuple[LBFGSState, Point]:
    """State after one step, and the point that was tried."""
    point, memory = state.point, state.memory
    curvature = jnp.sum(
        (point.coordinates - memory.params) * (point.gradient - memory.updates)
    )
    # Without positive curvature a Hessian cannot be learnt: forget, and go downhill, as
    # far as allowed where the last step has shown that the curvature is negative.
    lost = curvature <= 0
    memory = _where(lost, _direction.init(point.coordinates), memory)
    direction, memory = _direction.update(point.gradient, memory, point.coordinates)
    stiffness = jnp.where(curvature < 0, SOFTNESS, STIFFNESS)
    direction = jnp.where(lost, point.gradient / stiffness, direction)

    length = landscape.length(direction)
    taken = jnp.minimum(length, state.radius)
    step = direction * (taken / jnp.maximum(length, 1e-30))
    trial = landscape.evaluate(point.coordinates - step)
    rounding = landscape.noise * (1 + jnp.abs(point.enthalpy))
    good = trial.enthalpy <= state.recent.max() + rounding
    longer = jnp.minimum(MAX_STEP, jnp.maximum(state.radius, 2 * taken))
    recent = jnp.where(jnp.isfinite(state.recent), state.recent, trial.enthalpy)
    # The next pair leads from the last evaluated point to the next accepted one.
    tried = memory._replace(params=trial.coordinates, updates=trial.gradient)
    state = LBFGSState(
        point=_where(good, trial, point),
        memory=_where(good, memory, tried),
        radius=jnp.where(good, longer, taken / 4),
        recent=jnp.where(good, jnp.roll(recent, 1).at[0].set(trial.enthalpy), recent),
    )
    return state, trial


def _where(condition: Array, a: T, b: T) -> T:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), a, b)
