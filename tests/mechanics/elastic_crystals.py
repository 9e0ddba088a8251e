"""Crystals at rest, of high and of low symmetry, whose atoms move under strain."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal
from matjax.lattice_dynamics import phonons
from matjax.models.potentials import LennardJones
from matjax.numerics import safe_norm
from matjax.predictors import Potential
from tests.force_constants.lattices import DISTANCE, FCC, silicon, stillinger_weber


class UnequalSprings(nn.Module):
    """Springs at rest between nearest neighbors, each as stiff as its two atoms say."""

    species: tuple[int, ...] = (11, 12, 13, 14, 15, 16, 17)
    cutoff: float = 1.2 * DISTANCE

    @nn.compact
    def __call__(self, graph):
        stiffness = [0.5, 1.4, 0.8, 2.0, 1.1, 0.7, 1.6]
        stiffness = self.param("stiffness", lambda _: jnp.asarray(stiffness))
        own = stiffness[graph.numbers - 11]
        stretch = safe_norm(graph.edge_vectors()) - DISTANCE
        energy = graph.gather(own) * graph.spread(own) * stretch**2
        return graph.scatter(energy) / 4


def triclinic():
    """Seven kinds of atoms on a cubic lattice, in an order without any symmetry."""
    rows = np.array([[7, 0, 0], [-2, 1, 0], [-4, 0, 1]])
    places = np.outer(np.arange(7), [1, 0, 0]) @ np.linalg.inv(rows)
    return Crystal.create(list(range(11, 18)), rows @ FCC, fractional=places)


def unequal_springs():
    return Potential.create(UnequalSprings()).astype(jnp.float64)


def argon():
    """Hexagonal close packing, relaxed to 1e-13 eV/Å³ in the potential below."""
    a, c = 3.7534973894382775, 6.129435570004983
    cell = [[a, 0, 0], [-a / 2, a * 3**0.5 / 2, 0], [0, 0, c]]
    fractional = [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]]
    return Crystal.create([18, 18], cell, fractional=fractional)


def lennard_jones():
    return Potential.create(LennardJones(onset=5.0, cutoff=6.0)).astype(jnp.float64)


CRYSTALS = {
    "cubic": (stillinger_weber, silicon),
    "hexagonal": (lennard_jones, argon),
    "triclinic": (unequal_springs, triclinic),
}


def relaxed_atoms(potential, crystal):
    """The crystal with its atoms at rest in the given cell, by Newton's method."""
    for _ in range(10):
        forces = potential(crystal).forces
        if abs(forces).max() < 1e-11:
            return crystal
        matrix = phonons(potential, crystal).force_constants([0.0, 0.0, 0.0]).real
        step = np.linalg.pinv(matrix, rcond=1e-8) @ forces.ravel()
        crystal = crystal.with_positions(crystal.positions + step.reshape(-1, 3))
    raise AssertionError(f"forces of {abs(forces).max()} eV/Å remain")
