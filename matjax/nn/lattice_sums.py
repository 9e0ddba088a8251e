"""Sums of pair potentials over all images of a crystal, converged.

With s the power and η the splitting parameter,

    Γ(s/2) Σ_R |R+v|⁻ˢ = Σ_R Γ(s/2, η|R+v|²) / |R+v|ˢ
        + π^{3/2}/V Σ_{G≠0} (G/2)^{s−3} Γ((3−s)/2, G²/4η) cos(G·v)
        + 2 π^{3/2} η^{(s−3)/2} / ((s−3) V)  −  2 η^{s/2}/s where v is a lattice vector

and R + v = 0 is left out. Source: P. Epstein, Math. Ann. 56, 615 (1903); as features of
crystals Lin et al., ICML 2023 (arXiv 2306.10045, PotNet), section 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float
from matjax.graphs import integer_wave_vectors
from matjax.nn.reduced_cells import reduction
from matjax.numerics import safe_norm

SHORTEST = 1e-4
"""Å, below which a vector is a lattice vector, and an image the atom itself."""
ACCURACY = 4.1
"""Square root of the exponent at which sums end: e^{−16.8} is 5e-8."""


class _Power(NamedTuple):
    """Γ(s/2, x), and Γ((3−s)/2, x)."""

    near: Callable[[Array], Array]
    far: Callable[[Array], Array]


def _half(x: Array) -> Array:
    return jnp.sqrt(jnp.pi) * jax.scipy.special.erfc(jnp.sqrt(x))


def _minus_three_halves(x: Array) -> Array:
    """Γ(−3/2, x) by Γ(a, x) = (Γ(a+1, x) − xᵃ e⁻ˣ)/a, twice."""
    ends = jnp.exp(-x)
    minus_half = (_half(x) - ends / jnp.sqrt(x)) / -0.5
    return (minus_half - ends * x**-1.5) / -1.5


POWERS = {
    1: _Power(_half, lambda x: jnp.exp(-x)),
    6: _Power(
        lambda x: (x**2 + 2 * x + 2) * jnp.exp(-x),
        _minus_three_halves,
    ),
}
"""Coulomb's and London's, by their power."""


def power_sums(
    vectors: Float[Array, "pairs 3"],
    cell: Float[Array, "3 3"],
    power: int,
    *,
    reach: int = 4,
    splitting: float | Array = 1.0,
) -> Float[Array, "pairs"]:
    """Σ_R |R + v|⁻ᵖ over all lattice vectors R, R + v = 0 left out, Å⁻ᵖ.

    The sum of 1/r, which alone diverges, is the one whose mean over the cell is zero:
    that of a charge and an even background.

    Args:
        vectors: v of each pair, Å; counted modulo lattice vectors.
        cell: lattice vectors as rows, Å.
        power: p, 1 or 6.
        reach: cells, of the reduced lattice and of its reciprocal, that are summed each
            way. NaN comes out where they are not enough for an accuracy of 1e-7.
        splitting: η in units of π V^{−2/3}; the sum does not depend on it.
    """
    lattice = _Lattice.of(vectors, cell, reach)
    volume = lattice.volume
    eta = splitting * jnp.pi / jnp.cbrt(volume) ** 2
    near = POWERS[power].near
    r = lattice.distances()
    safe = jnp.where(lattice.itself, 1.0, r)
    gamma = math.gamma(power / 2)
    terms = jnp.where(lattice.itself, 0, near(eta * safe**2) / safe**power)
    total = terms.sum(axis=-1) + lattice.waves(power, eta)
    total = total + 2 * jnp.pi**1.5 * eta ** ((power - 3) / 2) / ((power - 3) * volume)
    own = 2 * eta ** (power / 2) / power
    total = total - jnp.where(lattice.itself.any(axis=-1), own, 0)
    return jnp.where(lattice.enough(eta), total / gamma, jnp.nan)


def exponential_sums(
    vectors: Float[Array, "pairs 3"],
    cell: Float[Array, "3 3"],
    decay: float,
    *,
    reach: int = 4,
) -> Float[Array, "pairs"]:
    """Σ_R exp(−a |R + v|) over all lattice vectors R, R + v = 0 left out.

    Args:
        vectors: v of each pair, Å; counted modulo lattice vectors.
        cell: lattice vectors as rows, Å.
        decay: a, 1/Å.
        reach: cells of the reduced lattice that are summed each way. NaN comes out
            where they are not enough for an accuracy of 1e-7.
    """
    lattice = _Lattice.of(vectors, cell, reach)
    terms = jnp.where(lattice.itself, 0, jnp.exp(-decay * lattice.distances()))
    enough = decay * lattice.covered > ACCURACY**2
    return jnp.where(enough, terms.sum(axis=-1), jnp.nan)


class _Lattice(NamedTuple):
    """Images of pairs, and waves, of a reduced cell."""

    images: Float[Array, "pairs cells 3"]
    itself: Bool[Array, "pairs cells"]
    vectors: Float[Array, "pairs 3"]
    reciprocal: Float[Array, "3 3"]
    """Rows, 1/Å, with 2π."""
    volume: Float[Array, ""]
    covered: Float[Array, ""]
    """Å, distance within which all images are there."""
    reach: int

    @classmethod
    def of(cls, vectors: Array, cell: Array, reach: int) -> _Lattice:
        """Images up to this many cells away."""
        cell = reduction(cell) @ cell
        inverse = jnp.linalg.inv(cell)
        fractional = vectors @ inverse
        wrapped = (fractional - jnp.rint(jax.lax.stop_gradient(fractional))) @ cell
        steps = jnp.asarray(integer_wave_vectors((reach, reach, reach)), cell.dtype)
        images = wrapped[:, None] + steps @ cell
        itself = jnp.sum(images**2, axis=-1) < SHORTEST**2
        # Planes of images beyond the last are at least this far.
        covered = ((reach + 0.5) / jnp.linalg.norm(inverse, axis=0)).min()
        return cls(
            images=images,
            itself=itself,
            vectors=wrapped,
            reciprocal=2 * jnp.pi * inverse.T,
            volume=jnp.abs(jnp.linalg.det(cell)),
            covered=covered,
            reach=reach,
        )

    def distances(self) -> Float[Array, "pairs cells"]:
        """Lengths of the images, Å."""
        return safe_norm(self.images)

    def waves(self, power: int, eta: Array) -> Float[Array, "pairs"]:
        """The sum over reciprocal vectors but zero; half of them stand for all."""
        n = self.reach
        steps = integer_wave_vectors((n, n, n))
        half = steps[len(steps) // 2 + 1 :]
        g = jnp.asarray(half, self.images.dtype) @ self.reciprocal
        squares = jnp.sum(g**2, axis=-1)
        far = POWERS[power].far(squares / (4 * eta))
        weights = 2 * (squares / 4) ** ((power - 3) / 2) * far
        return (jnp.pi**1.5 / self.volume) * (jnp.cos(self.vectors @ g.T) @ weights)

    def enough(self, eta: Array) -> Bool[Array, ""]:
        """Whether both sums have ended."""
        direct = self.covered * jnp.sqrt(eta)
        lengths = 1 / jnp.linalg.norm(jnp.linalg.inv(self.reciprocal), axis=0)
        waves = (self.reach + 1) * lengths.min() / (2 * jnp.sqrt(eta))
        return (direct > ACCURACY) & (waves > ACCURACY)
