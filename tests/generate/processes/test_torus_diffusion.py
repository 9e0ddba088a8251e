"""Wrapped-normal diffusion of coordinates."""

import jax
import jax.numpy as jnp
from numpy.testing import assert_allclose

from matjax.generate.processes import TorusDiffusion
from matjax.generate.processes.torus import mean_square_score
from tests.generate.processes import contract

PROCESS = TorusDiffusion()
CLEAN = jnp.array([[0.1, 0.5, 0.9], [0.3, 0.2, 0.7], [0.95, 0.05, 0.4], [0, 0, 0]])


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 3)
    contract.assert_trained_ideally(PROCESS, CLEAN, 3)


def test_steps_move_with_the_crystal():
    contract.assert_translates(PROCESS, CLEAN)


def test_noise_does_not_depend_on_where_the_crystal_lies():
    time = jnp.asarray(0.7)
    one = PROCESS.corrupt(contract.KEY, CLEAN, time, contract.MASK)
    moved = PROCESS.corrupt(contract.KEY, CLEAN + 0.37, time, contract.MASK)
    assert_allclose(moved.target, one.target, rtol=1e-12)


def test_targets_are_of_unit_size_at_all_times():
    mask = jnp.ones(3000, bool)
    for time in (0.0, 0.5, 0.8, 1.0):
        noisy = PROCESS.corrupt(
            contract.KEY, jnp.zeros((3000, 3)), jnp.asarray(time), mask
        )
        # 9,000 numbers: the mean square is within 3 % nearly always; where almost
        # nothing is left of the score its square is not normal.
        assert_allclose(jnp.mean(noisy.target**2), 1, rtol=0.08)


def test_a_score_undoes_the_weight_of_the_loss():
    time = jnp.asarray(0.5)
    root = jnp.sqrt(mean_square_score(PROCESS.sigma(time)))
    output = jax.random.normal(contract.KEY, (4, 3))
    assert_allclose(PROCESS.score(output, time), output * root, rtol=1e-12)
