"""SOAP: power spectra of the smoothed density of neighbors around every atom.

Each neighbor is a Gaussian exp(−|x − r_ij|²/(2σ²)); its density is projected on radial
functions and harmonics, and the invariants of second order are

    p_i^{Z n, Z' n', l} = π √(8/(2l + 1)) Σ_m c_i^{Z n l m} c_i^{Z' n' l m}.

Sources: Bartók, Kondor and Csányi, Phys. Rev. B 87, 184115 (2013); Gaussian-type radial
functions as in DScribe, Himanen et al., Comput. Phys. Commun. 247, 106949 (2020); a
discrete variable representation as in librascal, Musil et al., J. Chem. Phys. 154,
114109 (2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.descriptors.density_expansion import density_coefficients
from matjax.graphs import Graph
from matjax.numerics import safe_norm


@runtime_checkable
class RadialBasis(Protocol):
    """Radial functions on which a smoothed density is projected."""

    @property
    def lmax(self) -> int:
        """Highest degree."""
        ...

    def functions(self, r: Float[Array, "edges"]) -> Float[Array, "edges n degrees"]:
        """Projections of a Gaussian at each distance r (Å), for every degree."""
        ...


class GTOBasis(NamedTuple):
    """Gaussian-type functions r^l exp(−α r²), orthonormalised for each degree.

    The n-th has fallen to ``THRESHOLD`` at the n-th of equal distances from 1 Å to the
    cutoff; what they make of a Gaussian is known in closed form.
    """

    cutoff: float
    """Å, where the widest function has fallen off."""
    n: int
    """Radial functions."""
    lmax: int
    sigma: float = 0.5
    """Width of the atoms, Å."""

    def functions(self, r: Float[Array, "edges"]) -> Float[Array, "edges n degrees"]:
        """Projections in closed form, (edges, n, degrees).

        With a = 1/(2σ²): a Gaussian at distance r has on r^l exp(−α r²) Y_lm the
        projection (π/(a + α))^{3/2} (a/(a + α))^l r^l exp(−a α r²/(a + α)) Y_lm(r̂).
        """
        a = 1 / (2 * self.sigma**2)
        columns = []
        for degree in range(self.lmax + 1):
            alphas, betas = _gaussian_type(self.cutoff, self.n, degree)
            size = (np.pi / (a + alphas)) ** 1.5 * (a / (a + alphas)) ** degree
            fall = jnp.exp(-a * alphas / (a + alphas) * r[:, None] ** 2)
            each = size * r[:, None] ** degree * fall
            columns.append(each @ betas.T)
        return jnp.stack(columns, axis=-1)


class DVRBasis(NamedTuple):
    """Values of the density on Gauss–Legendre points between 0 and the cutoff.

    The n-th function is √w_n x_n times the projection of the Gaussian on Y_lm at x_n,
    4π exp(−a (x² + r²)) i_l(2 a x r), with a = 1/(2σ²) and modified spherical Bessel
    functions i_l.
    """

    cutoff: float
    """Å."""
    n: int
    """Points."""
    lmax: int
    sigma: float = 0.5
    """Width of the atoms, Å."""

    def functions(self, r: Float[Array, "edges"]) -> Float[Array, "edges n degrees"]:
        """Projections at the points, (edges, n, degrees)."""
        points, weights = np.polynomial.legendre.leggauss(self.n)
        x = self.cutoff * (points + 1) / 2
        w = np.sqrt(self.cutoff * weights / 2) * x
        a = 1 / (2 * self.sigma**2)
        near = jnp.exp(-a * (r[:, None] - x) ** 2)
        scaled = scaled_bessel(2 * a * x * r[:, None], self.lmax)
        return 4 * math.pi * (w * near)[..., None] * scaled


THRESHOLD = 1e-3
"""To which Gaussian-type functions have fallen at their distance."""


def _gaussian_type(cutoff: float, n: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents α (Å⁻²), and the matrix β that orthonormalises the functions.

    Löwdin's: β = S^{−1/2} with S_ab = ∫ r^{2l+2} exp(−(α_a + α_b) r²) dr.
    """
    places = np.linspace(1.0, cutoff, n)
    alphas = -np.log(THRESHOLD / places**degree) / places**2
    sums = alphas[:, None] + alphas
    overlap = 0.5 * math.gamma(degree + 1.5) * sums ** -(degree + 1.5)
    values, vectors = np.linalg.eigh(overlap)
    return alphas, (vectors / np.sqrt(values)) @ vectors.T


