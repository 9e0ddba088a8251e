"""Geodesic flow matching of fractional coordinates.

Source: Chen and Lipman, ICLR 2024 (arXiv 2302.03660); on crystals Miller et al., ICML
2024 (arXiv 2406.04713, FlowMM) and Luo et al., arXiv 2412.11693 (CrystalFlow).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float, Int
from matjax.generate.processes.pairing import circular_mean, paired
from matjax.generate.processes.protocol import Corrupted, masked, mean_square
from matjax.generate.processes.torus import uniform, wrap


@dataclass(frozen=True)
class TorusFlow:
    """Straight ways on the torus from the data to uniform coordinates.

        x_t = x_0 + t d,  d = wrap(x_1 − x_0 − τ) less its mean over the atoms

    τ, the circular mean of x_1 − x_0, and the mean are translations of the crystal, of
    which no network can know: ways lead to the nearest of all translated ends. Without
    τ, where ways change over from one image to another would depend on the origin that
    the data happen to have.
    """

    mean_free: bool = True
    """Whether translations are taken out."""
    paired: bool = True
    """Whether noise is dealt out among atoms of one kind so that ways are short."""

    def _relative(
        self, displacement: Float[Array, "rows 3"], mask: Bool[Array, "rows"]
    ) -> Float[Array, "rows 3"]:
        displacement = masked(mask, displacement)
        if not self.mean_free:
            return displacement
        mean = displacement.sum(axis=0) / jnp.maximum(mask.sum(), 1)
        return masked(mask, displacement - mean)

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
        """Coordinates on their way, and their velocity."""
        end = self.prior(key, mask).astype(clean.dtype)
        return self._on_way(end, clean, time, mask)

    def corrupt_kinds(
        self,
        key: Array,
        clean: Float[Array, "rows 3"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
        kinds: Int[Array, "rows"],
    ) -> Corrupted:
        """The same where atoms of one kind may exchange their noise."""
        end = self.prior(key, mask).astype(clean.dtype)
        if self.paired:
            end = paired(end, clean, mask, kinds)
        return self._on_way(end, clean, time, mask)

    def _on_way(
        self,
        end: Float[Array, "rows 3"],
        clean: Float[Array, "rows 3"],
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """Coordinates between data and noise, and their velocity."""
        apart = end - clean
        if self.mean_free:
            apart = apart - circular_mean(apart, mask)
        velocity = self._relative(wrap(apart), mask)
        return Corrupted(masked(mask, (clean + time * velocity) % 1), velocity)

    def loss(
        self,
        output: Float[Array, "rows 3"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Mean square error of the velocity, in units of a uniform one's (1/12)."""
        error = self._relative(output, mask) - corrupted.target
        return 12 * mean_square(error, mask)

    def direction(
        self,
        values: Float[Array, "rows 3"],
        output: Float[Array, "rows 3"],
        time: Float[Array, ""],
    ) -> Float[Array, "rows 3"]:
        """The velocity dx/dt."""
        return output

    def advance(
        self,
        values: Float[Array, "rows 3"],
        direction: Float[Array, "rows 3"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """Moves by the velocity times the change of time."""
        move = (span[1] - span[0]) * self._relative(direction, mask)
        return masked(mask, (values + move) % 1)

    def step(
        self,
        key: Array,
        values: Float[Array, "rows 3"],
        output: Float[Array, "rows 3"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows 3"]:
        """The step along the velocity; there is no noise."""
        direction = self.direction(values, output, span[0])
        return self.advance(values, direction, span, mask)
