"""Bulk and shear moduli of many crystals against those of DFT (MatCalc-Benchmark).

The task is that of MatCalc's ElasticityBenchmark: relax the crystal, compute its
elastic tensor and from that the averages of Voigt, Reuss and Hill. Here the tensor is
the second derivative of the energy with relaxing atoms; MatCalc fits stresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.crystals import crystal_from_json
from matjax.data import fingerprints
from matjax.mechanics import elastic, relax
from matjax.studies import (
    Run,
    chosen_items,
    report,
    screened,
    screening_potential,
)

UNITS = {"bulk_modulus_vrh": "GPa", "shear_modulus_vrh": "GPa"}


class Config(ExperimentConfig):
    """Which crystals, in which potential, and how precisely."""

    potential: str = "nequix-oam-1-pft"
    """Name or file of a potential."""
    data: str = "matcalc/mp-binary-pbe-elasticity-2025.1.extxyz.gz"
    """File of crystals with both moduli; searched in ``MATJAX_DATA``."""
    limit: PositiveInt | None = None
    """Number of crystals, chosen at random by the seed; all by default."""
    max_atoms: PositiveInt | None = None
    """Most atoms in a cell of these; all by default."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force after relaxation, eV/Å."""
    max_steps: PositiveInt = 300
    """Steps of the relaxation at most."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Precision of the potential, in relaxation and response."""
    n_workers: PositiveInt = 1
    """Processes."""
    time_limit: float | None = Field(default=900.0, gt=0)
    """Seconds for one crystal, with what is compiled for it."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Records of all crystals, a table, a figure and the mean errors."""
    items = chosen_items(
        config.data,
        tuple(UNITS),
        limit=config.limit,
        max_atoms=config.max_atoms,
        seed=config.seed,
    )
    settings = config.model_dump(
        include={"potential", "fmax", "max_steps", "potential_precision"}
    ) | fingerprints(config.potential, config.data)
    answers = screened(
        f"{__file__}:moduli",
        items,
        settings,
        run,
        n_workers=config.n_workers,
        time_limit=config.time_limit,
    )
    return report(answers, items, UNITS, run)


def moduli(item: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Hill's bulk and shear modulus, GPa, and how they came about.

    Raises:
        ValueError: if the relaxed crystal is unstable, so that it has no moduli.
    """
    potential = screening_potential(
        settings["potential"], settings["potential_precision"]
    )
    crystal = crystal_from_json(item)
    rest = relax(
        potential,
        crystal,
        fmax=settings["fmax"],
        max_steps=settings["max_steps"],
        symmetry=True,
        shapes="standard",
    )
    elasticity = elastic(
        potential, rest.crystal, dtype=potential.dtype, shapes="standard"
    )
    if not elasticity.stable:
        raise ValueError(
            "a stable crystal resists every strain and displacement; the lowest "
            f"stiffness of this one is {float(elasticity.eigenvalues[0]):.3g} GPa, "
            f"{float(elasticity.softest):.3g} eV/Å²"
        )
    return {
        "bulk_modulus_vrh": float(elasticity.bulk),
        "shear_modulus_vrh": float(elasticity.shear),
        "softest_eV_per_A2": min(float(elasticity.softest), 1e6),
        "max_force_eV_per_A": rest.max_force,
        "max_stress_GPa": float(elasticity.max_stress),
        "volume_ratio": float(rest.crystal.volume / crystal.volume),
        "steps": rest.steps,
        "converged": rest.converged,
    }
