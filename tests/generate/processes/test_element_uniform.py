"""Elements that change into any other."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import ElementUniform
from tests.generate.processes import contract
from tests.generate.processes.test_discrete import CLEAN

PROCESS = ElementUniform(3)


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 3)


def test_at_the_end_of_the_noise_all_elements_are_alike():
    mask = jnp.ones(6000, bool)
    noisy = PROCESS.corrupt(
        contract.KEY, jnp.ones(6000, jnp.int32), jnp.asarray(1.0), mask
    )
    shares = np.bincount(np.asarray(noisy.values)) / 6000
    assert_allclose(shares, 1 / 3, atol=4 * np.sqrt(2 / 9 / 6000))  # standard errors


def test_what_is_kept_falls_as_a_cosine():
    assert_allclose(PROCESS.kept(jnp.asarray(0.5)), 0.5, rtol=1e-12)
    assert_allclose(PROCESS.kept(jnp.asarray(0.0)), 1.0)
