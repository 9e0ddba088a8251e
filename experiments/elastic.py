"""Elastic constants, moduli and sound velocities of one crystal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from matjax.crystals import Crystal
from matjax.mechanics import Elasticity, elastic, relax, sound_velocities
from matjax.predictors import Potential
from matjax.reports import UNCONVERGED, figure_title, young_figure
from matjax.studies import CrystalConfig, Run
from matjax.weights import load_potential

COMPONENTS = ("xx", "yy", "zz", "yz", "xz", "xy")

STRESSED = 0.1
"""GPa; under a larger residual stress constants are not those of the free crystal."""


class Config(CrystalConfig):
    """Which crystal, in which potential."""

    potential: str = "stillinger-weber-si"
    """Name or file of a potential."""
    relax: bool = True
    """Whether atoms and cell are brought to rest first."""
    symmetry: bool = True
    """Whether that keeps the space group."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force after that, eV/Å."""
    smax: float = Field(default=1e-6, gt=0)
    """Largest stress after that, eV/Å³."""
    max_steps: int = Field(default=500, ge=0)
    """Most steps of the relaxation."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables of tensors and sound velocities, a figure, and the moduli."""
    potential = load_potential(config.potential)
    crystal = config.described(run.log)
    if config.relax:
        crystal = _relaxed(config, potential, crystal, run)
    elasticity = elastic(potential, crystal)
    _warn(elasticity, run)

    _save_tensor("tensor", np.asarray(elasticity.tensor), run)
    _save_tensor("clamped", np.asarray(elasticity.clamped), run)
    _save_velocities(elasticity, crystal, run)
    if elasticity.stable:
        title = figure_title(crystal, config.potential)
        run.save_figure("young", young_figure(elasticity, title))
    return _metrics(elasticity, crystal)


def _relaxed(
    config: Config, potential: Potential, crystal: Crystal, run: Run
) -> Crystal:
    result = relax(
        potential,
        crystal,
        fmax=config.fmax,
        smax=config.smax,
        max_steps=config.max_steps,
        symmetry=config.symmetry,
        **config.tolerances,
        progress=run.progress,
    )
    if result.interrupted:
        raise KeyboardInterrupt
    if not result.converged:
        run.log.warning("the relaxation has not converged in %d steps", result.steps)
    run.save_crystal("relaxed.cif", result.crystal)
    return result.crystal


def _warn(elasticity: Elasticity, run: Run) -> None:
    """Say what makes the constants something else than those of a free crystal."""
    if elasticity.max_force > UNCONVERGED or elasticity.max_stress > STRESSED:
        run.log.warning(
            "the crystal is not at rest: the largest force is %.2g eV/Å, the largest "
            "stress %.2g GPa; relax=true brings it there first",
            elasticity.max_force,
            elasticity.max_stress,
        )
    if elasticity.softest <= 0:
        run.log.warning(
            "the atoms are at no minimum of the energy: the lowest force constant at Γ "
            "is %.2g eV/Å², and the tensor with relaxed atoms has no meaning",
            elasticity.softest,
        )
    if elasticity.eigenvalues[0] <= 0:
        run.log.warning(
            "the crystal is unstable: it resists a strain with %.2g GPa, and its "
            "compliance has no meaning",
            elasticity.eigenvalues[0],
        )


def _save_tensor(name: str, tensor: np.ndarray, run: Run) -> None:
    columns = {
        f"{c}_GPa": column for c, column in zip(COMPONENTS, tensor.T, strict=True)
    }
    run.save_table(name, {"component": COMPONENTS, **columns})


def _save_velocities(elasticity: Elasticity, crystal: Crystal, run: Run) -> None:
    """Velocities along the Cartesian axes and the cell vectors."""
    directions = np.concatenate([np.eye(3), np.asarray(crystal.cell)])
    velocities = sound_velocities(elasticity, directions)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    run.save_table(
        "sound",
        {
            "direction": ["x", "y", "z", "a", "b", "c"],
            **{f"n_{axis}": unit[:, i] for i, axis in enumerate("xyz")},
            **{f"velocity_{i + 1}_km_per_s": v for i, v in enumerate(velocities.T)},
        },
    )


def _metrics(elasticity: Elasticity, crystal: Crystal) -> dict[str, float]:
    metrics = {
        "bulk_voigt_GPa": elasticity.bulk_voigt,
        "bulk_reuss_GPa": elasticity.bulk_reuss,
        "bulk_GPa": elasticity.bulk,
        "shear_voigt_GPa": elasticity.shear_voigt,
        "shear_reuss_GPa": elasticity.shear_reuss,
        "shear_GPa": elasticity.shear,
        "young_GPa": elasticity.young,
        "poisson": elasticity.poisson,
        "anisotropy": elasticity.anisotropy,
        "min_eigenvalue_GPa": elasticity.eigenvalues[0],
        "stable": int(elasticity.stable),
        "density_g_per_cm3": elasticity.density,
        "max_stress_GPa": elasticity.max_stress,
        "max_force_eV_per_A": elasticity.max_force,
        "n_atoms": crystal.n_atoms,
    }
    if crystal.n_atoms > 1:
        metrics["softest_at_gamma_eV_per_A2"] = elasticity.softest
    return {name: float(value) for name, value in metrics.items()}
