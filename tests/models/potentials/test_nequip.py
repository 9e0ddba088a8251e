"""NequIP: how far its layers see, its elements, its scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import NequIP
from matjax.predictors import Potential, energy
from matjax.testing import CHECKS

CUTOFF = 4.0
SMALL = {
    "species": (8, 14),
    "cutoff": CUTOFF,
    "hidden": "2x0e + 2x1o",
    "lmax": 1,
    "basis": 2,
    "radial_widths": (4,),
}
EVALUATE = jax.jit(Potential.node_energies)
ENERGY = jax.jit(energy)
SEVEN = {
    **SMALL,
    "hidden": "3x0e + 2x1e + 2x2e",
    "lmax": 2,
    "layers": 3,
    "norm": False,
    "embed": True,
    "learned_basis": True,
    "xplor": 3.5,
    "parity": False,
}
"""The choices of SevenNet."""


def potential_of(**settings):
    return Potential.create(NequIP(**SMALL, **settings)).astype(jnp.float64)


def node_energies(potential, positions, numbers=(14, 14, 14)):
    atoms = Crystal.create(
        list(numbers), 40 * np.eye(3), positions=positions, pbc=False
    )
    graph = potential.graph(atoms, n_nodes=3, degree=3)
    return np.asarray(EVALUATE(potential, graph))


@pytest.mark.parametrize("layers", [1, 2])
def test_an_atom_sees_as_many_cutoffs_far_as_there_are_layers(layers):
    """In a row of three the ends are joined by the atom between them alone."""
    potential = potential_of(layers=layers)
    row = np.array([[0, 0, 0], [3.0, 0, 0], [6.0, 0, 0]])
    moved = row + np.array([[0, 0, 0], [0, 0, 0], [0.2, 0.1, 0]])
    change = node_energies(potential, moved) - node_energies(potential, row)
    assert abs(change[1]) > 1e-6
    if layers == 1:
        assert change[0] == 0
    else:
        assert abs(change[0]) > 1e-7


@pytest.mark.parametrize("index_weights", [False, True])
def test_elements_are_told_apart_as_centers_and_as_neighbors(index_weights):
    potential = potential_of(layers=1, index_weights=index_weights)
    row = np.array([[0, 0, 0], [3.0, 0, 0], [20.0, 0, 0]])
    alike, center, neighbor = (
        node_energies(potential, row, numbers)[0]
        for numbers in ((14, 14, 14), (8, 14, 14), (14, 8, 14))
    )
    assert abs(center - alike) > 1e-6
    assert abs(neighbor - alike) > 1e-6


def test_energies_are_scaled_and_shifted():
    row = np.array([[0, 0, 0], [3.0, 0, 0], [6.0, 0, 0]])
    plain = potential_of(layers=1)
    other = plain.replace(model=plain.model.clone(scale=2.5, shift=-4.0))
    expected = 2.5 * node_energies(plain, row) - 4.0
    assert_allclose(node_energies(other, row), expected, rtol=1e-12)  # round-off


@pytest.mark.slow
def test_without_parity_chiral_clusters_differ_from_their_mirror_images():
    chiral = [[0, 0, 0], [1.9, 0, 0], [0.3, 2.1, 0], [0.2, 0.5, 2.3]]
    for settings, differs in ((SEVEN, True), ({**SMALL, "layers": 3}, False)):
        potential = Potential.create(NequIP(**settings)).astype(jnp.float64)

        def total(turn, potential=potential):
            atoms = Crystal.create(
                [14, 8, 14, 8], 40 * np.eye(3), positions=chiral @ turn, pbc=False
            )
            return ENERGY(potential, potential.graph(atoms))[0]

        here = total(np.eye(3))
        assert_allclose(total(np.diag([-1.0, -1.0, 1.0])), here, rtol=1e-10)
        mirrored = abs(total(np.diag([1.0, 1.0, -1.0])) - here)
        assert (mirrored > 1e-7) == differs


# The continuity check tells of forces; second derivatives have steps by design.
@pytest.mark.slow
@pytest.mark.parametrize("check", ["continuity", "derivatives", "force_constants"])
def test_the_choices_of_sevennet_obey_the_contract(check):
    potential = Potential.create(NequIP(**SEVEN)).astype(jnp.float64)
    cell = [[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]]
    sites = [[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]]
    CHECKS[check](potential, Crystal.create([14, 8], cell, fractional=sites))
