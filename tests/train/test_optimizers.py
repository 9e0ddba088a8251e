"""Optimizers: sizes of their updates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matjax.train import OptimizerConfig, make_optimizer

RATE = 1e-3


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(5)
    shapes = {"tall": (64, 8), "wide": (8, 32), "square": (24, 24), "bias": (48,)}
    return {k: jnp.asarray(rng.normal(size=shape)) for k, shape in shapes.items()}


def first_sizes(name, params, scale=1.0):
    """Root mean square of the first update by parameter, gradients being random."""
    config = OptimizerConfig(
        name=name, learning_rate=RATE, warmup=0, weight_decay=0, clip=None
    )
    optimizer = make_optimizer(config, 100)
    rng = np.random.default_rng(6)
    gradient = jax.tree.map(
        lambda x: jnp.asarray(scale * rng.normal(size=x.shape)), params
    )
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    return {k: float(np.sqrt(np.mean(np.square(u)))) for k, u in updates.items()}


def test_updates_of_muon_are_of_one_size_whatever_the_shape(params):
    sizes = first_sizes("muon", params)
    for name in ("tall", "wide", "square"):
        # five steps of Newton and Schulz leave singular values between 0.7 and 1.2
        np.testing.assert_allclose(sizes[name], 0.2 * RATE, rtol=0.3)
    # Adam's first update with Nesterov's look ahead, b1 = 0.9; ε is the difference
    first = 1 + 0.9 * 0.1 / (1 - 0.9**2)
    np.testing.assert_allclose(sizes["bias"], first * RATE, rtol=1e-3)
    again = first_sizes("muon", params, scale=1e-4)
    np.testing.assert_allclose([*again.values()], [*sizes.values()], rtol=1e-3)  # ε


def test_only_matrices_decay(params):
    config = OptimizerConfig(learning_rate=RATE, warmup=0, weight_decay=0.1)
    for name in ("adamw", "muon"):
        optimizer = make_optimizer(config.model_copy(update={"name": name}), 100)
        still = jax.tree.map(jnp.zeros_like, params)
        updates, _ = optimizer.update(still, optimizer.init(params), params)
        assert not np.asarray(updates["bias"]).any()
        for key in ("tall", "wide", "square"):
            np.testing.assert_allclose(
                updates[key],
                -0.1 * RATE * params[key],
                rtol=1e-6,  # round-off
            )
