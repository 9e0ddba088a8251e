"""What every process is asked: padding, shapes, limits of time, order of the atoms."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import Continuous, Scored

KEY = jax.random.key(5)
MASK = jnp.array([True, True, True, False])
SPAN = (jnp.asarray(0.6), jnp.asarray(0.45))


def output_like(values, width):
    return jax.random.normal(jax.random.key(8), (len(values), width))


def assert_process(process, clean, width):
    """Holds a process to what the protocol says.

    Args:
        process: any.
        clean: values of four rows, the last of which is padding.
        width: numbers that a network gives for a row.
    """
    time = jnp.asarray(0.6)
    noisy = process.corrupt(KEY, clean, time, MASK)
    output = output_like(clean, width)
    assert process.prior(KEY, MASK).shape == clean.shape
    moved = process.step(KEY, noisy.values, output, SPAN, MASK)
    assert moved.shape == clean.shape
    loss = process.loss(output, noisy, time, MASK)
    assert loss.shape == (4,)
    assert (np.asarray(loss) >= 0).all()
    assert float(loss[3]) == 0
    for values in (noisy.values, moved, process.prior(KEY, MASK)):
        assert_allclose(values[3], 0, atol=0)
    # At time 0 nothing is left of the noise but what the process says.
    start = process.corrupt(KEY, clean, jnp.asarray(0.0), MASK)
    assert_allclose(start.values[:3], clean[:3], atol=0.03)
    assert_order_does_not_matter(process, noisy, output)


def assert_order_does_not_matter(process, noisy, output):
    """What draws no random number follows a permutation of the rows."""
    order = jnp.array([2, 0, 1, 3])
    time = SPAN[0]
    other = jax.tree.map(lambda x: x[order], noisy)
    loss = process.loss(output, noisy, time, MASK)[order]
    assert_allclose(process.loss(output[order], other, time, MASK), loss, rtol=1e-12)
    if not isinstance(process, Continuous):
        return
    slope = process.direction(noisy.values, output, time)
    moved = process.advance(noisy.values, slope, SPAN, MASK)
    again = process.advance(other.values, slope[order], SPAN, MASK)
    assert_allclose(again, moved[order], rtol=1e-12)
    if isinstance(process, Scored):
        score = process.score(output, time)
        assert_allclose(process.score(output[order], time), score[order], rtol=1e-12)


def assert_translates(process, clean):
    """A step moves with the crystal, and with an atom by a vector of the lattice."""
    output = output_like(clean, 3)
    move = jnp.array([0.31, 0.77, -0.2])
    away = lambda a, b: np.asarray((a - b + 0.5) % 1 - 0.5)[:3]
    here = process.step(KEY, clean, output, SPAN, MASK)
    there = process.step(KEY, clean + move, output, SPAN, MASK)
    assert_allclose(away(there, here + move), 0, atol=1e-12)
    lattice = jnp.array([[1.0, 0, 0], [0, -2, 0], [0, 0, 0], [0, 0, 0]])
    image = process.step(KEY, clean + lattice, output, SPAN, MASK)
    assert_allclose(away(image, here), 0, atol=1e-12)


def assert_trained_ideally(process, clean, width, n=4000):
    """The mean target at a noisy value is what the loss has its minimum at: zero."""
    time = jnp.asarray(0.4)
    keys = jax.random.split(KEY, n)
    noisy = jax.vmap(lambda k: process.corrupt(k, clean, time, MASK))(keys)
    exact = jax.vmap(lambda pair: process.loss(pair.target, pair, time, MASK))(noisy)
    assert_allclose(exact, 0, atol=1e-12)
