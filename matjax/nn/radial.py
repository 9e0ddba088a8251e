"""Radial functions: bases of the edge length and the envelopes that end them."""

from __future__ import annotations

import jax.numpy as jnp

from matjax.arrays import Array, Float


def bessel_basis(
    r: Float[Array, "..."], size: int, cutoff: float
) -> Float[Array, "... basis"]:
    """Bessel functions (2/c) sin(nπr/c)/r for n = 1 … size.

    The normalisation 2/c is that of the Nequix weights; DimeNet has √(2/c).
    Source: Gasteiger et al., ICLR 2020 (arXiv 2003.03123), Eq. 7.
    """
    return sine_basis(r, jnp.arange(1, size + 1, dtype=r.dtype), cutoff)


def sine_basis(
    r: Float[Array, "..."], frequencies: Float[Array, "basis"], cutoff: float
) -> Float[Array, "... basis"]:
    """Functions (2/c) sin(fπr/c)/r of any frequencies f, such as learned ones."""
    # sin(kr)/r = k sinc(kr/π): finite at r = 0, with every derivative.
    frequencies = frequencies / cutoff
    return 2 / cutoff * jnp.pi * frequencies * jnp.sinc(frequencies * r[..., None])


def gaussian_basis(
    r: Float[Array, "..."], step: float, cutoff: float, width: float | None = None
) -> Float[Array, "... basis"]:
    """Gaussians exp(−(r − μ)²/width²) with centers μ from 0 to the cutoff.

    Source: Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018).

    Args:
        r: Å.
        step: Å, distance of the centers.
        cutoff: Å, the last center.
        width: Å; by default the step.
    """
    centers = step * jnp.arange(round(cutoff / step) + 1, dtype=r.dtype)
    return jnp.exp(-(((r[..., None] - centers) / (width or step)) ** 2))


def spaced_gaussians(
    x: Float[Array, "..."], low: float, high: float, size: int
) -> Float[Array, "... basis"]:
    """Gaussians exp(−(x − μ)²/step) with centers μ from one end to the other.

    As SchNet, ALIGNN and Matformer have them, where steps are 0.1 Å or less: the width
    is the root of the step, in the units of x.
    Source: Schütt et al., NeurIPS 2017 (arXiv 1706.08566), section 4.1.
    """
    centers = jnp.linspace(low, high, size, dtype=x.dtype)
    step = (high - low) / (size - 1)
    return jnp.exp(-jnp.square(x[..., None] - centers) / step)


def polynomial_envelope(
    r: Float[Array, "..."], cutoff: float, p: float
) -> Float[Array, "..."]:
    """1 at r = 0, and 0 from the cutoff on with two continuous derivatives there.

    1 − (p+1)(p+2)/2 xᵖ + p(p+2) xᵖ⁺¹ − p(p+1)/2 xᵖ⁺² with x = r/c.
    Source: Gasteiger et al., ICLR 2020 (arXiv 2003.03123), Eq. 8.
    """
    x = jnp.minimum(r / cutoff, 1)
    a, b, c = (p + 1) * (p + 2) / 2, p * (p + 2), p * (p + 1) / 2
    return 1 - x**p * (a - x * (b - c * x))


def xplor_envelope(
    r: Float[Array, "..."], onset: float, cutoff: float
) -> Float[Array, "..."]:
    """1 up to the onset, 0 from the cutoff on; the second derivative steps at both.

    (c² − r²)² (c² + 2r² − 3o²) / (c² − o²)³ between onset o and cutoff c.
    Source: Brooks et al., J. Comput. Chem. 4, 187 (1983), Eq. 13, CHARMM's switch.
    """
    x = jnp.clip(r, onset, cutoff) ** 2
    o, c = onset**2, cutoff**2
    return (c - x) ** 2 * (c + 2 * x - 3 * o) / (c - o) ** 3


def cosine_envelope(r: Float[Array, "..."], cutoff: float) -> Float[Array, "..."]:
    """(1 + cos(πr/c))/2 within the cutoff, then 0; its second derivative has a step.

    Source: Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007), Eq. 3.
    """
    return (1 + jnp.cos(jnp.pi * jnp.minimum(r / cutoff, 1))) / 2
