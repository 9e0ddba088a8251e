"""Equations of state E(V), fitted so that derivatives of the fit are exact.

What a fit says at another temperature follows from its energies by the implicit
function theorem, not by fitting again a little away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float

Equation = Callable[[Array, Array], Array]
"""Energy at a volume of four parameters: E₀, V₀, B₀ and B₀′ = dB/dp at V₀."""

STEPS = 40
"""Gauss-Newton steps of a fit; from a parabola it takes fewer than 10."""


def vinet(parameters: Float[Array, "4"], volume: Float[Array, "*v"]) -> Array:
    """E₀ + 9B₀V₀/η² [1 − (1 − η(1 − x)) exp η(1 − x)], x³ = V/V₀, η = ³⁄₂(B₀′ − 1).

    Source: Vinet, Rose, Ferrante, Smith, J. Phys.: Condens. Matter 1, 1941 (1989).
    """
    e, v, b, slope = parameters
    eta = 1.5 * (slope - 1)
    t = eta * (1 - jnp.cbrt(volume / v))
    return e + 9 * b * v / eta**2 * (1 - (1 - t) * jnp.exp(t))


def birch_murnaghan(parameters: Float[Array, "4"], volume: Float[Array, "*v"]) -> Array:
    """E₀ + ⁹⁄₁₆ B₀V₀ [B₀′(y − 1)³ + (y − 1)²(6 − 4y)], y = (V₀/V)^⅔.

    Source: Birch, Phys. Rev. 71, 809 (1947), third order.
    """
    e, v, b, slope = parameters
    y = jnp.cbrt(v / volume) ** 2
    return e + 9 / 16 * b * v * (slope * (y - 1) ** 3 + (y - 1) ** 2 * (6 - 4 * y))


def murnaghan(parameters: Float[Array, "4"], volume: Float[Array, "*v"]) -> Array:
    """E₀ + B₀V/B₀′ [(V₀/V)^B₀′/(B₀′ − 1) + 1] − B₀V₀/(B₀′ − 1).

    Source: Murnaghan, Proc. Natl. Acad. Sci. 30, 244 (1944).
    """
    e, v, b, slope = parameters
    power = (v / volume) ** slope
    return e + b * volume / slope * (power / (slope - 1) + 1) - b * v / (slope - 1)


EQUATIONS: dict[str, Equation] = {
    "vinet": vinet,
    "birch_murnaghan": birch_murnaghan,
    "murnaghan": murnaghan,
}


class Equilibrium(NamedTuple):
    """The minimum of E + pV, in units of the volumes and energies of the fit."""

    volume: Array
    bulk_modulus: Array
    enthalpy: Array
    residual: Array
    """Root of the mean square deviation of the fit."""


@partial(jax.jit, static_argnames="equation")
def equilibrium(
    equation: Equation,
    volumes: Float[Array, "volumes"],
    energies: Float[Array, "volumes"],
    parabola: Float[Array, "3"],
    pressure: float | Float[Array, ""],
) -> Equilibrium:
    """Equilibrium of an equation of state, least squares of the energies.

    First derivatives with respect to the energies and the pressure are exact. Volumes
    and energies should be numbers near 1. Where no fit exists the result is not finite.

    Args:
        equation: of state.
        volumes: at which the energies are.
        energies: to be fitted.
        parabola: coefficients, highest first, of one that fits them; the start.
        pressure: energy by volume.
    """
    parameters = _fit(equation, volumes, energies, parabola)

    def slope(volume: Array) -> Array:
        return _derivative(lambda v: equation(parameters, v), volume)

    def newton(_: Array, volume: Array) -> Array:
        return volume - (slope(volume) + pressure) / _derivative(slope, volume)

    root = jax.lax.stop_gradient(
        jax.lax.fori_loop(0, STEPS, newton, jax.lax.stop_gradient(parameters[1]))
    )
    curvature = jax.lax.stop_gradient(_derivative(slope, root))
    volume = root - (slope(root) + pressure) / curvature
    misfit = equation(parameters, volumes) - energies
    return Equilibrium(
        volume=volume,
        bulk_modulus=volume * _derivative(slope, volume),
        enthalpy=equation(parameters, volume) + pressure * volume,
        residual=jnp.sqrt(jnp.mean(misfit**2)),
    )


def _fit(equation: Equation, volumes: Array, energies: Array, parabola: Array) -> Array:
    """Parameters that fit best, with exact derivatives by the energies."""
    given = jax.lax.stop_gradient(energies)
    residuals = lambda p, e: equation(p, volumes) - e
    sensitivities = jax.jacfwd(residuals)

    def step(_: Array, parameters: Array) -> Array:
        by_parameter = sensitivities(parameters, given)
        sizes = jnp.linalg.norm(by_parameter, axis=0)  # of very different size
        scaled = by_parameter / sizes
        rest = scaled.T @ residuals(parameters, given)
        return parameters - jnp.linalg.solve(scaled.T @ scaled, rest) / sizes

    a, b, c = parabola
    vertex = -b / (2 * a)
    start = jnp.stack([c - a * vertex**2, vertex, 2 * a * vertex, jnp.full_like(a, 4)])
    best = jax.lax.stop_gradient(jax.lax.fori_loop(0, STEPS, step, start))

    def normal(parameters: Array) -> Array:
        """Half the gradient of the sum of squares, by the energies as they are."""
        return sensitivities(parameters, energies).T @ residuals(parameters, energies)

    sizes = jnp.linalg.norm(sensitivities(best, given), axis=0)
    curvature = jax.lax.stop_gradient(jax.jacfwd(normal)(best))
    scaled = jnp.linalg.solve(curvature / jnp.outer(sizes, sizes), normal(best) / sizes)
    return best - scaled / sizes


def _derivative(function: Callable[[Array], Array], x: Array) -> Array:
    return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]
