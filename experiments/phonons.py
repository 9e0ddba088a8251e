"""Phonon bands, density of states and heat capacity of one crystal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field, PositiveInt

from matjax.force_constants import SymmetricResponse, mesh_divisions, regular_mesh
from matjax.lattice_dynamics import (
    Phonons,
    PolarPhonons,
    density_of_states,
    projections,
    temperature_range,
    thermal_properties,
)
from matjax.reports import (
    band_points,
    figure_title,
    phonon_figure,
    thermal_figure,
)
from matjax.reports import phonon_tables as tables
from matjax.studies import (
    CrystalConfig,
    PathDescription,
    Polar,
    Prototype,
    Run,
    are_phonopy_files,
    described_path,
    frequencies_by_displacements,
    phonons_at_rest,
    phonons_of_files,
    reduced,
)
from matjax.weights import load_potential


class MeasuredPrototype(Prototype):
    """A structure type with frequencies to compare with."""

    measured: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Frequencies (THz) at named points of the path, to draw into the figure."""


class Config(CrystalConfig):
    """Which crystal, in which potential, and how finely it is sampled."""

    crystal: str | MeasuredPrototype
    """A file that holds a crystal, a structure type, or a folder of phonopy's files,
    whose force constants then stand for those of the potential."""
    potential: str | None = None
    """Name or file of a potential; by default nequix-mp-1-pft, which knows 89 elements,
    and for silicon as a structure type the small nequix-mlearn-si."""
    primitive: bool = True
    """Whether a larger cell is reduced to the primitive one first."""
    relax: bool | None = None
    """Whether atoms and cell are brought to rest first, in the given space group; by
    default where a force exceeds 0.01 eV/Å."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force after that, eV/Å."""
    polar: Polar | None = None
    """Born charges and dielectric tensor, for LO-TO splitting."""
    tolerance: float = Field(default=0.1, gt=0)
    """THz; wave vectors of path and mesh are computed exactly until frequencies at the
    others are predicted within this, as measured."""
    exact: bool = False
    """Whether every one of them is computed."""
    grid: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """A regular grid of exact q between which to interpolate instead."""
    supercell: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Show phonopy's finite displacements in this supercell beside."""
    path: PathDescription | None = None
    """Lines through the zone, such as [Γ X, K Γ]; by default those of the lattice."""
    spacing: float = Field(default=0.05, gt=0)
    """Largest distance between points of the path, 1/Å (2π included)."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Divisions of the reciprocal vectors for sums over the zone; by default at most
    12, points being 0.17 1/Å apart (2π included)."""
    max_temperature: float = Field(default=1000.0, gt=0)
    """End of the table of thermal properties, K."""
    temperature_step: float = Field(default=10.0, gt=0)
    """K."""

    @property
    def chosen_potential(self) -> str:
        """The one that is given, or the default for this crystal."""
        if self.potential is not None:
            return self.potential
        is_silicon = (
            isinstance(self.crystal, Prototype) and self.crystal.symbols == "Si"
        )
        return "nequix-mlearn-si" if is_silicon else "nequix-mp-1-pft"


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables and a figure of the phonons, and numbers that sum them up."""
    steps = temperature_range(config.max_temperature, config.temperature_step)
    phonons, pressure, name = _phonons(config, run)
    crystal, max_force = phonons.crystal, float(phonons.max_force)
    path = described_path(
        crystal, config.path, spacing=config.spacing, **config.tolerances
    )
    shape = config.mesh or mesh_divisions(crystal)
    mesh = regular_mesh(crystal, shape, masses=phonons.masses, **config.tolerances)
    times = " × ".join(map(str, shape))
    run.log.info("bands: %d q; mesh %s: %d q", len(path.q), times, len(mesh.q))
    phonons = _prepared(config, phonons, np.concatenate([path.q, mesh.q]))

    bands = phonons.bands(path)
    run.save_table("bands", tables.bands_table(bands))
    modes = phonons.modes(mesh.q)
    frequencies = modes.frequencies
    labels, shares = projections(crystal, *modes, masses=phonons.masses)
    dos = density_of_states(mesh, frequencies, weights=shares, labels=labels)
    run.save_table("dos", tables.density_table(dos))
    thermal = thermal_properties(mesh, frequencies, steps)
    run.save_table("thermal", tables.thermal_table(thermal))
    measured = {} if isinstance(config.crystal, str) else config.crystal.measured
    points = tables.measured_points(measured, bands)
    supercell = None
    if config.supercell is not None:
        supercell = frequencies_by_displacements(
            name, phonons, config.supercell, path.q, run
        )
        columns = tables.frequency_table(bands, supercell)
        run.save_table("finite_displacements", columns)
        label = f"phonopy {'×'.join(map(str, config.supercell))}"
        points[label] = band_points(bands, supercell)
    lowest = float(min(bands.frequencies.min(), frequencies.min()))
    remarks = tables.phonon_remarks(phonons, lowest, pressure)
    title = figure_title(crystal, name)
    run.save_figure(
        "thermal",
        thermal_figure(
            thermal, n_atoms=crystal.n_atoms, title=title, remarks=remarks[-1:]
        ),
    )
    figure = phonon_figure(bands, dos, points=points, title=title, remarks=remarks)
    run.save_figure("phonons", figure)
    for remark in remarks:
        run.log.warning("%s", remark)

    metrics = {
        **tables.point_metrics(bands, phonons),
        **tables.error_metrics(phonons, bands, supercell),
        **tables.zone_metrics(mesh, bands.frequencies, frequencies),
        "max_force_eV_per_A": max_force,
        "pressure_GPa": pressure,
        "n_atoms": crystal.n_atoms,
        "n_mesh_points": len(mesh.q),
    }
    # Force and pressure are unknown of force constants from files.
    return {key: value for key, value in metrics.items() if not np.isnan(value)}


def _phonons(config: Config, run: Run) -> tuple[Phonons, float, str]:
    """From phonopy's files or a potential; the pressure (GPa), and what it is of."""
    source = config.crystal
    if isinstance(source, str) and are_phonopy_files(source):
        if config.relax:
            raise ValueError(
                f"force constants of {source} belong to the crystal as it is there; "
                "relax=true needs a potential and a crystal"
            )
        phonons = phonons_of_files(source, config.masses, run, **config.tolerances)
        return phonons, np.nan, source
    name = config.chosen_potential
    crystal = config.described(run.log)
    if config.primitive:
        crystal = reduced(crystal, run, **config.tolerances)
    phonons, pressure = phonons_at_rest(
        load_potential(name),
        crystal,
        run,
        wanted=config.relax,
        fmax=config.fmax,
        grid=config.grid,
        **config.tolerances,
    )
    return phonons, pressure, name


def _prepared(config: Config, phonons: Phonons, q: np.ndarray) -> Phonons:
    """The phonons with what these wave vectors need, and the field if there is one."""
    if isinstance(phonons.source, SymmetricResponse) and not config.exact:
        phonons = phonons.sampled(q, tolerance=config.tolerance)
    if config.polar is None:
        return phonons
    if isinstance(phonons, PolarPhonons):
        raise ValueError(
            f"the files of {config.crystal} have Born charges; leave out polar"
        )
    return config.polar.added_to(phonons)
