"""Energies and harmonic free energies of a crystal at several volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.force_constants import regular_mesh
from matjax.force_constants.qpoints import SYMPREC
from matjax.lattice_dynamics.from_potential import phonons
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.thermal import (
    SOFTEST,
    require_temperatures,
    thermal_properties,
)
from matjax.mechanics import Relaxation, relax
from matjax.predictors import Potential
from matjax.progress import Progress

RATIOS = tuple(np.linspace(0.96, 1.06, 9).round(4).tolist())
"""Volumes as shares of the given one."""


class VolumeScan(NamedTuple):
    """Harmonic free energies of one crystal at several volumes; per cell."""

    volumes: Float[Array, "volumes"]
    """Å³."""
    energies: Float[Array, "volumes"]
    """Without vibrations, eV."""
    temperatures: Float[Array, "temperatures"]
    """K."""
    free_energies: Float[Array, "volumes temperatures"]
    """Free energies of the vibrations, eV."""
    entropies: Float[Array, "volumes temperatures"]
    """J/(mol K)."""
    heat_capacities: Float[Array, "volumes temperatures"]
    """At constant volume, J/(mol K)."""


def volume_scan(
    potential: Potential,
    crystal: Crystal,
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
    *,
    ratios: Sequence[float | int] | Float[Array, "volumes"] = RATIOS,
    mesh: Sequence[int] = (12, 12, 12),
    shape: Literal["isotropic", "relaxed"] = "isotropic",
    masses: Float[Array, "atoms"] | None = None,
    symprec: float | None = None,
    progress: Progress | None = None,
) -> VolumeScan:
    """Energies and harmonic free energies of a crystal in a potential, by volume.

    Args:
        potential: any model with its parameters.
        crystal: at rest; see :func:`volume_series`.
        temperatures: K.
        ratios: volumes as shares of the crystal's.
        mesh: divisions of the reciprocal vectors.
        shape: see :func:`volume_series`.
        masses: amu; by default those of the crystal.
        symprec: Å, tolerance of symmetry; by default those of :func:`volume_series` and
            :func:`thermal_scan`.
        progress: wraps the sequence of volumes.

    Raises:
        ValueError: as :func:`volume_series` and :func:`thermal_scan` do.
    """
    require_temperatures(temperatures)  # before the long part
    options = {} if symprec is None else {"symprec": symprec}
    series = volume_series(potential, crystal, ratios, shape=shape, **options)
    steps = progress(series, "phonons by volume") if progress else series
    of_volumes = [phonons(potential, each.crystal, masses=masses) for each in steps]
    energies = np.array([each.energy for each in series])
    return thermal_scan(of_volumes, energies, temperatures, mesh=mesh, **options)


def thermal_scan(
    of_volumes: Sequence[Phonons],
    energies: Sequence[float | int] | Float[Array, "volumes"],
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
    *,
    mesh: Sequence[int] = (12, 12, 12),
    symprec: float = SYMPREC,
) -> VolumeScan:
    """Harmonic free energies of given phonons, such as those read from files.

    Args:
        of_volumes: phonons of the same crystal at each volume.
        energies: of the cell at rest at each volume, eV.
        temperatures: K.
        mesh: divisions of the reciprocal vectors.
        symprec: Å, tolerance of the symmetry that merges points of the mesh.

    Raises:
        ValueError: if there are not as many energies as phonons, or modes that are
            imaginary or of no stiffness leave a free energy undefined.
    """
    if len(of_volumes) != len(energies):
        raise ValueError(
            f"each volume needs an energy; received {len(of_volumes)} phonons and "
            f"{len(energies)} energies"
        )
    results = []
    for each in of_volumes:
        points = regular_mesh(each.crystal, mesh, masses=each.masses, symprec=symprec)
        frequencies = np.asarray(each.frequencies(points.q))
        require_stable(frequencies, points.q, float(each.crystal.volume))
        results.append(thermal_properties(points, frequencies, temperatures))
    return VolumeScan(
        volumes=np.array([float(each.crystal.volume) for each in of_volumes]),
        energies=np.asarray(energies, dtype=float),
        temperatures=results[0].temperatures,
        free_energies=np.array([each.free_energy for each in results]),
        entropies=np.array([each.entropy for each in results]),
        heat_capacities=np.array([each.heat_capacity for each in results]),
    )


def volume_series(
    potential: Potential,
    crystal: Crystal,
    ratios: Sequence[float | int] | Float[Array, "volumes"] = RATIOS,
    *,
    shape: Literal["isotropic", "relaxed"] = "isotropic",
    fmax: float = 1e-4,
    symprec: float = 1e-3,
) -> list[Relaxation]:
    """The crystal at several volumes, its atoms at rest, in its space group.

    Args:
        potential: any model with its parameters.
        crystal: periodic in three directions.
        ratios: volumes as shares of the crystal's, positive.
        shape: whether the cell is scaled, or also takes the shape it has under the
            pressure of the scaled one; its volume is then near that asked for.
        fmax: largest force on an atom, eV/Å.
        symprec: Å, tolerance of the search for the space group.

    Raises:
        ValueError: if the crystal has no volume, a ratio is not positive, the shape is
            unknown, or atoms do not come to rest.
    """
    if not all(crystal.pbc):
        raise ValueError(
            f"a volume needs three periodic directions; received pbc={crystal.pbc}"
        )
    if not all(np.isfinite(ratio) and ratio > 0 for ratio in ratios):
        raise ValueError(f"ratios of volumes must be positive; received {ratios}")
    if shape not in ("isotropic", "relaxed"):
        raise ValueError(f"shape must be 'isotropic' or 'relaxed'; received {shape!r}")
    options: dict[str, Any] = {"fmax": fmax, "symmetry": True, "symprec": symprec}
    series = []
    for ratio in ratios:
        scaled = crystal.replace(cell=np.asarray(crystal.cell) * ratio ** (1 / 3))
        rest = relax(potential, scaled, cell=False, **options)
        if shape == "relaxed":
            pressure = -float(np.trace(rest.stress)) / 3
            rest = relax(potential, rest.crystal, pressure=pressure, **options)
        if not rest.converged:
            raise ValueError(
                f"atoms must come to rest at every volume; at {ratio} of the volume "
                f"the largest force is {rest.max_force:.2g} eV/Å after {rest.steps} "
                "steps: start from a better crystal, or raise fmax"
            )
        series.append(rest)
    return series


def require_stable(
    frequencies: Float[Array, "q modes"], q: Float[Array, "q 3"], volume: float
) -> None:
    """Raises ValueError unless all modes but the translations vibrate."""
    frequencies = np.array(frequencies)
    for i in np.flatnonzero((np.asarray(q) == np.round(q)).all(axis=1)):
        frequencies[i, np.argsort(abs(frequencies[i]))[:3]] = np.inf
    imaginary = np.count_nonzero(frequencies <= -SOFTEST)
    soft = np.count_nonzero(frequencies < SOFTEST) - imaginary
    if imaginary or soft:
        raise ValueError(
            f"all modes must vibrate for a harmonic free energy; at {volume:.3f} Å³ "
            f"{imaginary} of {frequencies.size} on the mesh are imaginary and {soft} "
            f"softer than {SOFTEST} THz, the lowest at {frequencies.min():.3f} THz: "
            "choose other volumes or the stable structure"
        )
