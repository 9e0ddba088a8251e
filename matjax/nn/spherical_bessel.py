"""Radial functions that vanish at a cutoff: spherical Bessel ones, and smooth sums."""

from __future__ import annotations

import math
from functools import cache

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float

MOST_DEGREES = 4
"""Degrees l = 0 … 3 of spherical Bessel functions have a closed form here."""


def spherical_bessel_basis(
    r: Float[Array, "edges"], n_degrees: int, size: int, cutoff: float
) -> Float[Array, "edges basis"]:
    """Spherical Bessel functions of the first roots, orthonormal within the cutoff.

        u_ln(r) = √(2/c³) j_l(z_ln r/c) / |j_l+1(z_ln)|,   j_l(z_ln) = 0

    They vanish at the cutoff c with a slope that does not.

    Source: Gasteiger et al., ICLR 2020 (arXiv 2003.03123); Chen and Ong, Nat. Comput.
    Sci. 2, 718 (2022).

    Args:
        r: Å, above zero.
        n_degrees: degrees l = 0, 1, …; up to four.
        size: roots n = 1, 2, … of each degree.
        cutoff: c, Å.

    Returns:
        (edges, degrees · size), the roots of a degree beside one another, Å^(−3/2).
    """
    functions = []
    for degree in range(n_degrees):
        roots = spherical_bessel_roots(degree, size)
        norms = math.sqrt(2 / cutoff**3) / np.abs(_bessel(np, roots, degree + 1))
        x = r[:, None] * jnp.asarray(roots / cutoff, r.dtype)
        functions.append(_bessel(jnp, x, degree) * jnp.asarray(norms, r.dtype))
    return jnp.concatenate(functions, axis=-1)


def smooth_bessel_basis(
    r: Float[Array, "edges"], size: int, cutoff: float
) -> Float[Array, "edges basis"]:
    """Orthonormal sums of j₀ that vanish at the cutoff with two derivatives.

        f_n = (−1)ⁿ √2 π/c^1.5 (n+1)(n+2)/√((n+1)² + (n+2)²) [s_n+1 + s_n+2]
        g_n = [f_n + √(e_n/d_n−1) g_n−1] / √d_n
        e_n = n²(n+2)²/[4(n+1)⁴ + 1],   d_n = 1 − e_n/d_n−1,   d_0 = 1

    with n = 0, 1, …, s_n = sinc(n r/c) and sinc(x) = sin(πx)/(πx).
    Source: Kocer et al., J. Chem. Phys. 150, 154102 (2019) (arXiv 1907.02374).

    Args:
        r: Å.
        size: number of functions.
        cutoff: c, Å.

    Returns:
        (edges, size), Å^(−3/2).
    """
    k = jnp.arange(1, size + 2, dtype=r.dtype)
    waves = jnp.sinc(r[:, None] * k / cutoff)
    d, functions = 1.0, []
    for n in range(size):
        factor = (-1) ** n * math.sqrt(2) * math.pi / cutoff**1.5
        factor *= (n + 1) * (n + 2) / math.hypot(n + 1, n + 2)
        g = factor * (waves[:, n] + waves[:, n + 1])
        if n:
            e = n**2 * (n + 2) ** 2 / (4 * (n + 1) ** 4 + 1)
            last, d = d, 1 - e / d
            g = (g + math.sqrt(e / last) * functions[-1]) / math.sqrt(d)
        functions.append(g)
    return jnp.stack(functions, axis=-1)


@cache
def spherical_bessel_roots(degree: int, size: int) -> np.ndarray:
    """The first positive roots of j_l; those of l lie between two of l − 1 each."""
    roots = np.pi * np.arange(1, size + degree + 1)
    for order in range(1, degree + 1):
        low, high = roots[:-1], roots[1:]
        sign = np.sign(_bessel(np, low, order))
        for _ in range(60):  # halved down to the round-off of float64
            middle = (low + high) / 2
            left = np.sign(_bessel(np, middle, order)) == sign
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        roots = (low + high) / 2
    return roots


def _bessel(xp, x, degree: int):  # noqa: ANN001, ANN202 - of NumPy's arrays or of JAX's
    """j_l(x), x > 0, by its closed form; far from zero there is no cancellation."""
    if not 0 <= degree <= MOST_DEGREES:
        raise ValueError(
            f"spherical Bessel functions are known here up to degree "
            f"{MOST_DEGREES - 1}; received {degree}"
        )
    below, j = xp.cos(x) / x, xp.sin(x) / x
    for order in range(degree):
        below, j = j, (2 * order + 1) / x * j - below
    return j
