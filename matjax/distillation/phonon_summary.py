"""Phonons of a crystal in a few numbers, by which potentials are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matjax.crystals import Crystal, commensurate_q
from matjax.force_constants import Mesh
from matjax.lattice_dynamics import Phonons, thermal_properties

TEMPERATURE = 300.0
"""K."""


class PhononSummary(NamedTuple):
    """Frequencies on a mesh, THz, and what follows from them at 300 K."""

    max_frequency_THz: float
    mean_frequency_THz: float
    min_frequency_THz: float
    imaginary_fraction: float
    heat_capacity_J_per_mol_K: float
    """Heat capacity of the cell at constant volume, without imaginary modes, as phonopy
    has it."""
    n_q: int


def summarized(phonons: Phonons, mesh: Mesh) -> PhononSummary:
    """The numbers of phonons on a mesh."""
    frequencies = np.asarray(phonons.frequencies(mesh.q))
    thermal = thermal_properties(mesh, frequencies, [TEMPERATURE])
    return PhononSummary(
        max_frequency_THz=float(frequencies.max()),
        mean_frequency_THz=float(mesh.weights @ frequencies.mean(axis=1)),
        min_frequency_THz=float(frequencies.min()),
        imaginary_fraction=float(thermal.fraction_imaginary),
        heat_capacity_J_per_mol_K=float(thermal.heat_capacity[0]),
        n_q=len(mesh.q),
    )


def supercell_mesh(crystal: Crystal, matrix: Sequence) -> Mesh:
    """The q that are commensurate with a supercell, all in one row.

    Args:
        crystal: the primitive cell.
        matrix: of the supercell, integers.
    """
    q = commensurate_q(matrix)
    n = len(q)
    return Mesh(
        q=q,
        weights=np.full(n, 1 / n),
        index=np.arange(n).reshape(n, 1, 1),
        reciprocal=2 * np.pi * np.linalg.inv(np.asarray(crystal.cell)).T,
    )
