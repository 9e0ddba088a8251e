"""Calculations of phonopy with the forces of springs, and its files."""

import numpy as np
import pytest

from matjax.crystals import Crystal
from tests.force_constants.ionic import rocksalt, spring_constants, triclinic, wurtzite

phonopy = pytest.importorskip("phonopy", reason="phonopy is not installed")
file_io = pytest.importorskip("phonopy.file_IO", reason="phonopy is not installed")

Q = np.random.default_rng(7).uniform(-0.5, 0.5, (50, 3))
FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
DIELECTRIC = np.diag([2.4, 2.4, 2.6])

CONSTANTS = 1e-5
"""THz; phonopy's physical constants have seven digits."""


def atoms(crystal):
    from phonopy.structure.atoms import PhonopyAtoms

    return PhonopyAtoms(
        symbols=crystal.symbols,
        cell=crystal.cell,
        scaled_positions=crystal.fractional,
        masses=crystal.masses,
    )


def conventional_rocksalt():
    from ase.build import bulk

    return Crystal.from_ase(bulk("NaCl", "rocksalt", 5.69, cubic=True))


CASES = {
    "rocksalt": (conventional_rocksalt, np.diag([1, 1, 1]), FCC),
    "skewed": (rocksalt, np.array([[2, 0, 1], [0, 2, 0], [-1, 0, 2]]), np.eye(3)),
    "wurtzite": (wurtzite, np.diag([2, 2, 1]), np.eye(3)),
    "triclinic": (triclinic, np.diag([2, 1, 2]), np.eye(3)),
}


def displaced(name, *, random=0):
    """A calculation of phonopy with the forces of springs."""
    make, matrix, primitive = CASES[name]
    made = phonopy.Phonopy(atoms(make()), matrix, primitive_matrix=primitive)
    options = {"number_of_snapshots": random, "random_seed": 5} if random else {}
    made.generate_displacements(distance=0.02, **options)
    cell = made.supercell
    blocks = spring_constants(cell.cell, cell.scaled_positions, cell.numbers)
    made.forces = [
        -np.einsum(
            "iajb,jb->ia", blocks.swapaxes(1, 2), moved.positions - cell.positions
        )
        for moved in made.supercells_with_displacements
    ]
    return made


def born_charges(made):
    """Of the symmetry of all the crystals here: along z, and across it."""
    sign = {"Na": 1, "Cl": -1, "Ga": 1, "N": -1}
    signs = np.array([sign[s] for s in made.primitive.symbols])
    same = np.diag([1.1, 1.1, 1.1 if "Na" in made.primitive.symbols else 1.3])
    return signs[:, None, None] * same


def with_born(made, method="gonze"):
    dielectric = DIELECTRIC
    if "Na" in made.primitive.symbols:
        dielectric = 2.4 * np.eye(3)
    made.nac_params = {
        "born": born_charges(made),
        "dielectric": dielectric,
        "factor": 14.4,
        "method": method,
    }
    return made


def frequencies(made, q=Q, direction=None):
    made.run_qpoints(q, nac_q_direction=direction)
    return made.qpoints.frequencies


def write_disp(made, folder, *, sets=True):
    settings = {"force_sets": False, "displacements": True, "force_constants": False}
    made.save(folder / "phonopy_disp.yaml", settings=settings)
    if sets:
        file_io.write_FORCE_SETS(made.dataset, filename=folder / "FORCE_SETS")


def first_zone(q, cell):
    """The shortest of equivalent q, which is what Wang's term is for."""
    shifts = np.indices((5, 5, 5)).reshape(3, -1).T - 2
    images = q[:, None] + shifts
    lengths = np.linalg.norm(images @ np.linalg.inv(cell).T, axis=-1)
    return images[np.arange(len(q)), lengths.argmin(axis=1)]
