"""Thermal properties of harmonic crystals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from matjax.arrays import Array, Bool, Float
from matjax.force_constants import Mesh
from matjax.numerics import safe_where
from matjax.units import BOLTZMANN, J_PER_MOL, PLANCK_THZ

SOFTEST = 1e-3
"""THz; modes of lower frequency do not enter thermal properties."""

MAX_TEMPERATURES = 100_000
"""Steps of 0.1 K up to 10,000 K."""


class Thermal(NamedTuple):
    """Harmonic thermal properties of one cell at given temperatures."""

    temperatures: Float[Array, "temperatures"]
    """K."""
    free_energy: Float[Array, "temperatures"]
    """Helmholtz free energy of the vibrations with their zero-point energy, eV."""
    internal_energy: Float[Array, "temperatures"]
    """Energy of the vibrations with their zero-point energy, F + TS, eV."""
    entropy: Float[Array, "temperatures"]
    """J/(mol K)."""
    heat_capacity: Float[Array, "temperatures"]
    """At constant volume, J/(mol K)."""
    zero_point_energy: Float[Array, ""]
    """eV."""
    fraction_excluded: Float[Array, ""]
    """Share of all modes of the mesh left out: the translations at Γ, and those that
    are imaginary or softer than the threshold. The rest is not scaled up."""
    fraction_imaginary: Float[Array, ""]
    """Share of all modes that are imaginary, translations aside."""


def temperature_range(
    maximum: float | int, step: float | int
) -> Float[np.ndarray, "temperatures"]:
    """Temperatures from 0 to a maximum in steps, K.

    Raises:
        ValueError: if they are not finite and positive, or more than
            MAX_TEMPERATURES.
    """
    if not (0 < step < np.inf and 0 < maximum < np.inf):
        raise ValueError(
            "the highest temperature and the step must be positive (K); received "
            f"{maximum} and {step}"
        )
    _require_few(maximum / step)
    return np.arange(0, maximum + 1e-9, step)


def thermal_properties(
    mesh: Mesh,
    frequencies: Float[Array, "q modes"],
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
    *,
    softest: float | int = SOFTEST,
) -> Thermal:
    """Free and internal energy, entropy and heat capacity of independent oscillators.

    With ε = hν and x = ε / kT, summed over the modes of the mesh:
    F = Σ ε/2 + kT ln(1 − e⁻ˣ), U = Σ ε/2 + ε/(eˣ − 1), S = −∂F/∂T = (U − F)/T,
    C = ∂U/∂T. At T = 0, F and U are the zero-point energy; S and C vanish.

    Source: Born and Huang, Dynamical Theory of Crystal Lattices (1954), §16.

    Args:
        mesh: whose points the sums are over.
        frequencies: at the points of the mesh, THz.
        temperatures: K, zero or more.
        softest: THz; softer modes are left out.

    Raises:
        ValueError: if a temperature is negative or not finite.
    """
    temperatures = require_temperatures(temperatures)
    at_gamma = points_at_gamma(mesh)
    sums = _sum_over_modes(frequencies, mesh.weights, at_gamma, temperatures, softest)
    if not isinstance(frequencies, Tracer):
        sums = [np.asarray(x) for x in sums]
    return Thermal(temperatures, *sums)


def no_thermal_properties(
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
) -> Thermal:
    """Those of a crystal that has no phonons: NaN."""
    temperatures = require_temperatures(temperatures)
    each, one = np.full(temperatures.shape, np.nan), np.asarray(np.nan)
    return Thermal(temperatures, each, each, each, each, one, one, one)


def points_at_gamma(mesh: Mesh) -> Bool[Array, "q"]:
    """Which points of the mesh are reciprocal lattice vectors."""
    return (np.asarray(mesh.q) == np.round(mesh.q)).all(axis=1)


def vibrating(
    frequencies: Float[Array, "q modes"],
    at_gamma: Bool[Array, "q"],
    softest: float | int | Float[Array, ""],
) -> tuple[Bool[Array, "q modes"], Bool[Array, "q modes"]]:
    """Which modes enter thermal averages, and which are imaginary.

    The three softest at Γ are the translations and neither; nor is any mode whose
    frequency is below ``softest`` (THz) without being imaginary.
    """
    frequencies = jnp.asarray(frequencies)
    rank = jnp.argsort(jnp.argsort(jnp.abs(frequencies), axis=1), axis=1)
    translation = at_gamma[:, None] & (rank < 3)
    counted = (frequencies >= softest) & ~translation
    return counted, (frequencies <= -softest) & ~translation


def require_temperatures(
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
) -> Float[Array, "temperatures"]:
    """The temperatures; raises ValueError if one is negative or not finite."""
    temperatures = np.atleast_1d(np.asarray(temperatures, dtype=float))
    _require_few(len(temperatures))
    if not (np.isfinite(temperatures) & (temperatures >= 0)).all():
        raise ValueError(
            f"temperatures must be finite and not negative (K); received {temperatures}"
        )
    return temperatures


def _require_few(n_temperatures: float | int) -> None:
    if n_temperatures > MAX_TEMPERATURES:
        raise ValueError(
            f"at most {MAX_TEMPERATURES} temperatures are computed; received "
            f"{n_temperatures:.3g}: choose larger steps"
        )


@jax.jit
def _sum_over_modes(
    frequencies: Array,
    weights: Array,
    at_gamma: Array,
    temperatures: Array,
    softest: float | int | Array,
) -> tuple[Array, ...]:
    frequencies = jnp.asarray(frequencies)
    counted, imaginary = vibrating(frequencies, at_gamma, softest)
    weights = jnp.broadcast_to(weights[:, None], frequencies.shape)

    def total(function: Callable[[Array], Array]) -> Array:
        return jnp.sum(weights * safe_where(counted, function, frequencies, inside=1.0))

    def at_temperature(kt: Array) -> tuple[Array, ...]:
        warm = kt > 0
        kt = jnp.where(warm, kt, 1)

        def free(nu: Array) -> Array:
            return kt * jnp.log(-jnp.expm1(-PLANCK_THZ * nu / kt))

        def excited(nu: Array) -> Array:
            x = PLANCK_THZ * nu / kt
            return -PLANCK_THZ * nu * jnp.exp(-x) / jnp.expm1(-x)

        def entropy(nu: Array) -> Array:
            x = PLANCK_THZ * nu / kt
            return -x * jnp.exp(-x) / jnp.expm1(-x) - jnp.log(-jnp.expm1(-x))

        def heat(nu: Array) -> Array:  # in exp(−x), which cannot overflow
            x = PLANCK_THZ * nu / kt
            return jnp.exp(-x) * (x / jnp.expm1(-x)) ** 2

        functions = (free, excited, entropy, heat)
        return tuple(jnp.where(warm, total(f), 0) for f in functions)

    zero_point = total(lambda nu: PLANCK_THZ * nu / 2)
    free, excited, entropy, heat = jax.lax.map(at_temperature, BOLTZMANN * temperatures)
    gas = BOLTZMANN * J_PER_MOL
    share = weights / weights.sum()
    return (
        zero_point + free,
        zero_point + excited,
        gas * entropy,
        gas * heat,
        zero_point,
        jnp.sum(share * ~counted),
        jnp.sum(share * imaginary),
    )
