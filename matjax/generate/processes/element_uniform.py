"""Uniform (multinomial) diffusion of elements: atoms change to any element.

Source: Hoogeboom et al., NeurIPS 2021 (arXiv 2102.05379); Austin et al., NeurIPS 2021
(arXiv 2107.03006, D3PM), with the cosine schedule of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.generate.processes.discrete import DiscreteDiffusion


@dataclass(frozen=True)
class ElementUniform(DiscreteDiffusion):
    """All species are alike likely at time 1."""

    def noise(self) -> np.ndarray:
        """Equal shares of all species."""
        return np.full(self.n_species, 1 / self.n_species)

    def kept(self, time: Float[Array, ""]) -> Float[Array, ""]:
        """cos²(πt/2), which falls slowly at both ends."""
        return jnp.square(jnp.cos(jnp.pi / 2 * time))
