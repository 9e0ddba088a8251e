"""Gaussian diffusion that preserves variance, of rows of any width.

    x_t = α(t) x_0 + σ(t) ε,  α = cos(πrt/2),  σ² = 1 − α²

Sources: Ho et al., NeurIPS 2020 (arXiv 2006.11239); Nichol and Dhariwal, ICML 2021
(arXiv 2102.09672), the cosine; Kingma et al., NeurIPS 2021 (arXiv 2107.00630), any two
times; Song et al., ICLR 2021 (arXiv 2010.02502), the deterministic step.
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
    standard_normal,
)

REACH = 0.99
"""r: at time 1 a share α = 0.016 of the data is left, so that the first step back,
which divides by α, is finite."""


@dataclass(frozen=True)
class GaussianDiffusion:
    """Normal noise on values of about unit size; a network gives the noise.

    | equation                                          | code                       |
    |---------------------------------------------------|----------------------------|
    | L = ‖ε − ε_θ‖²                                    | ``loss``                   |
    | s = −ε_θ/σ                                        | ``score``                  |
    | d(x/α)/d(σ/α) = ε_θ                               | ``direction``, ``advance`` |
    | q(x_s given x_t, x_0): mean (x_t − σ_ts² ε/σ_t)/α_ts | ``step``                |
    | and variance σ_ts² σ_s²/σ_t², with α_ts = α_t/α_s,| ``step``                   |
    | σ_ts² = σ_t² − α_ts² σ_s²                         | ``step``                   |
    """

    width: int
    """Numbers in a row."""

    def scales(self, time: Float[Array, ""]) -> tuple[Array, Array]:
        """α and σ at a time."""
        angle = jnp.pi / 2 * REACH * time
        return jnp.cos(angle), jnp.sin(angle)

    def prior(
        self, key: Array, mask: Bool[Array, "rows"]
    ) -> Float[Array, "rows values"]:
        """Standard normal."""
        return standard_normal(key, mask, self.width)

    def corrupt(
        self,
        key: Array,
        clean: Float[Array, "rows values"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """Values with noise, and the noise."""
        alpha, sigma = self.scales(time)
        noise = masked(mask, normal(key, clean.shape, clean.dtype))
        return Corrupted(masked(mask, alpha * clean + sigma * noise), noise)

    def loss(
        self,
        output: Float[Array, "rows values"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Mean square error of the noise."""
        return mean_square(output - corrupted.target, mask)

    def score(
        self, output: Float[Array, "rows values"], time: Float[Array, ""]
    ) -> Float[Array, "rows values"]:
        """The score that a noise means; at time 0, where there is none, a large one."""
        return -output / jnp.maximum(self.scales(time)[1], 1e-3)

    def step(
        self,
        key: Array,
        values: Float[Array, "rows values"],
        output: Float[Array, "rows values"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows values"]:
        """A draw of q(x_s given x_t and what the output says of x_0)."""
        (alpha, sigma), (alpha_s, sigma_s) = map(self.scales, span)
        ratio = alpha / alpha_s
        variance = jnp.maximum(sigma**2 - ratio**2 * sigma_s**2, 0)
        mean = (values - variance / sigma * output) / ratio
        noise = normal(key, values.shape, values.dtype)
        return masked(mask, mean + jnp.sqrt(variance) * sigma_s / sigma * noise)

    def direction(
        self,
        values: Float[Array, "rows values"],
        output: Float[Array, "rows values"],
        time: Float[Array, ""],
    ) -> Float[Array, "rows values"]:
        """The slope d(x/α)/d(σ/α) of the probability flow."""
        return output

    def advance(
        self,
        values: Float[Array, "rows values"],
        direction: Float[Array, "rows values"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows values"]:
        """Moves x/α by the direction times the change of σ/α."""
        (alpha, sigma), (alpha_s, sigma_s) = map(self.scales, span)
        change = sigma_s / alpha_s - sigma / alpha
        return masked(mask, alpha_s * (values / alpha + change * direction))

    def correct(
        self,
        key: Array,
        values: Float[Array, "rows values"],
        output: Float[Array, "rows values"],
        time: Float[Array, ""],
        *,
        size: float,
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows values"]:
        """The step x + η s + √(2η) z with η = size · σ²."""
        sigma = self.scales(time)[1]
        noise = jnp.sqrt(2 * size) * sigma * normal(key, values.shape, values.dtype)
        return masked(mask, values - size * sigma * output + noise)
