"""Ionic crystals of springs, in NumPy: no compilation, any symmetry."""

import numpy as np

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import from_supercell
from matjax.lattice_dynamics import Phonons, with_polar

REACH = 4.5  # Å, of the springs


def rocksalt(a=5.69):
    cell = a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal.create(["Na", "Cl"], cell, fractional=[[0, 0, 0], [0.5] * 3])


def wurtzite():
    """GaN, a little off its ideal shape; hexagonal, ε and Z of two components."""
    a, c, u = 3.2, 5.1, 0.38
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]]
    sites = [[1 / 3, 2 / 3, z] for z in (0, u)] + [
        [2 / 3, 1 / 3, z + 0.5] for z in (0, u)
    ]
    return Crystal.create(["Ga", "N", "Ga", "N"], cell, fractional=sites)


def triclinic():
    """Three kinds of atoms without any symmetry."""
    cell = [[4.1, 0.1, 0.3], [0.9, 4.4, -0.2], [0.4, -0.7, 4.9]]
    sites = [[0.02, 0.01, 0.0], [0.48, 0.55, 0.46], [0.07, 0.52, 0.81]]
    return Crystal.create(["K", "F", "O"], cell, fractional=sites)


def spring_constants(cell, fractional, numbers):
    """Force constants of a periodic supercell with springs, (atoms, atoms, 3, 3).

    Between images nearer than REACH, along the spring and, weaker, across it.
    """
    n = len(numbers)
    blocks = np.zeros((n, n, 3, 3))
    steps = np.indices((5, 5, 5)).reshape(3, -1).T - 2
    apart = fractional[None, :] - fractional[:, None]
    vectors = (apart[:, :, None] + steps) @ cell
    lengths = np.linalg.norm(vectors, axis=-1)
    for i, j, k in zip(*np.nonzero((lengths < REACH) & (lengths > 1e-6)), strict=True):
        e = vectors[i, j, k] / lengths[i, j, k]
        strength = (numbers[i] + numbers[j]) / 4 * np.exp(-lengths[i, j, k])
        spring = strength * (np.outer(e, e) + 0.1 * np.eye(3))
        blocks[i, j] -= spring
        blocks[i, i] += spring
    return blocks


def spring_phonons(crystal, size=(2, 2, 2)):
    """Phonons of the springs, from a supercell and without a macroscopic field."""
    supercell = make_supercell(crystal, size)
    blocks = spring_constants(
        supercell.crystal.cell, supercell.crystal.fractional, supercell.crystal.numbers
    )
    source = from_supercell(
        crystal,
        supercell.matrix,
        blocks[: crystal.n_atoms],
        atom=supercell.atom,
        cells=supercell.translation,
    )
    return Phonons(
        crystal=crystal,
        source=source,
        masses=crystal.masses,
        max_force=np.zeros(()),
    )


def low(method="gonze"):
    """A triclinic crystal, with charges that have no symmetry."""
    charges = np.random.default_rng(2).normal(size=(3, 3, 3))
    charges -= charges.mean(axis=0)
    dielectric = np.array([[3.0, 0.3, 0.1], [0.3, 2.2, -0.4], [0.1, -0.4, 4.0]])
    return with_polar(
        spring_phonons(triclinic()), charges, dielectric, (2, 2, 2), method=method
    )
