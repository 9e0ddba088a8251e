"""Molecular dynamics of one crystal at constant energy, temperature or pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt

from matjax.crystals import make_supercell
from matjax.errors import DivergenceError
from matjax.mechanics import NPT, NVE, NVT, Langevin, Trajectory, molecular_dynamics
from matjax.reports import figure_title, new_figure, style
from matjax.studies import CrystalConfig, Run
from matjax.units import GPA
from matjax.weights import load_potential

if TYPE_CHECKING:
    from matplotlib.figure import Figure


OFF_TARGET = 0.25
"""Relative distance of a mean temperature from its target that is said. In equilibrium
it is √(2 / (3 N)) for a single frame of N atoms: 0.1 for 64."""


class Config(CrystalConfig):
    """Which crystal, in which potential, how hot and for how long."""

    potential: str = "stillinger-weber-si"
    """Name or file of a potential."""
    supercell: tuple[PositiveInt, PositiveInt, PositiveInt] = (1, 1, 1)
    """Repetitions of the cell."""
    ensemble: Literal["nve", "nvt", "npt", "langevin"] = "nvt"
    """What stays constant; langevin is nvt by friction and noise."""
    temperature: float = Field(default=300.0, gt=0)
    """K; of the initial velocities in nve, of the heat bath otherwise."""
    pressure: float = 0.0
    """GPa; of npt."""
    timestep: float = Field(default=1.0, gt=0)
    """fs."""
    steps: PositiveInt = 2000
    """Number of steps."""
    every: PositiveInt = 10
    """Steps between frames."""
    discard: float = Field(default=0.2, ge=0, lt=1)
    """Share of the frames left out of the averages while the crystal equilibrates."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The trajectory, its energies and temperatures, and their averages."""
    crystal = config.described(run.log)
    title = figure_title(crystal, config.potential)
    crystal = make_supercell(crystal, config.supercell).crystal
    run.log.info("%d atoms in the supercell, %s", crystal.n_atoms, config.ensemble)
    try:
        trajectory = molecular_dynamics(
            load_potential(config.potential),
            crystal,
            _ensemble(config),
            steps=config.steps,
            timestep=config.timestep,
            every=config.every,
            seed=config.seed,
            progress=run.progress,
        )
    except DivergenceError as error:
        _save(error.result, config, title, run)
        raise ValueError(str(error)) from error
    _save(trajectory, config, title, run)
    if trajectory.interrupted:
        raise KeyboardInterrupt
    _warn(trajectory, config, run)
    return _metrics(trajectory, config)


def _ensemble(config: Config) -> NVE | NVT | NPT | Langevin:
    if config.ensemble == "npt":
        return NPT(config.temperature, config.pressure / GPA)
    if config.pressure:
        raise ValueError(
            f"pressure={config.pressure} GPa acts in ensemble=npt alone; received "
            f"ensemble={config.ensemble}"
        )
    kinds = {"nve": NVE, "nvt": NVT, "langevin": Langevin}
    return kinds[config.ensemble](config.temperature)


def _save(trajectory: Trajectory, config: Config, title: str, run: Run) -> None:
    """Frames, a table and a figure: also of a run that was interrupted."""
    if len(trajectory.times) == 0:
        return
    trajectory.write(run.path("trajectory.extxyz"))
    run.save_table(
        "thermodynamics",
        {
            "time_fs": trajectory.times,
            "temperature_K": trajectory.temperature,
            "potential_energy_eV": trajectory.potential_energy,
            "kinetic_energy_eV": trajectory.kinetic_energy,
            "conserved_eV": trajectory.conserved,
            "pressure_GPa": trajectory.pressure * GPA,
            "volume_A3": trajectory.volume,
        },
    )
    run.save_figure("thermodynamics", _figure(trajectory, config, title))


def _figure(trajectory: Trajectory, config: Config, title: str) -> Figure:
    """Temperature, pressure and the change of the conserved energy against time.

    Dashed: what the ensemble is told to keep.
    """
    heat_bath = None if config.ensemble == "nve" else config.temperature
    piston = config.pressure if config.ensemble == "npt" else None
    curves = [
        ("Temperature (K)", trajectory.temperature, heat_bath),
        ("Pressure (GPa)", trajectory.pressure * GPA, piston),
    ]
    drift = _drift(trajectory)
    if np.isfinite(drift).all():
        name = "Change of the conserved\nenergy (meV/atom)"
        curves.append((name, drift * 1e3, None))
    n = len(curves)
    title = f"{title}, {config.ensemble.upper()}"
    with style():
        figure, axes = new_figure(n, width=4.5, height=1.7 * n + 0.3, title=title)
        for panel, (label, values, target) in zip(axes[:, 0], curves, strict=True):
            panel.plot(trajectory.times / 1000, values)
            panel.set_ylabel(label)
            if target is not None:
                name = f"target {target:g}"
                panel.axhline(target, color="0.4", linestyle="--", label=name)
                panel.legend(loc="best", frameon=True, edgecolor="none")
        axes[-1, 0].set_xlabel("Time (ps)")
    return figure


def _warn(trajectory: Trajectory, config: Config, run: Run) -> None:
    """Say that the averages are not those of the temperature that was asked for."""
    if config.ensemble == "nve":
        return
    kept = trajectory.temperature[int(config.discard * len(trajectory.times)) :]
    if abs(kept.mean() / config.temperature - 1) > OFF_TARGET:
        run.log.warning(
            "the crystal had %.0f K on average, not %g K: it has not come to "
            "equilibrium with its heat bath; raise steps, or lower timestep",
            kept.mean(),
            config.temperature,
        )


def _drift(trajectory: Trajectory) -> np.ndarray:
    """Change of the conserved energy since the first frame, eV per atom."""
    conserved = trajectory.conserved
    return (conserved - conserved[0]) / trajectory.crystal.n_atoms


def _metrics(trajectory: Trajectory, config: Config) -> Mapping[str, float]:
    kept = slice(int(config.discard * len(trajectory.times)), None)
    n_atoms = trajectory.crystal.n_atoms
    metrics = {
        "temperature_K": trajectory.temperature[kept].mean(),
        "temperature_std_K": trajectory.temperature[kept].std(),
        "pressure_GPa": trajectory.pressure[kept].mean() * GPA,
        "volume_A3": trajectory.volume[kept].mean(),
        "potential_energy_eV_per_atom": trajectory.potential_energy[kept].mean()
        / n_atoms,
        "time_fs": trajectory.time,
        "n_atoms": n_atoms,
    }
    drift = _drift(trajectory)
    if np.isfinite(drift).all():  # Langevin dynamics conserve nothing
        metrics["max_conserved_change_meV_per_atom"] = abs(drift).max() * 1e3
    return metrics
