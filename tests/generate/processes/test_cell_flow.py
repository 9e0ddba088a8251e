"""The cell's six numbers as CellFlow takes them."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import CellFlow
from tests.generate.processes import contract

CLEAN = jax.random.normal(jax.random.key(1), (4, 6)).at[3].set(0)


def test_it_keeps_the_protocol():
    contract.assert_process(CellFlow(), CLEAN, 6)
    contract.assert_trained_ideally(CellFlow(), CLEAN, 6)


def test_the_prior_is_standard_normal():
    found = np.asarray(CellFlow().prior(contract.KEY, jnp.ones(2000, bool)))
    assert found.shape == (2000, 6)
    # Four standard errors of 12,000 numbers.
    assert_allclose(found.mean(), 0, atol=4 / np.sqrt(12_000))
    assert_allclose(found.var(), 1, atol=4 * np.sqrt(2 / 12_000))
