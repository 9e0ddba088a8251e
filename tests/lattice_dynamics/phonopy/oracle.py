"""phonopy's finite displacements with forces of our potentials."""

import jax
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.predictors import forces


def phonopy_of(crystal, potential, size, *, degree):
    """A Phonopy object with force constants from a supercell of this size.

    Where the supercell holds all neighbors that the forces reach, its frequencies are
    exact at every q but for displacements of 1e-3 Å.
    """
    phonopy = pytest.importorskip("phonopy", reason="phonopy is not installed")
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        symbols=crystal.symbols,
        cell=crystal.cell,
        scaled_positions=crystal.fractional,
        masses=crystal.masses,
    )
    theirs = phonopy.Phonopy(cell, np.diag(size), primitive_matrix=np.eye(3))
    theirs.generate_displacements(distance=1e-3, is_plusminus=True)
    act = jax.jit(forces)
    sets = []
    for moved in theirs.supercells_with_displacements:
        displaced = Crystal.create(
            moved.numbers, moved.cell, fractional=moved.scaled_positions
        )
        graph = potential.graph(displaced, degree=degree)
        sets.append(np.asarray(act(potential, graph))[: displaced.n_atoms])
    theirs.forces = sets
    theirs.produce_force_constants()
    return theirs
