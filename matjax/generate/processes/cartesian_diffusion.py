"""Wrapped normal diffusion of Cartesian coordinates, at many widths of noise.

    x_t = x_0 + σ(t) ε modulo the lattice,  σ(t) = σ_1 (σ_T/σ_1)^t, Å

Source: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Bool, Float
from matjax.crystals.lattice import inverse, transform
from matjax.generate.processes.protocol import (
    Corrupted,
    masked,
    mean_square,
    normal,
)
from matjax.generate.processes.torus import wrap
from matjax.generate.processes.torus_diffusion import TorusDiffusion

IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), float)
"""Cells in which the nearest image of an atom is searched: enough for reduced cells."""


@dataclass(frozen=True)
class CartesianDiffusion(TorusDiffusion):
    """Noise in Å, the same along all directions, in a cell that is known.

    | equation                                        | code                         |
    |-------------------------------------------------|------------------------------|
    | d = nearest image of x_0 − x_t                  | ``displacements``            |
    | L = ‖d/σ − d_θ‖²/2                              | ``loss``                     |
    | s = d_θ/σ                                       | ``score``                    |

    Steps are those of the diffusion on the torus, taken in Å. The target is the
    displacement to the nearest image, not the score of the wrapped density; the two
    agree where the noise is narrower than the cell. Atoms that move alike under the
    noise have other targets: the loss, as the paper's, is not free of translations.
    """

    narrow: float = 0.01
    """σ at time 0, Å."""
    wide: float = 10.0
    """σ at time 1, Å."""
    cell: Float[Array, "3 3"] | None = None
    """Lattice vectors as rows, Å; set for each crystal."""

    def corrupt(
        self,
        key: Array,
        clean: Float[Array, "rows 3"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """Coordinates with noise, and the way back in units of the noise."""
        sigma = self.sigma(time)
        noise = sigma * normal(key, clean.shape, clean.dtype)
        noisy = self.moved(clean, noise, mask)
        return Corrupted(noisy, masked(mask, self.displacements(noisy, clean) / sigma))

    def displacements(
        self, start: Float[Array, "rows 3"], end: Float[Array, "rows 3"]
    ) -> Float[Array, "rows 3"]:
        """Shortest ways from coordinates to others, Å."""
        apart = wrap(end - start)[:, None] + jnp.asarray(IMAGES, start.dtype)
        ways = transform(apart.reshape(-1, 3), self._known).reshape(apart.shape)
        nearest = jnp.argmin(jnp.sum(jnp.square(ways), axis=-1), axis=-1)
        return jnp.take_along_axis(ways, nearest[:, None, None], axis=1)[:, 0]

    def loss(
        self,
        output: Float[Array, "rows 3"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Half the square of the vector output − d/σ."""
        return 1.5 * mean_square(output - corrupted.target, mask)

    def score(
        self, output: Float[Array, "rows 3"], time: Float[Array, ""]
    ) -> Float[Array, "rows 3"]:
        """The score that an output means, 1/Å."""
        return output / self.sigma(time)

    def moved(
        self,
        values: Float[Array, "rows 3"],
        move: Float[Array, "rows 3"],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """Fractional coordinates after a move in Å, wrapped."""
        return masked(mask, (values + transform(move, inverse(self._known))) % 1)

    @property
    def _known(self) -> Float[Array, "3 3"]:
        if self.cell is None:
            raise ValueError(
                "Cartesian noise needs the cell of the crystal, which a network with a "
                "latent reads from it; choose process.fractional=flow or diffusion for "
                "other networks"
            )
        return self.cell
