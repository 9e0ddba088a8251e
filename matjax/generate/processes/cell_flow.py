"""Flow matching of the cell, in the six numbers of its logarithmic stretch.

Source: Lipman et al., ICLR 2023 (arXiv 2210.02747); on crystals Luo et al., arXiv
2412.11693 (CrystalFlow).
"""

from __future__ import annotations

from dataclasses import dataclass

from matjax.arrays import Array, Bool, Float
from matjax.generate.processes.protocol import (
    Corrupted,
    masked,
    mean_square,
    normal,
    standard_normal,
)


@dataclass(frozen=True)
class CellFlow:
    """Straight ways x_t = (1 − t) x_0 + t x_1 from the data to normal numbers."""

    width: int = 6

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
        """Values on their way, and their velocity x_1 − x_0."""
        velocity = masked(mask, normal(key, clean.shape, clean.dtype) - clean)
        return Corrupted(masked(mask, clean + time * velocity), velocity)

    def loss(
        self,
        output: Float[Array, "rows values"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Mean square error of the velocity."""
        return mean_square(output - corrupted.target, mask)

    def direction(
        self,
        values: Float[Array, "rows values"],
        output: Float[Array, "rows values"],
        time: Float[Array, ""],
    ) -> Float[Array, "rows values"]:
        """The velocity dx/dt."""
        return output

    def advance(
        self,
        values: Float[Array, "rows values"],
        direction: Float[Array, "rows values"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows values"]:
        """Moves by the velocity times the change of time."""
        return masked(mask, values + (span[1] - span[0]) * direction)

    def step(
        self,
        key: Array,
        values: Float[Array, "rows values"],
        output: Float[Array, "rows values"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows values"]:
        """The step along the velocity; there is no noise."""
        return self.advance(values, output, span, mask)
