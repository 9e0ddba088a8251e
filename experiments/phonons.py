"""Phonon bands, density of states and heat capacity of one crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, PositiveInt

from matjax.arrays import Array
from matjax.config import Section
from matjax.crystals import Crystal, cell_map, primitive
from matjax.force_constants import SymmetricResponse, mesh_divisions, regular_mesh
from matjax.lattice_dynamics import (
    Bands,
    DensityOfStates,
    Phonons,
    PolarPhonons,
    Thermal,
    density_of_states,
    phonons,
    projections,
    temperature_range,
    thermal_properties,
    with_polar,
)
from matjax.lattice_dynamics.phonopy import finite_displacements, read_phonopy
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.reports import (
    IMAGINARY,
    UNCONVERGED,
    band_points,
    figure_title,
    phonon_figure,
    thermal_figure,
)
from matjax.studies import (
    CrystalConfig,
    PathDescription,
    Prototype,
    Run,
    described_path,
    with_masses,
)
from matjax.units import GPA
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


ROUND_OFF = 1e-6
"""Å; a smaller move of atoms is that of the digits of a file."""

PRESSED = 1.0
"""GPa; a pressure of more than this is said."""


class Rest(NamedTuple):
    """The crystal whose phonons are computed, and how it lies in the potential."""

    crystal: Crystal
    pressure: float
    """GPa; nan where it is unknown."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables and a figure of the phonons, and numbers that sum them up."""
    steps = temperature_range(config.max_temperature, config.temperature_step)
    found, pressure, name = _phonons(config, run)
    crystal, max_force = found.crystal, float(found.max_force)
    path = described_path(
        crystal, config.path, spacing=config.spacing, **config.tolerances
    )
    shape = config.mesh or mesh_divisions(crystal)
    mesh = regular_mesh(crystal, shape, masses=found.masses, **config.tolerances)
    run.log.info("bands: %d q; mesh %s: %d q", len(path.q), _times(shape), len(mesh.q))
    found = _prepared(config, found, np.concatenate([path.q, mesh.q]))

    bands = found.bands(path)
    _save_bands(bands, run)
    modes = found.modes(mesh.q)
    frequencies = modes.frequencies
    labels, shares = projections(crystal, *modes, masses=found.masses)
    dos = density_of_states(mesh, frequencies, weights=shares, labels=labels)
    _save_density(dos, run)
    thermal = thermal_properties(mesh, frequencies, steps)
    _save_thermal(thermal, run)
    beside = _finite_displacements(config, found, bands, name, run)
    lowest = float(min(bands.frequencies.min(), frequencies.min()))
    remarks = _remarks(found, lowest, pressure)
    title = figure_title(crystal, name)
    run.save_figure(
        "thermal",
        thermal_figure(
            thermal, n_atoms=crystal.n_atoms, title=title, remarks=remarks[-1:]
        ),
    )
    points = {**_measured(config, bands), **beside}
    figure = phonon_figure(bands, dos, points=points, title=title, remarks=remarks)
    run.save_figure("phonons", figure)
    for remark in remarks:
        run.log.warning("%s", remark)

    room = thermal_properties(mesh, frequencies, [300.0])
    metrics = {
        **_at_points(bands, found),
        **_errors(found, bands, beside),
        "min_frequency_THz": lowest,
        "max_frequency_THz": float(max(bands.frequencies.max(), frequencies.max())),
        "zero_point_energy_eV": float(room.zero_point_energy),
        "free_energy_300K_eV": float(room.free_energy[0]),
        "entropy_300K_J_per_mol_K": float(room.entropy[0]),
        "heat_capacity_300K_J_per_mol_K": float(room.heat_capacity[0]),
        "imaginary_fraction": float(room.fraction_imaginary),
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
    if isinstance(source, str) and (Path(source).is_dir() or source.endswith(".yaml")):
        if config.relax:
            raise ValueError(
                f"force constants of {source} belong to the crystal as it is there; "
                "relax=true needs a potential and a crystal"
            )
        found = read_phonopy(source, **config.tolerances)
        crystal = with_masses(
            found.crystal.replace(given_masses=found.masses), config.masses
        )
        found = found.replace(masses=crystal.masses, progress=run.progress)
        return found, np.nan, str(source)
    name = config.chosen_potential
    potential = load_potential(name)
    crystal = _cell(config, run)
    make = partial(phonons, potential, symmetry=True, **config.tolerances)
    # The response is compiled beside what brings the crystal to rest: each compiles
    # on one core, and both serve a crystal that has moved a little.
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, crystal)
        rest = _at_rest(config, potential, crystal, run)
        found = ahead.result()
    if rest.crystal is not crystal or config.grid is not None:
        found = make(rest.crystal, grid=config.grid, progress=run.progress)
    return found.replace(progress=run.progress), rest.pressure, name


