"""Phonons by phonopy's finite displacements in a supercell, to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.predictors import Potential, ase_calculator
from matjax.progress import Progress


class FiniteDisplacements(NamedTuple):
    """Phonons as phonopy has them."""

    phonopy: Any
    """phonopy's own object, with symmetrized force constants."""
    n_displacements: int

    def frequencies(self, q: Float[Array, "q 3"]) -> Float[Array, "q modes"]:
        """Frequencies, THz, at q in reciprocal lattice units, as phonopy sorts them."""
        self.phonopy.run_qpoints(np.asarray(q))
        return np.asarray(self.phonopy.qpoints.frequencies)


def finite_displacements(
    potential: Potential,
    crystal: Crystal,
    supercell: Sequence[int],
    *,
    masses: Float[Array, "atoms"] | None = None,
    distance: float = 0.01,
    progress: Progress | None = None,
) -> FiniteDisplacements:
    """Force constants as phonopy finds them, forces by the potential through ASE.

    They repeat with the supercell: exact at the wave vectors that fit into it, up to
    the anharmonicity of the displacements, interpolated between.

    Args:
        potential: any model with its parameters.
        crystal: the primitive cell, at rest.
        supercell: repetitions along the three cell vectors.
        masses: amu; by default the standard atomic masses.
        distance: of the displacements, Å.
        progress: wraps the sequence of displacements.

    Raises:
        ImportError: if phonopy is not installed.
        ValueError: if the supercell is not three positive integers.
    """
    size = np.asarray(supercell)
    whole = size.shape == (3,) and np.issubdtype(size.dtype, np.integer)
    if not whole or (size < 1).any():
        raise ValueError(
            "a supercell has three positive integers such as (3, 3, 3); received "
            f"{supercell}"
        )
    try:
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms
    except ImportError as error:
        raise ImportError(
            f"finite displacements need phonopy ({error}): pip install phonopy"
        ) from error

    cell = PhonopyAtoms(
        numbers=np.asarray(crystal.numbers),
        cell=np.asarray(crystal.cell),
        scaled_positions=np.asarray(crystal.fractional),
        masses=np.asarray(crystal.masses if masses is None else masses),
    )
    phonopy: Any = Phonopy(cell, np.diag(size), np.eye(3))
    phonopy.generate_displacements(distance=distance)
    calculator = ase_calculator(potential)
    # ASE would give no forces on fixed atoms.
    atoms = crystal.replace(fixed=None).to_ase() * size
    jobs = phonopy.supercells_with_displacements
    forces = []
    for displaced in progress(jobs, "displacements") if progress else jobs:
        moved = atoms.copy()
        moved.numbers = displaced.numbers  # in an order of phonopy's own
        moved.positions = displaced.positions
        moved.calc = calculator
        forces.append(moved.get_forces())
    phonopy.forces = forces
    phonopy.produce_force_constants()
    phonopy.symmetrize_force_constants()
    return FiniteDisplacements(phonopy, len(jobs))
