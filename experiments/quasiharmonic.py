"""Thermal expansion, bulk moduli and heat capacities of one crystal by temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt

from matjax.crystals import Crystal
from matjax.lattice_dynamics import temperature_range
from matjax.lattice_dynamics.expansion import (
    QuasiHarmonic,
    VolumeScan,
    quasiharmonic,
    volume_scan,
)
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.reports import figure_title, new_figure, style
from matjax.studies import CrystalConfig, Run
from matjax.units import GPA
from matjax.weights import load_potential

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Config(CrystalConfig):
    """Which crystal, in which potential, at which volumes and temperatures."""

    potential: str = "stillinger-weber-si"
    """Name or file of a potential."""
    smallest: float = Field(default=0.96, gt=0)
    """Smallest volume, as a share of the relaxed one."""
    largest: float = Field(default=1.06, gt=0)
    """Largest volume, likewise."""
    n_volumes: int = Field(default=9, ge=5)
    """Number of volumes."""
    shape: Literal["isotropic", "relaxed"] = "isotropic"
    """Whether the cell keeps its shape or relaxes it at each volume."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (12, 12, 12)
    """Divisions of the reciprocal vectors for sums over the zone."""
    equation: Literal["vinet", "birch_murnaghan", "murnaghan"] = "vinet"
    """Equation of state."""
    pressure: float = 0.0
    """GPa."""
    max_temperature: float = Field(default=1000.0, gt=0)
    """K."""
    temperature_step: float = Field(default=10.0, gt=0)
    """K."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables and a figure by temperature, and numbers at 300 K."""
    potential = load_potential(config.potential)
    crystal = _at_rest(config, potential, run)
    room = min(300.0, config.max_temperature)
    steps = temperature_range(config.max_temperature, config.temperature_step)
    temperatures = np.union1d(steps, [room])
    scan = volume_scan(
        potential,
        crystal,
        temperatures,
        ratios=np.linspace(config.smallest, config.largest, config.n_volumes),
        mesh=config.mesh,
        shape=config.shape,
        symprec=config.symprec,
        progress=run.progress,
    )
    row = int(np.searchsorted(temperatures, room))
    _save_volumes(scan, row, run)
    thermal = quasiharmonic(scan, equation=config.equation, pressure=config.pressure)
    _save(thermal, run)
    run.save_figure("quasiharmonic", _figure(thermal, crystal, config))
    return {
        "temperature_K": room,
        "volume_A3": float(thermal.volume[row]),
        "static_volume_A3": float(crystal.volume),
        "volume_0K_A3": float(thermal.volume[0]),
        "volumetric_expansion_per_K": float(thermal.expansion[row]),
        "min_expansion_per_K": float(thermal.expansion.min()),
        "bulk_modulus_GPa": float(thermal.bulk_modulus[row]),
        "bulk_modulus_adiabatic_GPa": float(thermal.bulk_modulus_adiabatic[row]),
        "heat_capacity_v_J_per_mol_K": float(thermal.heat_capacity_v[row]),
        "heat_capacity_p_J_per_mol_K": float(thermal.heat_capacity_p[row]),
        "entropy_J_per_mol_K": float(thermal.entropy[row]),
        "gruneisen": float(thermal.gruneisen[row]),
        "fit_error_eV": float(thermal.fit_error.max()),
        "n_atoms": crystal.n_atoms,
    }


def _at_rest(config: Config, potential: Potential, run: Run) -> Crystal:
    """The crystal relaxed in its space group, under the pressure of the config."""
    relaxed = relax(
        potential,
        config.described(run.log),
        fmax=1e-4,
        smax=1e-6,
        symmetry=True,
        pressure=config.pressure / GPA,
        **config.tolerances,
    )
    crystal = relaxed.crystal
    if not relaxed.converged:
        raise ValueError(
            f"the crystal must come to rest; after {relaxed.steps} steps the largest "
            f"force is {relaxed.max_force:.2g} eV/Å: start from a better one"
        )
    run.save_crystal("relaxed.cif", crystal)
    return crystal


def _save_volumes(scan: VolumeScan, row: int, run: Run) -> None:
    free, room = scan.free_energies, f"{scan.temperatures[row]:g}K"
    columns = {
        "volume_A3": scan.volumes,
        "energy_eV": scan.energies,
        "free_energy_0K_eV": free[:, 0],
        f"free_energy_{room}_eV": free[:, row],
        f"heat_capacity_v_{room}_J_per_mol_K": scan.heat_capacities[:, row],
    }
    run.save_table("volumes", columns)


def _save(thermal: QuasiHarmonic, run: Run) -> None:
    run.save_table(
        "quasiharmonic",
        {
            "temperature_K": thermal.temperatures,
            "volume_A3": thermal.volume,
            "volumetric_expansion_per_K": thermal.expansion,
            "bulk_modulus_GPa": thermal.bulk_modulus,
            "bulk_modulus_adiabatic_GPa": thermal.bulk_modulus_adiabatic,
            "heat_capacity_v_J_per_mol_K": thermal.heat_capacity_v,
            "heat_capacity_p_J_per_mol_K": thermal.heat_capacity_p,
            "entropy_J_per_mol_K": thermal.entropy,
            "gruneisen": thermal.gruneisen,
            "gibbs_energy_eV": thermal.gibbs_energy,
        },
    )


def _figure(thermal: QuasiHarmonic, crystal: Crystal, config: Config) -> Figure:
    """Volume, expansion, bulk moduli and heat capacities by temperature."""
    t, n = thermal.temperatures, crystal.n_atoms
    panels = [
        ("Volume (Å³ per atom)", {"": thermal.volume / n}),
        ("Volumetric expansion (10⁻⁶/K)", {"": 1e6 * thermal.expansion}),
        (
            "Bulk modulus (GPa)",
            {
                "isothermal": thermal.bulk_modulus,
                "adiabatic": thermal.bulk_modulus_adiabatic,
            },
        ),
        (
            "Heat capacity (J/K per mol of atoms)",
            {
                "constant pressure": thermal.heat_capacity_p / n,
                "constant volume": thermal.heat_capacity_v / n,
            },
        ),
    ]
    title = figure_title(crystal, config.potential)
    if config.pressure:
        title += f", {config.pressure:g} GPa"
    with style():
        figure, axes = new_figure(2, 2, width=7.0, height=5.2, title=title, sharex=True)
        for ax, (label, curves) in zip(axes.flat, panels, strict=True):
            for name, values in curves.items():
                ax.plot(t, values, label=name)
            if len(curves) > 1:
                ax.legend()
            ax.set(ylabel=label, xlim=(0, t[-1]))
        axes[0, 0].axhline(
            float(crystal.volume) / n, color="0.6", linestyle="--", linewidth=0.8
        )
        axes[0, 0].annotate(
            "without vibrations",
            (t[-1], float(crystal.volume) / n),
            ha="right",
            va="bottom",
            fontsize=8,
            color="0.4",
        )
        for ax in axes[1]:
            ax.set_xlabel("Temperature (K)")
    return figure