EXTRA = 24
"""Degrees above the highest one wanted, from which the recurrence comes down."""
SMALLEST, LARGE, MOST = 1e-3, 12.0, 1e15
"""Argument below which functions are those there; argument by which the recurrence has
converged, and beyond which the finite sum loses no digits; size that float32 bears."""


def scaled_bessel(x: Float[Array, "*axes"], lmax: int) -> Float[Array, "*axes degrees"]:
    """exp(−x) i_l(x), modified spherical Bessel functions of the first kind, x ≥ 0.

    For small arguments downward recurrence from far above ``lmax``, normalised by l = 0
    (Miller's algorithm); for large ones the finite sum (NIST DLMF 10.49.8)

        2x exp(−x) i_l = Σ_k (−1)^k a_k/x^k − (−1)^l exp(−2x) Σ_k a_k/x^k

    with a_k = (l + k)!/(2^k k! (l − k)!).
    """
    bound = LARGE + lmax
    large = _by_sums(jnp.maximum(x, bound), lmax)
    small = _by_recurrence(jnp.clip(x, SMALLEST, bound), lmax)
    return jnp.where((x > bound)[..., None], large, small)


def _by_recurrence(x: Array, lmax: int) -> Array:
    above, here = jnp.zeros_like(x), jnp.full_like(x, 1 / MOST)
    kept: list[Array] = []
    for degree in range(lmax + EXTRA, 0, -1):
        # i_{l-1} = i_{l+1} + (2l + 1)/x i_l, held to a size that does not overflow.
        above, here = here, above + (2 * degree + 1) / x * here
        kept = [*kept, here] if degree - 1 <= lmax else kept
        shrink = jnp.where(here > MOST, 1 / MOST, 1.0)
        above, here = above * shrink, here * shrink
        kept = [value * shrink for value in kept]
    exact = -jnp.expm1(-2 * x) / (2 * x)
    values = jnp.stack(kept[::-1], axis=-1)
    return values / values[..., :1] * exact[..., None]


def _by_sums(x: Array, lmax: int) -> Array:
    columns = []
    for degree in range(lmax + 1):
        orders = range(degree + 1)
        factors = [
            math.factorial(degree + k)
            / (2**k * math.factorial(k) * math.factorial(degree - k))
            for k in orders
        ]
        falling = sum((-1) ** k * factors[k] / x**k for k in orders)
        rising = sum(factors[k] / x**k for k in orders)
        columns.append((falling - (-1) ** degree * jnp.exp(-2 * x) * rising) / (2 * x))
    return jnp.stack(columns, axis=-1)


def soap_features(
    graph: Graph,
    species: tuple[int, ...],
    basis: RadialBasis,
    *,
    envelope: Float[Array, "edges"] | None = None,
    own: bool = True,
) -> Float[Array, "nodes features"]:
    """Power spectrum of every atom, each pair of channels once.

    Channels are the elements' radial functions in turn; features go by pair of channels
    (first ≤ second), the degree last. Without an envelope neighbors come and go at the
    cutoff of the graph with a step.

    Args:
        graph: with edges to all neighbors that count.
        species: atomic numbers.
        basis: radial functions, and the highest degree.
        envelope: weight of each edge, such as one that ends at the cutoff.
        own: whether the density of the atom itself counts.
    """
    r = safe_norm(graph.edge_vectors())
    radial = basis.functions(r)
    if envelope is not None:
        radial = radial * envelope[:, None, None]
    center = basis.functions(jnp.zeros(1, r.dtype))[0, :, 0] if own else None
    coefficients = density_coefficients(graph, species, radial, own=center)
    return power_spectrum(coefficients)


def power_spectrum(
    coefficients: list[Array],
) -> Float[Array, "nodes features"]:
    """Invariants of second order of a density's coefficients, by pair of channels.

    Args:
        coefficients: of each degree, (nodes, species, n, components).
    """
    n_nodes, n_species, n = coefficients[0].shape[:3]
    first, second = np.triu_indices(n_species * n)
    columns = []
    for degree, values in enumerate(coefficients):
        channels = values.reshape(n_nodes, n_species * n, -1)
        products = jnp.sum(channels[:, first] * channels[:, second], axis=-1)
        columns.append(math.pi * math.sqrt(8 / (2 * degree + 1)) * products)
    return jnp.stack(columns, axis=-1).reshape(n_nodes, -1)
