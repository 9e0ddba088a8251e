"""Phonon bands, density of states and heat capacity of one crystal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt

from matjax.arrays import Array
from matjax.config import ExperimentConfig, Section
from matjax.crystals import Crystal, write
from matjax.phonons import (
    Bands,
    DensityOfStates,
    Phonons,
    PolarPhonons,
    RealSpaceForceConstants,
    Response,
    Thermal,
    band_path,
    density_of_states,
    finite_displacements,
    phonons,
    projections,
    read_phonopy,
    regular_mesh,
    thermal_properties,
    with_polar,
)
from matjax.physics import Potential
from matjax.plot import UNCONVERGED, band_points, phonon_figure, thermal_figure
from matjax.runs import Run
from matjax.structures import Prototype, described_crystal
from matjax.weights import load_potential


class MeasuredPrototype(Prototype):
    """A structure type with frequencies to compare with."""

    measured: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Frequencies (THz) at named points of the path, to draw into the figure."""


Row = tuple[float, float, float]
Tensor = float | tuple[Row, Row, Row]


class Polar(Section):
    """Born charges of a polar crystal, for the macroscopic field of its dipoles."""

    charges: dict[str, Tensor] | tuple[Tensor, ...]
    """Of each element, or of each atom: numbers or tensors, e."""
    dielectric: Tensor
    """High-frequency dielectric constant or tensor."""
    grid: tuple[PositiveInt, PositiveInt, PositiveInt]
    """The supercell within which the potential knows the field."""
    method: Literal["gonze", "wang"] = "gonze"
    """Ewald sums, or Wang's interpolation."""


class Config(ExperimentConfig):
    """Which crystal, in which potential, and how finely it is sampled."""

    crystal: str | MeasuredPrototype
    """A file that ASE reads, a structure type, or a folder of phonopy's files, whose
    force constants then stand for those of the potential."""
    potential: str = "nequix-mlearn-si"
    """Name or file of a potential."""
    relax: bool = False
    """Whether atoms and cell are brought to rest first, in the given space group."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force after that, eV/Å."""
    polar: Polar | None = None
    """Born charges and dielectric tensor, for LO-TO splitting."""
    grid: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Grid of exact q between which to interpolate; by default every q is exact."""
    tolerance: float | None = Field(default=None, gt=0)
    """Refine such a grid until the measured error is below this, THz."""
    supercell: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Show phonopy's finite displacements in this supercell beside."""
    masses: dict[str, float] = Field(default_factory=dict)
    """Masses (amu) of elements that differ from the standard, for isotopes."""
    spacing: float = Field(default=0.05, gt=0)
    """Largest distance between points of the path, 1/Å (2π included)."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (12, 12, 12)
    """Divisions of the reciprocal vectors for sums over the zone."""
    max_temperature: float = Field(default=1000.0, gt=0)
    """End of the table of thermal properties, K."""
    temperature_step: float = Field(default=10.0, gt=0)
    """K."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables and a figure of the phonons, and numbers that sum them up."""
    found = _phonons(config, run)
    crystal, max_force = found.crystal, float(found.max_force)
    if max_force > UNCONVERGED:
        run.log.warning(
            "the crystal is not at rest: the largest force is %.2g eV/Å; "
            "relax=true brings it there first",
            max_force,
        )

    path = band_path(crystal, spacing=config.spacing)
    run.log.info("bands: %d points", len(path.q))
    bands = found.bands(path)
    _save_bands(bands, run)

    mesh = regular_mesh(crystal, config.mesh, masses=found.masses)
    run.log.info("mesh: %d points, %d by symmetry", mesh.index.size, len(mesh.q))
    modes = found.modes(mesh.q)
    frequencies = modes.frequencies
    labels, shares = projections(crystal, *modes, masses=found.masses)
    dos = density_of_states(mesh, frequencies, weights=shares, labels=labels)
    _save_density(dos, run)
    steps = np.arange(0, config.max_temperature + 1e-9, config.temperature_step)
    thermal = thermal_properties(mesh, frequencies, steps)
    _save_thermal(thermal, run)
    run.save_figure("thermal", thermal_figure(thermal, n_atoms=crystal.n_atoms))
    beside = _finite_displacements(config, found, bands, run)
    points = {**_measured(config, bands), **beside}
    figure = phonon_figure(bands, dos, max_force=max_force, points=points)
    run.save_figure("phonons", figure)

    room = thermal_properties(mesh, frequencies, [300.0])
    return {
        **_at_points(bands, found),
        **_errors(found, bands, beside),
        "min_frequency_THz": float(min(bands.frequencies.min(), frequencies.min())),
        "max_frequency_THz": float(max(bands.frequencies.max(), frequencies.max())),
        "zero_point_energy_eV": float(room.zero_point_energy),
        "free_energy_300K_eV": float(room.free_energy[0]),
        "entropy_300K_J_per_mol_K": float(room.entropy[0]),
        "heat_capacity_300K_J_per_mol_K": float(room.heat_capacity[0]),
        "imaginary_fraction": float(room.fraction_imaginary),
        # Unknown of force constants from files.
        **({} if np.isnan(max_force) else {"max_force_eV_per_A": max_force}),
        "n_atoms": crystal.n_atoms,
        "n_mesh_points": len(mesh.q),
    }


