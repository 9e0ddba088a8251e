"""Elements that are replaced by others of the composition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.generate.processes import ElementComposition
from tests.generate.processes import contract
from tests.generate.processes.test_discrete import CLEAN

SHARES = jnp.array([0.6, 0.0, 0.4])
PROCESS = ElementComposition(3, composition=SHARES)


def test_it_keeps_the_protocol():
    process = ElementComposition(3, composition=jnp.array([0.2, 0.5, 0.3]))
    contract.assert_process(process, CLEAN, 3)


@pytest.mark.parametrize("seed", range(4))
def test_what_elements_start_from_has_the_composition(seed):
    mask = jnp.arange(8) < 5
    found = PROCESS.prior(jax.random.key(seed), mask)
    assert sorted(np.asarray(found)[:5].tolist()) == [0, 0, 0, 2, 2]
    assert_allclose(found[5:], 0)


def test_numbers_of_atoms_differ_from_the_composition_by_less_than_one():
    process = ElementComposition(3, composition=jnp.array([0.5, 0.3, 0.2]))
    mask = jnp.ones(7, bool)
    for key in jax.random.split(jax.random.key(0), 20):
        counts = np.bincount(np.asarray(process.prior(key, mask)), minlength=3)
        assert np.abs(counts - 7 * np.array([0.5, 0.3, 0.2])).max() < 1


def test_padding_changes_no_atom():
    key = jax.random.key(1)
    few = PROCESS.prior(key, jnp.ones(5, bool))
    many = PROCESS.prior(key, jnp.arange(9) < 5)
    assert_allclose(many[:5], few)


def test_the_share_of_elements_that_stay_follows_from_the_width():
    values = jnp.ones(4000, jnp.int32)  # the composition holds no element 1
    time = jnp.asarray(0.8)
    noisy = PROCESS.corrupt(contract.KEY, values, time, jnp.ones(4000, bool))
    kept = np.mean(np.asarray(noisy.values) == 1)
    share = 1 / (1 + float(PROCESS.sigma(time)))
    # Four standard errors.
    assert_allclose(kept, share, atol=4 * np.sqrt(share * (1 - share) / 4000))


def test_the_loss_of_perfect_logits_is_zero_and_of_none_the_logarithm_by_the_width():
    time = jnp.asarray(0.5)
    noisy = PROCESS.corrupt(contract.KEY, CLEAN, time, contract.MASK)
    exact = jnp.where(jax.nn.one_hot(CLEAN, 3) > 0, 0.0, -1e9)
    assert_allclose(PROCESS.loss(exact, noisy, time, contract.MASK), 0, atol=1e-12)
    none = PROCESS.loss(jnp.zeros((4, 3)), noisy, time, contract.MASK)
    assert_allclose(none[:3], np.log(3) / PROCESS.sigma(time), rtol=1e-12)


def test_a_step_takes_the_likeliest_element():
    output = jnp.array([[0.0, 1, 0], [2, 0, 1], [0, 0, 3], [0, 1, 0]])
    moved = PROCESS.step(contract.KEY, CLEAN, output, contract.SPAN, contract.MASK)
    assert_allclose(moved, [1, 0, 2, 0])


def test_without_a_composition_there_is_no_noise():
    with pytest.raises(ValueError, match="become those of a composition"):
        ElementComposition(3).prior(contract.KEY, contract.MASK)
