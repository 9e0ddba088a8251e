"""FIRE in a bowl: its first steps by hand, and its way to the bottom."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.mechanics.fire import (
    FIRST_TIMESTEP,
    MAX_STEP,
    MIXING,
    fire_init,
    fire_step,
)
from tests.mechanics.bowl import bowl_of

START = jnp.array([[0.1, -0.05, 0.02], [0.0, 0.08, -0.1]])
STIFFNESS = np.array([[1.0, 2.0, 5.0], [3.0, 1.5, 4.0]])


def test_first_two_steps_are_those_of_the_paper():
    """v ← F dt, x ← x + v dt; then v ← (1 − α)v + α|v|F/|F| before the same."""
    bowl, dt = bowl_of(STIFFNESS), FIRST_TIMESTEP
    state = fire_init(bowl, bowl.evaluate(START))
    state, _ = fire_step(bowl, state)
    v = -STIFFNESS * START * dt
    x = START + v * dt
    assert_allclose(state.point.coordinates, x, rtol=1e-12)  # round-off
    state, _ = fire_step(bowl, state)
    force = -STIFFNESS * x
    along = force / np.linalg.norm(force) * np.linalg.norm(v)
    v = (1 - MIXING) * v + MIXING * along + dt * force
    assert_allclose(state.point.coordinates, x + v * dt, rtol=1e-12)


def test_uphill_the_velocity_is_taken_away_and_steps_shrink():
    bowl = bowl_of(STIFFNESS)
    state = fire_init(bowl, bowl.evaluate(START))
    state = state.replace(velocity=START, n_downhill=jnp.asarray(9))
    state, _ = fire_step(bowl, state)
    assert_allclose(state.timestep, FIRST_TIMESTEP / 2)
    assert state.n_downhill == 0
    assert_allclose(state.velocity, -STIFFNESS * START * state.timestep)


def test_no_atom_goes_farther_than_it_may():
    bowl = bowl_of(1e4 * STIFFNESS)
    state = fire_init(bowl, bowl.evaluate(START))
    after, _ = fire_step(bowl, state)
    step = after.point.coordinates - START
    assert_allclose(bowl.length(step), MAX_STEP, rtol=1e-12)


def test_it_comes_to_rest_at_the_bottom():
    bowl = bowl_of(STIFFNESS)
    step = jax.jit(lambda state: fire_step(bowl, state)[0])
    state = fire_init(bowl, bowl.evaluate(START))
    for _ in range(300):
        state = step(state)
    assert_allclose(state.point.coordinates, 0, atol=1e-5)
