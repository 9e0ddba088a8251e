"""Wrapped-normal diffusion of fractional coordinates.

    x_t = x_0 + σ(t) ε mod 1,  σ(t) = σ_1 (σ_T/σ_1)^t

Source: Jiao et al., NeurIPS 2023 (arXiv 2309.04475, DiffCSP), Eqs. 5–8.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float
from matjax.generate.processes.protocol import (
    Corrupted,
    masked,
    mean_square,
    normal,
)
from matjax.generate.processes.torus import mean_square_score, uniform, wrapped_score


@dataclass(frozen=True)
class TorusDiffusion:
    """Noise of growing width until nothing is left of where the atoms were.

    | equation                                             | code                  |
    |------------------------------------------------------|-----------------------|
    | λ(t) = 1/E‖∇ log q(x_t given x_0)‖²                  | ``mean_square_score`` |
    | L = λ ‖∇ log q − s_θ‖², network gives √λ s_θ         | ``loss``              |
    | x_s = x_t + (σ_t² − σ_s²) s + σ_s √(1 − σ_s²/σ_t²) z | ``step``              |
    | dx/dσ = −σ s                                         | ``direction``         |
    """

    narrow: float = 0.005
    """σ at time 0, units of the cell."""
    wide: float = 0.5
    """σ at time 1."""

    def sigma(self, time: Float[Array, ""]) -> Float[Array, ""]:
        """Width of the noise at a time."""
        return self.narrow * (self.wide / self.narrow) ** time

    def prior(self, key: Array, mask: Bool[Array, "rows"]) -> Float[Array, "rows 3"]:
        """Uniform over the cell."""
        return uniform(key, mask)

    def corrupt(
        self,
        key: Array,
        clean: Float[Array, "rows 3"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """Coordinates with noise, and the score of their distribution times √λ."""
        sigma = self.sigma(time)
        noise = sigma * normal(key, clean.shape, clean.dtype)
        score = wrapped_score(noise, sigma) / jnp.sqrt(mean_square_score(sigma))
        return Corrupted(masked(mask, (clean + noise) % 1), masked(mask, score))

    def loss(
        self,
        output: Float[Array, "rows 3"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Mean square of output − √λ ∇ log q."""
        return mean_square(output - corrupted.target, mask)

    def score(
        self, output: Float[Array, "rows 3"], time: Float[Array, ""]
    ) -> Float[Array, "rows 3"]:
        """The score that an output means."""
        return output * jnp.sqrt(mean_square_score(self.sigma(time)))

    def step(
        self,
        key: Array,
        values: Float[Array, "rows 3"],
        output: Float[Array, "rows 3"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """Ancestral step of variance exploding noise."""
        now, then = self.sigma(span[0]), self.sigma(span[1])
        fall = now**2 - then**2
        noise = then / now * jnp.sqrt(fall) * normal(key, values.shape, values.dtype)
        return self.moved(values, fall * self.score(output, span[0]) + noise, mask)

    def direction(
        self,
        values: Float[Array, "rows 3"],
        output: Float[Array, "rows 3"],
        time: Float[Array, ""],
    ) -> Float[Array, "rows 3"]:
        """The slope dx/dσ of the probability flow."""
        return -self.sigma(time) * self.score(output, time)

    def advance(
        self,
        values: Float[Array, "rows 3"],
        direction: Float[Array, "rows 3"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """Moves by dx/dσ times the change of σ."""
        change = self.sigma(span[1]) - self.sigma(span[0])
        return self.moved(values, change * direction, mask)

    def correct(
        self,
        key: Array,
        values: Float[Array, "rows 3"],
        output: Float[Array, "rows 3"],
        time: Float[Array, ""],
        *,
        size: float,
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """The step x + η s + √(2η) z with η = size · σ²."""
        eta = size * self.sigma(time) ** 2
        noise = jnp.sqrt(2 * eta) * normal(key, values.shape, values.dtype)
        return self.moved(values, eta * self.score(output, time) + noise, mask)

    def moved(
        self,
        values: Float[Array, "rows 3"],
        move: Float[Array, "rows 3"],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """Coordinates after a move in the units of the noise, wrapped."""
        return masked(mask, (values + move) % 1)
