"""Times of a process as inputs of a network."""

from __future__ import annotations

import jax.numpy as jnp

from matjax.arrays import Array, Float

FASTEST = 1000.0
"""Angle, radians, by which the fastest function turns from time 0 to 1."""


def embedded_times(
    times: Float[Array, "graphs parts"], size: int
) -> Float[Array, "graphs embedded"]:
    """Sines and cosines of the times, at frequencies of a geometric series.

    Source: Vaswani et al., NeurIPS 2017 (arXiv 1706.03762), section 3.5.

    Args:
        times: from 0 to 1, of the parts of a crystal.
        size: number of frequencies.
    """
    steps = jnp.arange(size, dtype=times.dtype) / max(size - 1, 1)
    angles = (times[..., None] * FASTEST**steps).reshape(len(times), -1)
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
