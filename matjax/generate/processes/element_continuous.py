"""Gaussian diffusion of elements as points, of which the nearest is taken at the end.

Source: Jiao et al., NeurIPS 2023 (arXiv 2309.04475, DiffCSP), appendix on ab initio
generation: one-hot vectors with normal noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float, Int
from matjax.generate.processes.gaussian import GaussianDiffusion


@dataclass(frozen=True)
class ElementContinuous(GaussianDiffusion):
    """Normal noise on one-hot vectors of as many numbers as there are species."""

    def shares(
        self, values: Float[Array, "rows species"]
    ) -> Float[Array, "rows species"]:
        """What a network sees: the noisy vectors themselves."""
        return values

    def encoded(self, species: Int[Array, "rows"]) -> Float[Array, "rows species"]:
        """One-hot vectors."""
        return jax.nn.one_hot(species, self.width)

    def decided(self, values: Float[Array, "rows species"]) -> Int[Array, "rows"]:
        """Species of the largest number."""
        return jnp.argmax(values, axis=-1).astype(jnp.int32)
