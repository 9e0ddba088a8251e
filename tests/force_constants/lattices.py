"""Crystals with springs, whose phonons textbooks give, and silicon."""

import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal
from matjax.models.potentials import Springs, StillingerWeber
from matjax.predictors import Potential

STIFFNESS = 3.0  # eV/Å²
DISTANCE = 2.5  # Å, of nearest neighbors

COMPRESSED = 0.9 * DISTANCE

FCC = DISTANCE / np.sqrt(2) * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])


def springs(species=(29,), stiffness=STIFFNESS):
    """Springs at rest between nearest neighbors, and nothing else."""
    model = Springs(
        species=species,
        stiffness=stiffness,
        distance=DISTANCE,
        onset=1.1 * DISTANCE,
        cutoff=1.3 * DISTANCE,
    )
    return Potential.create(model).astype(jnp.float64)


def fcc():
    return Crystal.create([29], FCC, fractional=[[0, 0, 0]])


def chain():
    """Two kinds of atoms in turn on a line."""
    return Crystal.create(
        [11, 17],
        np.diag([2 * DISTANCE, 30, 30]),
        fractional=[[0, 0, 0], [0.5, 0, 0]],
        pbc=(True, False, False),
    )


def silicon():
    cell = 5.431 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal.create([14, 14], cell, fractional=[[0, 0, 0], [0.25] * 3])


def stillinger_weber():
    return Potential.create(StillingerWeber()).astype(jnp.float64)
