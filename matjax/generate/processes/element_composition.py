"""Diffusion of elements towards the composition of their crystal.

    q(x_t given x_0) ∝ [x_t = x_0] + σ(t) c(x_t),  σ(t) = σ_1 (σ_T/σ_1)^t

with the shares c of the species in the crystal, as they are read from a latent. Source:
Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float, Int
from matjax.generate.processes.discrete import DiscreteDiffusion
from matjax.generate.processes.protocol import Corrupted, draw, masked


@dataclass(frozen=True)
class ElementComposition(DiscreteDiffusion):
    """Noise that replaces elements by others of the same composition.

    A network's logits say the element. The loss is their cross entropy by σ; a step
    takes the likeliest element, as the paper does.
    """

    narrow: float = 0.01
    """σ at time 0."""
    wide: float = 5.0
    """σ at time 1."""
    composition: Float[Array, "species"] | None = None
    """Shares of the species, set for each crystal."""

    def noise(self) -> Array:
        """The composition."""
        if self.composition is None:
            raise ValueError(
                "elements become those of a composition, which a network with a latent "
                "reads from it; choose process.elements=absorbing for other networks"
            )
        return jax.lax.stop_gradient(self.composition)

    def sigma(self, time: Float[Array, ""]) -> Float[Array, ""]:
        """Weight of the composition beside the element at a time."""
        return self.narrow * (self.wide / self.narrow) ** time

    def kept(self, time: Float[Array, ""]) -> Float[Array, ""]:
        """1/(1 + σ)."""
        return 1 / (1 + self.sigma(time))

    def prior(self, key: Array, mask: Bool[Array, "rows"]) -> Int[Array, "rows"]:
        """Elements in the proportions of the composition, in any order.

        Numbers of atoms differ by less than one from what the composition says: atoms
        stand in random order at even distances along the summed shares. (The paper
        rounds the numbers and draws the atoms that are left.)
        """
        start_key, order_key = jax.random.split(key)
        order = draw(order_key, len(mask), jax.random.uniform)
        rank = jnp.argsort(jnp.argsort(jnp.where(mask, order, jnp.inf)))
        # Off the ends, where round-off of whole numbers of atoms would count.
        start = 0.01 + 0.98 * jax.random.uniform(start_key)
        place = (rank + start) / jnp.maximum(jnp.sum(mask), 1)
        ends = jnp.cumsum(self.noise())
        species = jnp.searchsorted(ends / ends[-1], place)
        return masked(mask, jnp.minimum(species, self.n_species - 1).astype(jnp.int32))

    def loss(
        self,
        output: Float[Array, "rows species"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Cross entropy in units of σ, nats."""
        logs = jax.nn.log_softmax(output)
        entropy = -jnp.take_along_axis(logs, corrupted.target[:, None], axis=1)[:, 0]
        return masked(mask, entropy / self.sigma(time))

    def step(
        self,
        key: Array,
        values: Int[Array, "rows"],
        output: Float[Array, "rows species"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Int[Array, "rows"]:
        """The likeliest elements."""
        return masked(mask, jnp.argmax(output, axis=-1).astype(values.dtype))
