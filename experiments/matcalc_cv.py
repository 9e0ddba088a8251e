"""Heat capacities of many crystals at 300 K against those of DFT (MatCalc-Benchmark).

The task is that of MatCalc's PhononBenchmark: relax the crystal, compute its harmonic
phonons and from them the heat capacity at 300 K of the cell as given, in J/(mol K). The
phonons are exact ones on a regular mesh; MatCalc interpolates those of 2×2×2 supercells
with finite displacements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from matjax.arrays import Array, Float
from matjax.config import ExperimentConfig
from matjax.crystals import crystal_from_json, primitive
from matjax.data import fingerprints
from matjax.force_constants import divisions, regular_mesh
from matjax.lattice_dynamics import Phonons, phonons, thermal_properties
from matjax.mechanics import relax
from matjax.studies import (
    Run,
    chosen_items,
    report,
    screened,
    screening_potential,
)
from matjax.units import BOLTZMANN, J_PER_MOL

TEMPERATURE = 300.0
DATA = "matcalc/alexandria-binary-pbe-phonon-2025.1.extxyz.gz"


class Config(ExperimentConfig):
    """Which crystals, in which potential, and how precisely."""

    potential: str = "nequix-oam-1-pft"
    """Name or file of a potential."""
    data: str = DATA
    """File of crystals with ``heat_capacity``; searched in ``MATJAX_DATA``."""
    limit: PositiveInt | None = None
    """Number of crystals, chosen at random by the seed; all by default."""
    max_atoms: PositiveInt | None = None
    """Most atoms in a cell of these; all by default."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force after relaxation, eV/Å."""
    max_steps: PositiveInt = 300
    """Steps of the relaxation at most."""
    length: float = Field(default=6.0, gt=0)
    """The mesh has 1, 2, 3, … divisions along a reciprocal vector so that the crystal
    repeats itself after at least this length, Å."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Precision of the potential, in relaxation and force constants."""
    n_workers: PositiveInt = 1
    """Processes."""
    time_limit: float | None = Field(default=600.0, gt=0)
    """Seconds for one crystal, with what is compiled for it."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Records of all crystals, a table, a figure and the mean errors."""
    items = chosen_items(
        config.data,
        ("heat_capacity",),
        limit=config.limit,
        max_atoms=config.max_atoms,
        seed=config.seed,
    )
    settings = config.model_dump(
        include={"potential", "fmax", "max_steps", "length", "potential_precision"}
    ) | fingerprints(config.potential, config.data)
    answers = screened(
        f"{__file__}:heat_capacity",
        items,
        settings,
        run,
        n_workers=config.n_workers,
        time_limit=config.time_limit,
    )
    return report(
        answers,
        items,
        {"heat_capacity": "J_per_mol_K"},
        run,
        per_atom=("heat_capacity",),
    )


def heat_capacity(item: Mapping[str, Any], settings: Mapping[str, Any]) -> dict:
    """Heat capacity of the cell at 300 K, J/(mol K), and how it came about."""
    potential = screening_potential(
        settings["potential"], settings["potential_precision"]
    )
    given = crystal_from_json(item)
    crystal = primitive(given)
    n_cells = given.n_atoms / crystal.n_atoms
    rest = relax(
        potential,
        crystal,
        fmax=settings["fmax"],
        max_steps=settings["max_steps"],
        symmetry=True,
        shapes="standard",
    )
    shape = divisions(rest.crystal, settings["length"])
    vibrations = phonons(
        potential, rest.crystal, grid=shape, dtype=potential.dtype, shapes="standard"
    )
    capacity, imaginary, frequencies = capacity_on_mesh(vibrations, shape)
    return {
        "heat_capacity": n_cells * capacity,
        "imaginary_fraction": imaginary,
        "min_frequency_THz": float(frequencies.min()),
        "max_frequency_THz": float(frequencies.max()),
        "mesh": list(shape),
        "max_force_eV_per_A": rest.max_force,
        "volume_ratio": float(rest.crystal.volume / crystal.volume),
        "steps": rest.steps,
        "converged": rest.converged,
    }


def capacity_on_mesh(
    phonons: Phonons, shape: tuple[int, int, int]
) -> tuple[float, float, Float[Array, "q modes"]]:
    """Heat capacity of the cell, share of imaginary modes, and frequencies (THz).

    The translations at Γ count as what they are, classical modes of zero frequency with
    Boltzmann's constant each: the function summed is smooth in the matrices and the
    mean over a mesh converges fast. Imaginary modes are left out and the rest is not
    scaled up, as phonopy does it.
    """
    mesh = regular_mesh(phonons.crystal, shape)
    frequencies = np.asarray(phonons.frequencies(mesh.q))
    thermal = thermal_properties(mesh, frequencies, [TEMPERATURE])
    translations = 3 * BOLTZMANN * J_PER_MOL / np.prod(shape)
    capacity = float(thermal.heat_capacity[0]) + translations
    return capacity, float(thermal.fraction_imaginary), frequencies
