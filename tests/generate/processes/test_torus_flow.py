"""Geodesic flows of coordinates."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import TorusFlow
from tests.generate.processes import contract
from tests.generate.processes.test_torus_diffusion import CLEAN

PROCESS = TorusFlow()


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 3)
    contract.assert_trained_ideally(PROCESS, CLEAN, 3)


def test_steps_move_with_the_crystal():
    contract.assert_translates(PROCESS, CLEAN)


def test_velocities_do_not_move_the_crystal_as_a_whole():
    noisy = PROCESS.corrupt(contract.KEY, CLEAN, jnp.asarray(0.5), contract.MASK)
    assert_allclose(noisy.target[:3].mean(axis=0), 0, atol=1e-12)
    output = contract.output_like(CLEAN, 3)
    drift = PROCESS.loss(output + 3.0, noisy, jnp.asarray(0.5), contract.MASK)
    rest = PROCESS.loss(output, noisy, jnp.asarray(0.5), contract.MASK)
    assert_allclose(drift, rest, rtol=1e-10)


def test_ways_are_straight_and_lead_back():
    noisy = PROCESS.corrupt(contract.KEY, CLEAN, jnp.asarray(0.8), contract.MASK)
    span = (jnp.asarray(0.8), jnp.asarray(0.0))
    back = PROCESS.advance(noisy.values, noisy.target, span, contract.MASK)
    assert_allclose((back - CLEAN + 0.5) % 1, 0.5, atol=1e-12)


def test_before_means_are_taken_out_no_way_is_longer_than_half_a_cell():
    process = TorusFlow(mean_free=False)
    noisy = process.corrupt(contract.KEY, CLEAN, jnp.asarray(0.5), contract.MASK)
    assert np.abs(noisy.target).max() <= 0.5


def test_noise_does_not_depend_on_the_origin_of_the_data():
    """Velocities were cut at images that the origin chose: half of them were noise."""
    time = jnp.asarray(0.6)
    one = PROCESS.corrupt(contract.KEY, CLEAN, time, contract.MASK)
    moved = PROCESS.corrupt(contract.KEY, CLEAN + 0.37, time, contract.MASK)
    assert_allclose(moved.target, one.target, atol=1e-12)
