"""Crystals of many groups, with potentials that have no more symmetry than they."""

import jax.numpy as jnp
import numpy as np
from ase.build import bulk

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import Response
from matjax.force_constants.symmetry import (
    operations_of,
)
from matjax.models.potentials import Springs
from matjax.predictors import Potential
from tests.force_constants.lattices import silicon, stillinger_weber


def springs(species):
    """Stretched springs of every length up to the cutoff: no two alike."""
    model = Springs(species=species, stiffness=1.0, distance=1.0, onset=2.0, cutoff=4.3)
    return Potential.create(model).astype(jnp.float64)


def wurtzite():
    return Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.38))


def left_handed(crystal):
    """The same crystal in a left-handed, skewed basis, turned in space and moved."""
    basis = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 1]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    fractional = crystal.fractional @ np.linalg.inv(basis) + np.array([0.3, 1.2, -2.0])
    cell = basis @ crystal.cell @ turn
    return Crystal.create(crystal.numbers, cell, fractional=fractional)


def triclinic():
    cell = [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [0.2, 0.9, 3.9]]
    places = [[0, 0, 0], [0.4, 0.3, 0.1], [0.7, 0.6, 0.45]]
    return Crystal.create([14, 8, 8], cell, fractional=places)


def perovskite():
    places = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Crystal.create([38, 22, 8, 8, 8], 3.9 * np.eye(3), fractional=places)


def rutile():
    u = 0.3053
    places = [[0, 0, 0], [0.5] * 3]
    places += [[u, u, 0], [-u, -u, 0], [0.5 - u, 0.5 + u, 0.5], [0.5 + u, 0.5 - u, 0.5]]
    cell = np.diag([4.594, 4.594, 2.959])
    return Crystal.create([22, 22, 8, 8, 8, 8], cell, fractional=places)


CASES = {
    "silicon": (silicon(), stillinger_weber()),
    "left-handed silicon": (left_handed(silicon()), stillinger_weber()),
    "cubic cell of silicon": (
        make_supercell(silicon(), [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]).crystal,
        stillinger_weber(),
    ),
    "wurtzite": (wurtzite(), springs((8, 30))),
    "left-handed wurtzite": (left_handed(wurtzite()), springs((8, 30))),
    "hcp": (Crystal.from_ase(bulk("Mg", "hcp", a=3.2, c=5.1)), springs((12,))),
    "perovskite": (perovskite(), springs((8, 22, 38))),
    "rutile": (rutile(), springs((8, 22))),
    "triclinic": (triclinic(), springs((8, 14))),
}


class Case:
    def __init__(self, crystal, potential):
        self.crystal = crystal
        graph = potential.graph(crystal)
        self.response = Response(potential, graph, n_atoms=crystal.n_atoms)
        self.operations = operations_of(crystal)


Q = np.array(
    [
        [0, 0, 0],
        [0.5, 0, 0],
        [0.5, 0.5, 0],
        [0.5, 0.5, 0.5],
        [1 / 3, 1 / 3, 0],
        [0.21, 0.21, 0],
        [0.5, 0.25, 0.75],
        [0.31, -0.42, 0.13],
    ]
)
