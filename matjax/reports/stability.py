"""What is found of an unstable crystal, in words and as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from matjax.crystals import cell_parameters, space_group
from matjax.lattice_dynamics.transitions import Descent, SoftMode, Stage


def stage_in_words(number: int, stage: Stage, symprec: float) -> list[str]:
    """A stage, its modes and what following them has found.

    Args:
        number: of the stage, from 1.
        stage: any.
        symprec: Å; tolerance of the space group.
    """
    crystal, stability = stage.phonons.crystal, stage.stability
    lengths = ", ".join(f"{x:.4f}" for x in cell_parameters(np.asarray(crystal.cell)))
    lines = [
        f"{number}. {space_group(crystal, symprec).symbol}, {crystal.n_atoms} atoms, "
        f"cell {lengths} (Å, degree)",
        *(f"   {_named(mode)}" for mode in stability.minima),
        f"   slowest long wave {stability.sound:.2f} km/s"
        + ("" if stability.elastically_stable else ": unstable against strain"),
        f"   {stability.n_matrices} dynamical matrices, {stability.n_gradients} "
        "gradients",
    ]
    for descent in stage.descents:
        size = abs(round(np.linalg.det(descent.supercell)))
        lines.append(f"   following {_named(descent.mode)}, in {size} cells:")
        for branch in descent.branches:
            per_formula = branch.energy / descent.lowest.energy
            per_formula *= descent.gain_per_formula
            direction = " ".join(f"{x:.2f}" for x in branch.direction)
            lines.append(
                f"     {branch.symbol:<10} {1e3 * branch.energy:9.3f} meV/atom "
                f"{-1e3 * per_formula:9.3f} meV per formula unit, along ({direction})"
                + ("" if branch.symmetric else ", drawn at random")
                + ("" if branch.converged else ", not at rest")
            )
    return lines


def _named(mode: SoftMode) -> str:
    q = " ".join(f"{x:.4f}" for x in mode.q + 0.0)
    label = f"{mode.label} " if mode.label else ""
    if mode.is_translation:
        return f"{label}({q}): translations, {mode.frequency:.3f} THz"
    kind = "imaginary" if mode.frequency < 0 else "real"
    return (
        f"{label}({q}): {abs(mode.frequency):.3f} THz, {kind}, degeneracy "
        f"{mode.degeneracy}, arms {len(mode.star)}, irrep dimension "
        f"{mode.irrep_dimension}"
    )


def verdict(stages: Sequence[Stage]) -> str:
    """What is known of the last crystal, in one sentence."""
    stability = stages[-1].stability
    if stages[-1].descents:
        if stages[-1].descents[0].gain_per_atom > 0:
            return "The crystal of lowest energy has not been examined yet."
        return "The energy does not fall along the modes that were followed."
    if stability.stable:
        return "The last crystal is stable."
    if not stability.unstable:
        return "The last crystal is unstable against a strain, which is not followed."
    return "The last crystal is unstable; raise follow.stages to go on."


def stage_record(stage: Stage, symprec: float) -> dict[str, Any]:
    """A stage in numbers."""
    stability = stage.stability
    group = space_group(stage.phonons.crystal, symprec)
    return {
        "space_group": group.symbol,
        "n_atoms": stage.phonons.crystal.n_atoms,
        "stable": stability.stable,
        "slowest_sound_km_per_s": stability.sound,
        "n_matrices": stability.n_matrices,
        "n_gradients": stability.n_gradients,
        "minima": [_mode_record(mode) for mode in stability.minima],
        "followed": [_descent_record(descent) for descent in stage.descents],
    }


def _mode_record(mode: SoftMode) -> dict[str, Any]:
    return {
        "q": np.asarray(mode.q).tolist(),
        "label": mode.label,
        "frequency_THz": mode.frequency,
        "degeneracy": mode.degeneracy,
        "arms": len(mode.star),
        "irrep_dimension": mode.irrep_dimension,
        "is_translation": mode.is_translation,
    }


def _descent_record(descent: Descent) -> dict[str, Any]:
    return {
        "mode": _mode_record(descent.mode),
        "supercell": np.asarray(descent.supercell).tolist(),
        "gain_meV_per_atom": 1e3 * descent.gain_per_atom,
        "gain_meV_per_formula": 1e3 * descent.gain_per_formula,
        "branches": [
            {
                "direction": np.asarray(branch.direction).tolist(),
                "of_symmetry": branch.symmetric,
                "space_group": branch.symbol,
                "energy_meV_per_atom": 1e3 * branch.energy,
                "converged": branch.converged,
                "amplitudes_A": np.asarray(branch.amplitudes).tolist(),
                "energies_meV_per_atom": (1e3 * np.asarray(branch.energies)).tolist(),
            }
            for branch in descent.branches
        ],
    }
