"""Noise dealt out among atoms of one kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment

from matjax.generate.processes.pairing import PASSES, _rounds, circular_mean, paired
from matjax.generate.processes.torus import wrap


def draw(n, seed=0):
    ends, clean = np.random.default_rng(seed).random((2, n, 3))
    return jnp.asarray(ends), jnp.asarray(clean)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_all_meet_once(n):
    rounds = _rounds(n)
    met = {(i, j) for row in rounds for i, j in enumerate(row) if i < j}
    assert met == {(i, j) for i in range(n) for j in range(i + 1, n)}
    for row in rounds:
        assert_allclose(row[row], np.arange(n))


def test_ways_are_about_as_short_as_the_best_assignment():
    """Of 20 atoms; as they come, squares are three times as large."""
    ratios, before = [], []
    mask, kinds = jnp.ones(20, bool), jnp.zeros(20, int)
    deal = jax.jit(paired)
    for seed in range(20):
        end, clean = draw(20, seed)
        found = deal(end, clean, mask, kinds)
        shift = circular_mean(found - clean, mask)
        costs = np.square(wrap(end[None] - clean[:, None] - shift)).sum(-1)
        best = costs[linear_sum_assignment(costs)].sum()
        ratios.append(float(jnp.square(wrap(found - clean - shift)).sum()) / best)
        before.append(float(costs.trace()) / best)
    assert min(ratios) > 1 - 1e-9
    assert np.mean(ratios) < 1.1 < 1.8 < np.mean(before)
    assert PASSES > 1


def test_kinds_keep_their_noise_and_padding_has_none():
    end, clean = draw(8)
    kinds = jnp.asarray([0, 0, 0, 1, 1, 2, 0, 0])
    mask = jnp.arange(8) < 6
    found = paired(end, clean, mask, kinds)
    for kind in range(3):
        own = np.asarray((kinds == kind) & mask)
        assert_allclose(np.sort(found[own], axis=0), np.sort(end[own], axis=0))
    assert_allclose(found[5], end[5])
    assert_allclose(found[6:], 0)


def test_translations_do_not_change_who_is_paired():
    end, clean = draw(8)
    mask, kinds = jnp.ones(8, bool), jnp.zeros(8, int)
    one = paired(end, clean, mask, kinds)
    assert_allclose(paired(end, clean + 0.37, mask, kinds), one, atol=1e-12)
