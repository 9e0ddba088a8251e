"""Tables of phonons, and the numbers and remarks that sum them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matjax.arrays import Array, Float
from matjax.force_constants import Mesh
from matjax.lattice_dynamics import (
    Bands,
    DensityOfStates,
    Phonons,
    PolarPhonons,
    Thermal,
    thermal_properties,
)
from matjax.reports.captions import IMAGINARY, UNCONVERGED

PRESSED = 1.0
"""GPa; a pressure of more than this is said."""


def bands_table(bands: Bands) -> dict[str, Any]:
    """Columns of bands: names of points, q, places along the path, frequencies."""
    labels = dict(bands.path.ticks)
    return {
        "label": [labels.get(row, "") for row in range(len(bands.path.q))],
        **{f"q{i + 1}": bands.path.q[:, i] for i in range(3)},
        **frequency_table(bands, bands.frequencies),
    }


def frequency_table(
    bands: Bands, frequencies: Float[Array, "q modes"]
) -> dict[str, Any]:
    """Columns of frequencies at the q of bands, by their places along the path.

    Args:
        bands: whose path they are on.
        frequencies: THz.
    """
    return {
        "distance_per_A": bands.path.distance,
        **{f"frequency_{i + 1}_THz": f for i, f in enumerate(frequencies.T)},
    }


def density_table(dos: DensityOfStates) -> dict[str, Any]:
    """Columns of a density of states, and of its parts where there are several."""
    columns = {"frequency_THz": dos.frequencies, "density_per_THz": dos.density}
    if len(dos.labels) > 1:
        parts = zip(dos.labels, np.asarray(dos.parts), strict=True)
        columns |= {f"{label}_per_THz": part for label, part in parts}
    return columns


def thermal_table(thermal: Thermal) -> dict[str, Any]:
    """Columns of thermal properties by temperature."""
    return {
        "temperature_K": thermal.temperatures,
        "free_energy_eV": thermal.free_energy,
        "internal_energy_eV": thermal.internal_energy,
        "entropy_J_per_mol_K": thermal.entropy,
        "heat_capacity_J_per_mol_K": thermal.heat_capacity,
    }


def measured_points(
    measured: Mapping[str, Sequence[float]], bands: Bands
) -> dict[str, tuple[list, list]]:
    """Measured frequencies at the places of their points, as points of a figure.

    Args:
        measured: frequencies (THz) by name of a point of the path.
        bands: whose path they are on.
    """
    if not measured:
        return {}
    ticks = [(row, measured.get(label, ())) for row, label in bands.path.ticks]
    places = [(float(bands.path.distance[row]), f) for row, fs in ticks for f in fs]
    return {"measured": ([x for x, _ in places], [y for _, y in places])}


def point_metrics(bands: Bands, found: Phonons) -> dict[str, float]:
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


def zone_metrics(
    mesh: Mesh,
    along_path: Float[Array, "q modes"],
    on_mesh: Float[Array, "n modes"],
) -> dict[str, float]:
    """Extremal frequencies, and thermal properties at 300 K by sums over a mesh.

    Args:
        mesh: of the zone.
        along_path: frequencies at other q, THz.
        on_mesh: frequencies at the q of the mesh, THz.
    """
    room = thermal_properties(mesh, on_mesh, [300.0])
    return {
        "min_frequency_THz": float(min(along_path.min(), on_mesh.min())),
        "max_frequency_THz": float(max(along_path.max(), on_mesh.max())),
        "zero_point_energy_eV": float(room.zero_point_energy),
        "free_energy_300K_eV": float(room.free_energy[0]),
        "entropy_300K_J_per_mol_K": float(room.entropy[0]),
        "heat_capacity_300K_J_per_mol_K": float(room.heat_capacity[0]),
        "imaginary_fraction": float(room.fraction_imaginary),
    }


def error_metrics(
    found: Phonons, bands: Bands, supercell: Float[Array, "q modes"] | None = None
) -> dict[str, float]:
    """Errors of interpolation, as measured, and of a supercell along the path.

    Args:
        found: of which the bands are.
        bands: along the path.
        supercell: frequencies by finite displacements at the same q, THz.
    """
    metrics = {}
    if found.interpolation_error is not None:
        metrics["interpolation_error_THz"] = found.interpolation_error
    if supercell is not None:
        ours = np.sort(bands.frequencies, axis=1)
        metrics["supercell_error_THz"] = float(abs(np.sort(supercell) - ours).max())
    return metrics


def phonon_remarks(found: Phonons, lowest: float, pressure: float) -> list[str]:
    """What must be known of these phonons.

    Args:
        found: of a crystal in a potential.
        lowest: frequency anywhere, THz; imaginary ones are negative.
        pressure: under which the crystal is, GPa; nan where it is unknown.
    """
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