def _phonons(config: Config, run: Run) -> Phonons:
    """From phonopy's files or from the potential, with the field if there is one."""
    source = config.crystal
    if isinstance(source, str) and (Path(source).is_dir() or source.endswith(".yaml")):
        if config.relax:
            raise ValueError(
                f"force constants of {source} belong to the crystal as it is there; "
                "relax=true needs a potential and a crystal"
            )
        found = read_phonopy(source)
        masses = _masses(config, found.crystal, found.masses)
        found = found.replace(masses=masses, progress=run.progress)
    else:
        potential = load_potential(config.potential)
        crystal = _crystal(config, potential, run)
        masses = _masses(config, crystal, crystal.masses)
        found = phonons(
            potential,
            crystal,
            masses=masses,
            grid=config.grid,
            tolerance=config.tolerance,
            progress=run.progress,
        )
        if found.grid is not None:
            run.log.info("exact on a grid of %s", " x ".join(map(str, found.grid)))
    if config.polar is None:
        return found
    if isinstance(found, PolarPhonons):
        raise ValueError(f"the files of {source} have Born charges; leave out polar")
    charges = _charges(config.polar, found.crystal)
    dielectric = _tensor(config.polar.dielectric)
    polar = config.polar
    return with_polar(found, charges, dielectric, polar.grid, method=polar.method)


Curves = dict[str, tuple[list, list]]
"""For each entry of the legend, distances along the path and frequencies."""


def _finite_displacements(
    config: Config, found: Phonons, bands: Bands, run: Run
) -> Curves:
    """Frequencies along the path by phonopy and the same potential."""
    if config.supercell is None:
        return {}
    if not isinstance(found.source, Response | RealSpaceForceConstants) or (
        isinstance(config.crystal, str) and Path(config.crystal).is_dir()
    ):
        raise ValueError(
            "finite displacements are those of a potential without macroscopic field: "
            "leave out supercell, or polar and the folder of phonopy's files"
        )
    other = finite_displacements(
        load_potential(config.potential),
        found.crystal,
        config.supercell,
        masses=found.masses,
        progress=run.progress,
    )
    frequencies = other.frequencies(bands.path.q)
    run.save_table(
        "finite_displacements",
        {
            "distance_per_A": bands.path.distance,
            **{f"frequency_{i + 1}_THz": f for i, f in enumerate(frequencies.T)},
        },
    )
    label = "phonopy " + "×".join(map(str, config.supercell))
    return {label: band_points(bands, frequencies)}


def _errors(found: Phonons, bands: Bands, beside: Curves) -> dict[str, float]:
    """Of interpolation, as measured, and of a supercell along the path."""
    metrics = {}
    if found.interpolation_error is not None:
        metrics["interpolation_error_THz"] = found.interpolation_error
    for _, frequencies in beside.values():
        other = np.reshape(frequencies, bands.frequencies.shape)
        ours = np.sort(bands.frequencies, axis=1)
        metrics["supercell_error_THz"] = float(abs(np.sort(other) - ours).max())
    return metrics


def _charges(polar: Polar, crystal: Crystal) -> np.ndarray:
    """Of all atoms, e."""
    given = polar.charges
    if isinstance(given, tuple):
        return np.array([_tensor(charge) for charge in given]).reshape(-1, 3, 3)
    if given.keys() != set(crystal.symbols):
        raise ValueError(
            f"polar.charges must be of {' '.join(sorted(set(crystal.symbols)))}; "
            f"received {' '.join(sorted(given))}"
        )
    return np.array([_tensor(given[symbol]) for symbol in crystal.symbols])