def _cell(config: Config, run: Run) -> Crystal:
    """The crystal of the config, in its primitive cell unless that is not wanted."""
    given = config.described(run.log)
    partial_flags = given.fixed is not None and np.ndim(given.fixed) == 2
    if not (config.primitive and all(given.pbc)) or partial_flags:
        return given
    smaller = primitive(given, **config.tolerances)
    if smaller.n_atoms == given.n_atoms:
        return given
    found = cell_map(given, smaller)
    run.save_arrays(
        "cell",
        given_cell_A=np.asarray(given.cell),
        primitive_cell_A=np.asarray(smaller.cell),
        given_in_primitive=found.matrix,
        atom=found.atom,
        translation=found.translation,
    )
    run.log.info(
        "reduced to the primitive cell of %d atoms, in whose reciprocal vectors q is "
        "given (cell.npz holds the map; primitive=false keeps the cell)",
        smaller.n_atoms,
    )
    return smaller


def _at_rest(config: Config, potential: Potential, crystal: Crystal, run: Run) -> Rest:
    """The crystal at rest, if that is asked for or needed, and its pressure."""
    follow = partial(
        relax,
        potential,
        fmax=config.fmax,
        symmetry=all(crystal.pbc),
        **config.tolerances,
    )
    start = follow(crystal, max_steps=0)  # compiles what a relaxation needs
    if config.relax is False:
        return Rest(crystal, _pressure(start.stress))
    if not config.relax and start.max_force <= UNCONVERGED:
        moved = np.linalg.norm(start.crystal.positions - crystal.positions, axis=1)
        if moved.max() <= ROUND_OFF:
            return Rest(crystal, _pressure(start.stress))
        run.log.info(
            "atoms have been moved by up to %.1g Å to where the space group wants "
            "them (relax=false leaves them)",
            moved.max(),
        )
        return Rest(start.crystal, _pressure(start.stress))
    if not config.relax:
        run.log.info(
            "the largest force is %.2g eV/Å: atoms and cell are brought to rest in "
            "their space group first (relax=false takes the crystal as it is)",
            start.max_force,
        )
    relaxed = follow(crystal)
    if relaxed.interrupted:
        raise KeyboardInterrupt
    if not relaxed.converged:
        run.log.warning("the relaxation has not converged in %d steps", relaxed.steps)
    run.log.info(
        "after %d steps the largest force is %.1g eV/Å, the volume %+.2f %%",
        relaxed.steps,
        relaxed.max_force,
        100 * (float(relaxed.crystal.volume / crystal.volume) - 1),
    )
    run.save_crystal("relaxed.cif", relaxed.crystal)
    return Rest(relaxed.crystal, _pressure(relaxed.stress))


def _pressure(stress: Array) -> float:
    return -float(np.trace(np.asarray(stress))) / 3 * GPA


def _prepared(config: Config, found: Phonons, q: np.ndarray) -> Phonons:
    """The phonons with what these wave vectors need, and the field if there is one."""
    if isinstance(found.source, SymmetricResponse) and not config.exact:
        found = found.sampled(q, tolerance=config.tolerance)
    polar = config.polar
    if polar is None:
        return found
    if isinstance(found, PolarPhonons):
        raise ValueError(
            f"the files of {config.crystal} have Born charges; leave out polar"
        )
    charges = _charges(polar, found.crystal)
    dielectric = _tensor(polar.dielectric)
    return with_polar(found, charges, dielectric, polar.grid, method=polar.method)


def _times(numbers: Sequence[int]) -> str:
    return " × ".join(map(str, numbers))


def _remarks(found: Phonons, lowest: float, pressure: float) -> list[str]:
    """What must be known of these phonons."""
    remarks = []
    if found.max_force > UNCONVERGED:
        remarks.append(
            f"not at rest: the largest force is {float(found.max_force):.2g} eV/Å"
        )
    if abs(pressure) > PRESSED:
        remarks.append(f"under {pressure:.1f} GPa")
    if lowest < -IMAGINARY:
        remarks.append(f"unstable: imaginary modes down to {lowest:.2f} THz")
    return remarks


Curves = dict[str, tuple[list, list]]
"""For each entry of the legend, distances along the path and frequencies."""


def _finite_displacements(
    config: Config, found: Phonons, bands: Bands, name: str, run: Run
) -> Curves:
    """Frequencies along the path by phonopy and the same potential."""
    if config.supercell is None:
        return {}
    if isinstance(found, PolarPhonons) or np.isnan(found.max_force):
        raise ValueError(
            "finite displacements are those of a potential without macroscopic field: "
            "leave out supercell, or polar and the folder of phonopy's files"
        )
    other = finite_displacements(
        load_potential(name),
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
