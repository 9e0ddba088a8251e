"""Chains of atoms whose phonons follow on paper."""

import numpy as np

from matjax.crystals import Crystal
from matjax.force_constants import RealSpaceForceConstants
from matjax.lattice_dynamics import Phonons

MASS = 12.0  # amu


SPACING = 2.0  # Å


def chain(*stiffness, across=1.0):
    """Atoms on a line, joined to their first, second, … neighbors along it."""
    lengthwise, transverse = np.diag([1.0, 0, 0]), np.diag([0, across, across])
    cells, blocks = [(0, 0, 0)], [2 * (sum(stiffness) * lengthwise + transverse)]
    for n, k in enumerate(stiffness, start=1):
        for sign in (1, -1):
            cells.append((sign * n, 0, 0))
            blocks.append(-k * lengthwise - (transverse if n == 1 else 0))
    zeros = np.zeros(len(cells), int)
    return Phonons(
        crystal=Crystal.create(
            [6],
            np.diag([SPACING, 20, 20]),
            fractional=[[0, 0, 0]],
            pbc=(True, False, False),
        ),
        source=RealSpaceForceConstants(
            blocks=np.array(blocks),
            first=zeros,
            second=zeros,
            cells=np.array(cells),
            n_atoms=1,
        ),
        masses=np.array([MASS]),
        max_force=np.array(0.0),
    )
