"""The quasi-harmonic approximation: phonons of several volumes make a crystal expand.

    F(V, T) = E(V) + F_vib(V, T),    G(p, T) = min over V of F + pV

An equation of state is fitted to F at each temperature. Its derivatives by temperature
are exact, as those of F at each volume are known: ∂F/∂T = −S.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.force_constants import regular_mesh
from matjax.force_constants.qpoints import SYMPREC
from matjax.lattice_dynamics.expansion.equation_of_state import (
    EQUATIONS,
    Equilibrium,
    equilibrium,
)
from matjax.lattice_dynamics.expansion.volumes import VolumeScan, require_stable
from matjax.lattice_dynamics.gruneisen_parameters import gruneisen
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.thermal import require_temperatures, thermal_properties
from matjax.units import GPA, J_PER_MOL


class QuasiHarmonic(NamedTuple):
    """Thermal properties of a cell at constant pressure."""

    temperatures: Float[Array, "temperatures"]
    """K."""
    volume: Float[Array, "temperatures"]
    """Å³."""
    expansion: Float[Array, "temperatures"]
    """Volumetric thermal expansion (1/V) dV/dT, 1/K; linear expansion is a third."""
    bulk_modulus: Float[Array, "temperatures"]
    """Isothermal, GPa."""
    bulk_modulus_adiabatic: Float[Array, "temperatures"]
    """GPa."""
    heat_capacity_v: Float[Array, "temperatures"]
    """At the constant volume V(T), J/(mol K)."""
    heat_capacity_p: Float[Array, "temperatures"]
    """At constant pressure, C_V + T V α² B, J/(mol K)."""
    entropy: Float[Array, "temperatures"]
    """J/(mol K)."""
    gruneisen: Float[Array, "temperatures"]
    """γ = V α B / C_V; NaN where C_V is 0."""
    gibbs_energy: Float[Array, "temperatures"]
    """eV."""
    fit_error: Float[Array, "temperatures"]
    """Root of the mean square deviation of F from the equation of state, eV."""


def quasiharmonic(
    scan: VolumeScan, *, equation: str = "vinet", pressure: float | int = 0.0
) -> QuasiHarmonic:
    """Thermal expansion and what else follows from free energies at several volumes.

    With F fitted at each T, V(T) is the minimum of F + pV, α = (∂S/∂V)/B and
    C_p − C_V = T V α² B; C_V is interpolated between the volumes.

    Source: Togo, Chaput, Tanaka, Hug, Phys. Rev. B 81, 174301 (2010), Sec. II C.

    Args:
        scan: as :func:`volume_scan` or :func:`thermal_scan` returns it.
        equation: of state; a key of ``EQUATIONS``.
        pressure: GPa.

    Raises:
        ValueError: if the equation is unknown, there are fewer than five volumes, JAX
            is not set to float64, the energies have no minimum that the equation can
            describe, or a minimum lies outside the volumes.
    """
    _require_fit(scan, equation)
    unit = float(np.mean(scan.volumes))
    x = np.asarray(scan.volumes) / unit
    totals = np.asarray(scan.energies)[:, None] + scan.free_energies
    base = totals.min()
    tension = pressure / GPA * unit

    parabolas = np.polyfit(x, totals - base, 2)

    def at_temperature(energies: Array, slopes: Array, parabola: Array) -> tuple:
        solve = lambda e: equilibrium(EQUATIONS[equation], x, e, parabola, tension)
        return jax.jvp(solve, (energies,), (slopes,))

    slopes = -np.asarray(scan.entropies) / J_PER_MOL
    state, change = jax.device_get(
        jax.vmap(at_temperature, 1)(totals - base, slopes, parabolas)
    )
    _require_inside(scan, state, unit)
    t = np.asarray(scan.temperatures, dtype=float)
    volume, bulk = unit * state.volume, state.bulk_modulus / unit
    alpha = change.volume / state.volume
    cv = _interpolated(x, np.asarray(scan.heat_capacities), state.volume) / J_PER_MOL
    excess = t * volume * alpha**2 * bulk
    share = np.divide(excess, cv, out=np.zeros_like(cv), where=cv > 0)
    gruneisen = np.divide(
        volume * alpha * bulk, cv, out=np.full_like(cv, np.nan), where=cv > 0
    )
    return QuasiHarmonic(
        temperatures=t,
        volume=volume,
        expansion=alpha,
        bulk_modulus=bulk * GPA,
        bulk_modulus_adiabatic=bulk * (1 + share) * GPA,
        heat_capacity_v=cv * J_PER_MOL,
        heat_capacity_p=(cv + excess) * J_PER_MOL,
        entropy=-change.enthalpy * J_PER_MOL,
        gruneisen=gruneisen,
        gibbs_energy=state.enthalpy + base,
        fit_error=state.residual,
    )


def gruneisen_expansion(
    phonons: Phonons,
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
    bulk_modulus: float | int,
    *,
    mesh: Sequence[int] = (12, 12, 12),
    symprec: float = SYMPREC,
) -> Float[Array, "temperatures"]:
    """Thermal expansion of isotropic strain from one volume alone, 1/K.

        α = (∂S/∂V)/B = Σ γ c / (V B)

    over modes of Grüneisen parameter γ and heat capacity c, by derivatives and without
    a fit. It holds at the volume of the phonons.

    Args:
        phonons: of a potential, of a crystal at rest.
        temperatures: K.
        bulk_modulus: isothermal, GPa.
        mesh: divisions of the reciprocal vectors.
        symprec: Å, tolerance of the symmetry that merges points of the mesh.

    Raises:
        ValueError: as :func:`gruneisen` does, or if modes do not vibrate.
    """
    temperatures = require_temperatures(temperatures)
    points = regular_mesh(phonons.crystal, mesh, masses=phonons.masses, symprec=symprec)
    modes = gruneisen(phonons, points.q)
    volume = float(phonons.crystal.volume)
    require_stable(np.asarray(modes.frequencies), points.q, volume)

    def entropy(frequencies: Array) -> Array:
        return thermal_properties(points, frequencies, temperatures).entropy

    by_log_volume = -modes.scalar * modes.frequencies
    slope = jax.jvp(entropy, (modes.frequencies,), (by_log_volume,))[1]
    return np.asarray(slope) / J_PER_MOL / (volume * bulk_modulus / GPA)


def _interpolated(x: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Smooth function of volume at V(T): a polynomial at each temperature."""
    center = x.mean()
    coefficients = np.polyfit(x - center, values, min(4, len(x) - 1))
    powers = (at - center) ** np.arange(len(coefficients))[::-1, None]
    return np.sum(coefficients * powers, axis=0)


