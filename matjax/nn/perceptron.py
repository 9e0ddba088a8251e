"""Perceptrons with biases, plain and gated, that end with or without an activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float


def shifted_softplus(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln((1 + eˣ)/2): softplus moved down to be 0 at 0.

    Source: Chen et al., Chem. Mater. 31, 3564 (2019).
    """
    return jax.nn.softplus(x) - jnp.log(jnp.asarray(2, x.dtype))


class Perceptron(nn.Module):
    """Dense layers, each followed by the activation, the last one on request.

    Attributes:
        widths: of the layers, without the input.
        activation: after each layer.
        ends_active: whether the last layer is followed by it, too.
        use_bias: of every layer.
    """

    widths: Sequence[int]
    activation: Callable[[Array], Array] = jax.nn.silu
    ends_active: bool = True
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "... inputs"]) -> Float[Array, "... outputs"]:
        """The perceptron of the last axis."""
        for i, width in enumerate(self.widths):
            x = nn.Dense(width, use_bias=self.use_bias, name=f"layer_{i}")(x)
            if i < len(self.widths) - 1 or self.ends_active:
                x = self.activation(x)
        return x


class GatedPerceptron(nn.Module):
    """A perceptron times the logistic function of a second one of the same widths.

        φ(x) = g(… g(x W₀ + b₀) …) ⊙ σ(… g(x W₀' + b₀') …),   g silu, σ logistic

    Source: Chen and Ong, Nat. Comput. Sci. 2, 718 (2022), Methods.

    Attributes:
        widths: of the layers, without the input.
        ends_active: whether g follows the last layer of the first perceptron.
        use_bias: of every layer.
    """

    widths: Sequence[int]
    ends_active: bool = True
    use_bias: bool = True

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "... inputs"],
        gate: Float[Array, "... inputs"] | None = None,
    ) -> Float[Array, "... outputs"]:
        """The product; the gate has an input of its own where one is given."""
        settings = {"widths": self.widths, "use_bias": self.use_bias}
        core = Perceptron(**settings, ends_active=self.ends_active, name="core")(x)
        shut = Perceptron(**settings, ends_active=False, name="gate")
        return core * jax.nn.sigmoid(shut(x if gate is None else gate))
