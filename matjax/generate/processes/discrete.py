"""Discrete diffusion whose noise replaces a value by a draw from a fixed distribution.

    q(x_t given x_0) = k(t) [x_t = x_0] + (1 − k(t)) π(x_t)

with the share k(t) of what is kept. π at one more state is absorbing diffusion, π
uniform is multinomial diffusion. Source: Austin et al., NeurIPS 2021 (arXiv 2107.03006,
D3PM), Eqs. 3–5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Bool, Float, Int
from matjax.generate.processes.protocol import Corrupted, draw, masked

STEPS = 100
"""Steps of the chain whose variational bound is the loss; the limit of many is near."""
AUXILIARY = 0.01
"""Weight of the cross entropy beside the bound, as D3PM has it for text."""


@dataclass(frozen=True)
class DiscreteDiffusion(ABC):
    """What absorbing and uniform diffusion share; a network gives logits of x_0.

    | equation                                                       | code           |
    |----------------------------------------------------------------|----------------|
    | q(x_s given x_t, x_0) = q(x_t given x_s) q(x_s given x_0) /    | ``posterior``  |
    | q(x_t given x_0), with k(t)/k(s) kept between s and t          | ``posterior``  |
    | p(x_s given x_t) = Σ_x₀ q(x_s given x_t, x_0) p_θ(x_0)         | ``posterior``  |
    | L = T E KL(q ‖ p) + 0.01 E[−log p_θ(x_0)]                      | ``loss``       |
    """

    n_species: int

    @abstractmethod
    def noise(self) -> np.ndarray | Array:
        """π, (states,): the species, and what other states there are."""
        ...

    def kept(self, time: Float[Array, ""]) -> Float[Array, ""]:
        """k(t)."""
        return 1 - time

    def shares(self, values: Int[Array, "rows"]) -> Float[Array, "rows species"]:
        """What a network sees: one-hot species, nothing where none is chosen."""
        return jax.nn.one_hot(values, self.n_species)

    def encoded(self, species: Int[Array, "rows"]) -> Int[Array, "rows"]:
        """Values that mean these species."""
        return species

    def decided(self, values: Int[Array, "rows"]) -> Int[Array, "rows"]:
        """Species that the values mean; those not chosen are beyond the last."""
        return values

    def _forward(self, kept: Array) -> Float[Array, "states states"]:
        """Probabilities of states (columns) after noise, from states (rows)."""
        noise = jnp.asarray(self.noise())
        return kept * jnp.eye(len(noise)) + (1 - kept) * noise

    def prior(self, key: Array, mask: Bool[Array, "rows"]) -> Int[Array, "rows"]:
        """Draws from π."""
        logits = jnp.log(jnp.asarray(self.noise()))
        drawn = draw(key, len(mask), lambda k: jax.random.categorical(k, logits))
        return masked(mask, drawn)

    def corrupt(
        self,
        key: Array,
        clean: Int[Array, "rows"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """Values of which some are replaced, and the values themselves."""
        keep_key, new_key = jax.random.split(key)
        chance = draw(keep_key, len(mask), jax.random.uniform)
        noisy = jnp.where(chance < self.kept(time), clean, self.prior(new_key, mask))
        return Corrupted(masked(mask, noisy), clean)

    def posterior(
        self,
        values: Int[Array, "rows"],
        logits: Float[Array, "rows species"],
        span: tuple[Array, Array],
    ) -> Float[Array, "rows states"]:
        """Probabilities of x_s from x_t and logits of x_0; −inf are excluded ones."""
        kept, kept_s = self.kept(span[0]), self.kept(span[1])
        between = self._forward(kept / kept_s)[:, values].T
        at_s = self._forward(kept_s)[: self.n_species]
        at_t = self._forward(kept)[: self.n_species, values].T
        possible = at_t > 0
        share = jax.nn.softmax(jnp.where(possible, logits, -jnp.inf), axis=-1)
        share = share / jnp.where(possible, at_t, 1)
        return between * (share @ at_s)

    def loss(
        self,
        output: Float[Array, "rows species"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Variational bound and cross entropy, nats."""
        then = jnp.maximum(time - 1 / STEPS, 0)
        known = jax.nn.one_hot(corrupted.target, self.n_species)
        exact = jnp.where(known > 0, 0.0, -jnp.inf)
        q = self.posterior(corrupted.values, exact, (time, then))
        p = self.posterior(corrupted.values, output, (time, then))
        tiny = jnp.finfo(p.dtype).tiny
        logs = jnp.log(jnp.maximum(q, tiny)) - jnp.log(jnp.maximum(p, tiny))
        bound = jnp.sum(q * logs, axis=-1) / jnp.maximum(time - then, 1e-6)
        entropy = -jnp.sum(known * jax.nn.log_softmax(output), axis=-1)
        return masked(mask, jnp.maximum(bound, 0) + AUXILIARY * entropy)

    def step(
        self,
        key: Array,
        values: Int[Array, "rows"],
        output: Float[Array, "rows species"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Int[Array, "rows"]:
        """A draw of x_s."""
        logits = jnp.log(self.posterior(values, output, span))
        gumbel = draw(
            key,
            len(mask),
            lambda k: jax.random.gumbel(k, logits.shape[1:], logits.dtype),
        )
        return masked(mask, jnp.argmax(logits + gumbel, axis=-1).astype(values.dtype))