def _require_fit(scan: VolumeScan, equation: str) -> None:
    if equation not in EQUATIONS:
        raise ValueError(
            f"equation must be one of {', '.join(EQUATIONS)}; received {equation!r}"
        )
    if len(np.unique(np.round(scan.volumes, 9))) < 5:
        raise ValueError(
            "an equation of state of four parameters needs five volumes or more; "
            f"received {np.asarray(scan.volumes)} Å³"
        )
    if jnp.zeros(()).dtype != np.float64:
        raise ValueError(
            "quasi-harmonic fits need float64; JAX is set to float32: call "
            'jax.config.update("jax_enable_x64", True) first'
        )


def _require_inside(scan: VolumeScan, state: Equilibrium, unit: float) -> None:
    t, volumes = np.asarray(scan.temperatures), np.asarray(scan.volumes)
    minima = unit * state.volume
    good = np.isfinite(minima) & (state.bulk_modulus > 0)
    if not good.all():
        raise ValueError(
            f"the free energy must have a minimum; at {t[~good][0]:g} K the equation "
            "of state finds none: choose volumes around it, or lower temperatures"
        )
    outside = (minima < volumes.min()) | (minima > volumes.max())
    if outside.any():
        raise ValueError(
            f"the volumes must enclose the minimum of the free energy; at "
            f"{t[outside][0]:g} K it lies at {minima[outside][0]:.3f} Å³, outside "
            f"{volumes.min():.3f} to {volumes.max():.3f} Å³: widen their range or "
            "choose lower temperatures"
        )