def _tensor(given: Tensor) -> np.ndarray:
    return np.array(given) if isinstance(given, tuple) else given * np.eye(3)


def _crystal(config: Config, potential: Potential, run: Run) -> Crystal:
    """The crystal of the config, at rest if that is asked for."""
    crystal = described_crystal(config.crystal)
    run.log.info("%d atoms: %s", crystal.n_atoms, " ".join(crystal.symbols[:20]))
    if not config.relax:
        return crystal
    from matjax.physics import relax

    relaxed = relax(potential, crystal, fmax=config.fmax, symmetry=True)
    if not relaxed.converged:
        run.log.warning("the relaxation has not converged in %d steps", relaxed.steps)
    write(run.path("relaxed.cif"), relaxed.crystal)
    return relaxed.crystal


def _masses(config: Config, crystal: Crystal, masses: Array) -> np.ndarray:
    absent = sorted(config.masses.keys() - set(crystal.symbols))
    if absent:
        raise ValueError(
            f"masses must be of elements of the crystal; {', '.join(absent)} is not in "
            f"{' '.join(crystal.symbols)}"
        )
    pairs = zip(crystal.symbols, masses, strict=True)
    return np.array([config.masses.get(symbol, mass) for symbol, mass in pairs])


def _save_bands(bands: Bands, run: Run) -> None:
    labels = dict(bands.path.ticks)
    run.save_table(
        "bands",
        {
            "label": [labels.get(row, "") for row in range(len(bands.path.q))],
            **{f"q{i + 1}": bands.path.q[:, i] for i in range(3)},
            "distance_per_A": bands.path.distance,
            **{f"frequency_{i + 1}_THz": f for i, f in enumerate(bands.frequencies.T)},
        },
    )


def _save_density(dos: DensityOfStates, run: Run) -> None:
    columns = {"frequency_THz": dos.frequencies, "density_per_THz": dos.density}
    if len(dos.labels) > 1:
        parts = zip(dos.labels, np.asarray(dos.parts), strict=True)
        columns |= {f"{label}_per_THz": part for label, part in parts}
    run.save_table("dos", columns)


def _save_thermal(thermal: Thermal, run: Run) -> None:
    run.save_table(
        "thermal",
        {
            "temperature_K": thermal.temperatures,
            "free_energy_eV": thermal.free_energy,
            "internal_energy_eV": thermal.internal_energy,
            "entropy_J_per_mol_K": thermal.entropy,
            "heat_capacity_J_per_mol_K": thermal.heat_capacity,
        },
    )


def _measured(config: Config, bands: Bands) -> Curves:
    """Measured frequencies, at the places of their points on the path."""
    if isinstance(config.crystal, str) or not config.crystal.measured:
        return {}
    ticks = [
        (row, config.crystal.measured.get(label, ())) for row, label in bands.path.ticks
    ]
    places = [(float(bands.path.distance[row]), f) for row, fs in ticks for f in fs]
    return {"measured": ([x for x, _ in places], [y for _, y in places])}


def _at_points(bands: Bands, found: Phonons) -> dict[str, float]:
    """Frequencies at named points, and how well sum rule and symmetry hold at Γ."""
    at_gamma = bands.at("Γ")
    acoustic, optical = np.split(at_gamma[np.argsort(abs(at_gamma))], [3])
    matrix = found.force_constants(np.zeros(3))
    metrics = {
        "gamma_acoustic_THz": float(abs(acoustic).max()),
        "asymmetry_eV_per_A2": float(abs(matrix - matrix.conj().T).max()),
    }
    if len(optical):
        metrics["gamma_optical_THz"] = float(optical.max())
    if "X" in dict(bands.path.ticks).values():
        metrics["x_ta_THz"] = float(bands.at("X").min())
    if isinstance(found, PolarPhonons):
        without = float(found.frequencies(np.zeros(3)).max())
        metrics["lo_to_splitting_THz"] = float(at_gamma.max()) - without
        charges = abs(found.source.dipoles.residual).max()
        metrics["born_charge_sum_e"] = float(charges)
    return metrics
