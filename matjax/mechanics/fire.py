"""Fast inertial relaxation engine (FIRE).

Source: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import struct

from matjax.arrays import Leaf
from matjax.mechanics.landscape import Landscape, Point

MAX_STEP = 0.2
"""Å, the longest way of an atom in one step."""

# The paper's parameters; its time steps for unit masses, in Å·sqrt(amu/eV), as ASE's.
N_MIN, GROW, SHRINK, MIXING, FADE = 5, 1.1, 0.5, 0.1, 0.99
FIRST_TIMESTEP, MAX_TIMESTEP = 0.1, 1.0


class FireState(struct.PyTreeNode):
    """Where the relaxation is and how it moves."""

    point: Point
    velocity: Leaf
    """(nodes + 3, 3)."""
    timestep: Leaf
    mixing: Leaf
    """Share of the velocity that is turned into the direction of the force."""
    n_downhill: Leaf
    """Steps since the velocity last pointed uphill."""


def fire_init(landscape: Landscape, point: Point) -> FireState:
    """State at rest."""
    del landscape
    dtype = point.coordinates.dtype
    return FireState(
        point=point,
        velocity=jnp.zeros_like(point.coordinates),
        timestep=jnp.asarray(FIRST_TIMESTEP, dtype),
        mixing=jnp.asarray(MIXING, dtype),
        n_downhill=jnp.asarray(0),
    )


def fire_step(landscape: Landscape, state: FireState) -> tuple[FireState, Point]:
    """State after one step, and the point that was tried (always the new one)."""
    force = -state.point.gradient
    velocity, dt, mixing = state.velocity, state.timestep, state.mixing
    downhill = jnp.sum(force * velocity) >= 0
    n_downhill = jnp.where(downhill, state.n_downhill + 1, 0)

    norm = jnp.linalg.norm(force)
    along = force / jnp.where(norm > 0, norm, 1) * jnp.linalg.norm(velocity)
    velocity = jnp.where(downhill, (1 - mixing) * velocity + mixing * along, 0)
    faster = n_downhill > N_MIN
    grown = jnp.where(faster, jnp.minimum(dt * GROW, MAX_TIMESTEP), dt)
    dt = jnp.where(downhill, grown, dt * SHRINK)
    mixing = jnp.where(downhill, jnp.where(faster, mixing * FADE, mixing), MIXING)

    velocity = velocity + dt * force
    step = dt * velocity
    step = step * jnp.minimum(1, MAX_STEP / jnp.maximum(landscape.length(step), 1e-30))
    point = landscape.evaluate(state.point.coordinates + step)
    state = FireState(
        point=point,
        velocity=velocity,
        timestep=dt,
        mixing=mixing,
        n_downhill=n_downhill,
    )
    return state, point
