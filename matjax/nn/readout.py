"""From features of a crystal to its properties by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float


def property_readout(
    network: nn.Module,
    features: Float[Array, "rows features"],
    activation: Callable[[Array], Array],
) -> dict[str, Float[Array, "rows"]]:
    """Properties of crystals, or of atoms, from a perceptron on their features.

    Makes the submodules ``head_0``, ``head_1``, … and ``readout``, in a compact method.

    Args:
        network: with the attributes ``properties`` (names), ``head`` (widths of the
            hidden layers), ``scale`` and ``shift`` (a number, or one of each property).
        features: of each crystal or atom.
        activation: after each hidden layer.
    """
    config: Any = network
    y = features
    for i, width in enumerate(config.head):
        y = activation(nn.Dense(width, name=f"head_{i}")(y))
    y = nn.Dense(len(config.properties), name="readout")(y)
    y = y * jnp.asarray(config.scale, y.dtype) + jnp.asarray(config.shift, y.dtype)
    return dict(zip(config.properties, y.T, strict=True))
