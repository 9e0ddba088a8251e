"""Atoms and cell of one crystal brought to rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, NonNegativeInt

from matjax.crystals import Crystal, cell_parameters
from matjax.errors import DivergenceError
from matjax.mechanics import Relaxation, relax
from matjax.reports import figure_title, new_figure, style
from matjax.studies import CrystalConfig, Run
from matjax.units import GPA
from matjax.weights import load_potential

if TYPE_CHECKING:
    from matplotlib.figure import Figure


RESOLVED = 1e-5
"""eV; figures show energies down to a tenth of it: less is round-off."""


class Config(CrystalConfig):
    """Which crystal, in which potential, and when it is at rest."""

    potential: str = "stillinger-weber-si"
    """Name or file of a potential."""
    method: Literal["lbfgs", "fire"] = "lbfgs"
    """Algorithm."""
    cell: bool = True
    """Whether the cell relaxes too."""
    symmetry: bool = False
    """Whether the space group is kept."""
    pressure: float = 0.0
    """GPa, positive when it compresses."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force at the end, eV/Å."""
    smax: float = Field(default=1e-5, gt=0)
    """Largest stress beyond the pressure at the end, eV/Å³."""
    max_steps: NonNegativeInt = 500
    """Steps after which the crystal is given up as not converged."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The relaxed crystal as CIF and extended XYZ, the way to it, and its numbers."""
    crystal = config.described(run.log)
    try:
        result = relax(
            load_potential(config.potential),
            crystal,
            fmax=config.fmax,
            smax=config.smax,
            cell=config.cell,
            method=config.method,
            max_steps=config.max_steps,
            symmetry=config.symmetry,
            **config.tolerances,
            pressure=config.pressure / GPA,
            progress=run.progress,
        )
    except DivergenceError as error:
        _save(error.result, config, run, figure_title(crystal, config.potential))
        raise ValueError(str(error)) from error
    _save(result, config, run, figure_title(result.crystal, config.potential))
    if result.interrupted:
        raise KeyboardInterrupt
    if not result.converged:
        run.log.warning(
            "not at rest after %d steps: the largest force is %.2g eV/Å; raise "
            "max_steps, or start again from relaxed.extxyz",
            result.steps,
            result.max_force,
        )
    a, b, c, alpha, beta, gamma = (
        float(x) for x in cell_parameters(result.crystal.cell)
    )
    return {
        "energy_eV": result.energy,
        "energy_eV_per_atom": result.energy / crystal.n_atoms,
        "energy_gain_eV": float(result.energies[0]) - result.energy,
        "max_force_eV_per_A": result.max_force,
        "pressure_GPa": -float(np.trace(result.stress)) / 3 * GPA,
        "volume_A3": float(result.crystal.volume),
        "a_A": a,
        "b_A": b,
        "c_A": c,
        "alpha_degree": alpha,
        "beta_degree": beta,
        "gamma_degree": gamma,
        "n_fixed": _n_fixed(crystal),
        "steps": result.steps,
        "converged": int(result.converged),
    }


def _n_fixed(crystal: Crystal) -> int:
    """Number of atoms that may not move at all."""
    if crystal.fixed is None:
        return 0
    held = np.asarray(crystal.fixed).reshape(crystal.n_atoms, -1)
    return int(held.all(axis=1).sum())


def _save(result: Relaxation, config: Config, run: Run, title: str) -> None:
    """Structure, convergence and figure: also of a relaxation that was interrupted."""
    run.save_crystal("relaxed.extxyz", result.crystal)
    if all(result.crystal.pbc):
        run.save_crystal("relaxed.cif", result.crystal)
    run.save_table(
        "convergence",
        {
            "step": np.arange(len(result.energies)),
            "energy_eV": result.energies,
            "max_force_eV_per_A": result.max_forces,
            "max_stress_eV_per_A3": result.max_stresses,
        },
    )
    run.save_figure("convergence", _figure(result, config, title))


def _figure(result: Relaxation, config: Config, title: str) -> Figure:
    """Energy above the end, largest force and stress against the steps."""
    with style():
        figure, axes = new_figure(1, 3, width=9.0, height=2.8, title=title)
        above = result.energies - result.energies.min()
        panels = [
            (above, RESOLVED, "", "Energy above the lowest (eV)"),
            (result.max_forces, config.fmax, "fmax", "Largest force (eV/Å)"),
            (result.max_stresses, config.smax, "smax", "Largest stress (eV/Å³)"),
        ]
        for ax, (values, threshold, name, label) in zip(axes[0], panels, strict=True):
            # Far below what is asked for is round-off, or zero: it lies on the axis.
            floor = 0.1 * threshold
            ax.semilogy(np.maximum(values, floor), marker=".", clip_on=False)
            ax.set_ylim(floor, max(10 * threshold, 1.5 * float(values.max())))
            ax.set_xlim(-0.5, max(len(values), 2) - 0.5)
            if name:
                ax.axhline(threshold, color="0.6", linestyle="--", zorder=0)
                ax.annotate(
                    f"{name} = {threshold:g}",
                    (0.02, threshold),  # where values are still above it
                    xycoords=("axes fraction", "data"),
                    va="bottom",
                    color="0.4",
                )
            ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            ax.set_xlabel("Step")
            ax.set_ylabel(label)
    return figure
