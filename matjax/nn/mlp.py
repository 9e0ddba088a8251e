"""Multilayer perceptrons, split into parameters and a pure function of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax

from matjax.arrays import Array, Float


class MLP(nn.Module):
    """Bias-free perceptron; calling it gives the function with its parameters bound.

    The function is pure and may be called inside ``lax.map`` or ``jax.checkpoint``,
    where a Flax module may not.

    Attributes:
        widths: sizes of input, hidden layers and output.
        gain: variance of the hidden layers' initial outputs.
        activation: between the layers, none after the last.
    """

    widths: Sequence[int]
    gain: float = 1.0
    activation: Callable[[Array], Array] = jax.nn.silu

    @nn.compact
    def __call__(self) -> Callable[[Float[Array, "... inputs"]], Array]:
        """The perceptron as a function of its input's last axis."""
        last = len(self.widths) - 2
        kernels = [
            self.param(
                f"kernel_{i}",
                nn.initializers.variance_scaling(
                    1.0 if i == last else self.gain, "fan_in", "normal"
                ),
                (self.widths[i], self.widths[i + 1]),
            )
            for i in range(last + 1)
        ]

        def apply(x: Array) -> Array:
            for kernel in kernels[:-1]:
                x = self.activation(x @ kernel)
            return x @ kernels[-1]

        return apply
