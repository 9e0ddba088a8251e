"""Elements that are lost and given anew."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import ElementAbsorbing
from tests.generate.processes import contract
from tests.generate.processes.test_discrete import CLEAN

PROCESS = ElementAbsorbing(3)


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 3)


def test_at_the_end_of_the_noise_no_atom_has_an_element():
    assert_allclose(PROCESS.prior(contract.KEY, contract.MASK), [3, 3, 3, 0])
    assert_allclose(PROCESS.shares(jnp.array([3, 1])), [[0, 0, 0], [0, 1, 0]])


def test_the_share_of_lost_elements_is_the_time():
    values = jnp.ones(4000, jnp.int32)
    mask = jnp.ones(4000, bool)
    noisy = PROCESS.corrupt(contract.KEY, values, jnp.asarray(0.3), mask)
    lost = np.mean(np.asarray(noisy.values) == 3)
    assert_allclose(lost, 0.3, atol=4 * np.sqrt(0.21 / 4000))  # four standard errors


def test_elements_that_were_given_stay_and_at_time_0_none_is_lost():
    values = jnp.array([0, 3, 2, 3])
    output = jax.random.normal(contract.KEY, (4, 3))
    mask = jnp.ones(4, bool)
    span = (jnp.asarray(0.2), jnp.asarray(0.0))
    moved = PROCESS.step(contract.KEY, values, output, span, mask)
    assert_allclose(moved[jnp.array([0, 2])], [0, 2])
    assert (np.asarray(moved) < 3).all()
