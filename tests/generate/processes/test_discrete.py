"""Discrete diffusion beside Bayes' rule, written out for few classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.generate.processes import Corrupted, ElementAbsorbing, ElementUniform
from matjax.generate.processes.discrete import AUXILIARY, STEPS
from tests.generate.processes import contract

PROCESSES = [ElementAbsorbing(3), ElementUniform(3)]
CLEAN = jnp.array([2, 0, 1, 0])


def transition(process, now, later):
    """Matrix of probabilities from a state (row) to a state, entry by entry."""
    noise = process.noise()
    n = len(noise)
    kept = float(process.kept(jnp.asarray(later)) / process.kept(jnp.asarray(now)))
    matrix = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            matrix[a, b] = kept * (a == b) + (1 - kept) * noise[b]
    return matrix


def bayes(process, x_t, shares, now, then):
    """Probabilities of x_s by enumeration of x_0 and x_s."""
    to_s = transition(process, 0.0, then)
    s_to_t = transition(process, then, now)
    n = len(to_s)
    found = np.zeros(n)
    for x_0, share in enumerate(shares):
        joint = np.array([to_s[x_0, x_s] * s_to_t[x_s, x_t] for x_s in range(n)])
        if joint.sum() > 0:
            found += share * joint / joint.sum()
    return found


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_posteriors_are_those_of_bayes(process):
    now, then = 0.6, 0.35
    shares = np.array([0.2, 0.5, 0.3])
    for x_t in range(len(process.noise())):
        found = process.posterior(
            *(jnp.array([x_t]), jnp.log(shares)[None]),
            (jnp.asarray(now), jnp.asarray(then)),
        )
        possible = transition(process, 0.0, now)[:3, x_t] > 0
        known = shares * possible / (shares * possible).sum()
        assert_allclose(found[0], bayes(process, x_t, known, now, then), atol=1e-12)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_the_chain_of_steps_makes_the_forward_noise(process):
    two = transition(process, 0.0, 0.3) @ transition(process, 0.3, 0.8)
    assert_allclose(two, transition(process, 0.0, 0.8), atol=1e-12)
    assert_allclose(process._forward(process.kept(jnp.asarray(0.8))), two, atol=1e-12)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_the_loss_is_the_divergence_from_the_exact_posterior(process):
    time = 0.5
    logits = jax.random.normal(jax.random.key(0), (1, 3))
    shares = np.asarray(jax.nn.softmax(logits))[0]
    x_t, x_0 = len(process.noise()) - 1, 1
    pair = Corrupted(jnp.array([x_t]), jnp.array([x_0]))
    found = process.loss(logits, pair, jnp.asarray(time), jnp.ones(1, bool))
    q = bayes(process, x_t, np.eye(3)[x_0], time, time - 1 / STEPS)
    p = bayes(process, x_t, shares, time, time - 1 / STEPS)
    inside = q > 0
    bound = STEPS * np.sum(q[inside] * np.log(q[inside] / p[inside]))
    entropy = -np.log(shares[x_0])
    assert_allclose(found[0], bound + AUXILIARY * entropy, rtol=1e-8)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_right_and_certain_outputs_have_no_loss(process):
    time = jnp.asarray(0.4)
    noisy = process.corrupt(contract.KEY, CLEAN, time, contract.MASK)
    certain = jnp.where(jax.nn.one_hot(CLEAN, 3) > 0, 0.0, -50.0)
    assert_allclose(process.loss(certain, noisy, time, contract.MASK), 0, atol=1e-10)
