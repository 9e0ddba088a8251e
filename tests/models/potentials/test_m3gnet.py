"""M3GNet: how far its exchanges see, its elements, its end at the cutoff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import M3GNet
from matjax.predictors import Potential, evaluate

CUTOFF = 4.0
SMALL = {
    "species": (8, 14),
    "cutoff": CUTOFF,
    "features": 4,
    "units": 4,
    "degrees": 2,
    "basis": 2,
}
ROW = np.array([[0, 0, 0], [3.0, 0.2, 0], [5.8, 0, 0.4], [8.6, 0.3, 0]])
MOVES = np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 0], [0.1, 0.1, 0.2]])
EVALUATE = jax.jit(evaluate)


def potential_of(**settings):
    return Potential.create(M3GNet(**(SMALL | settings))).astype(jnp.float64)


def result(potential, positions, numbers=(14, 14, 14, 14)):
    atoms = Crystal.create(
        list(numbers), 60 * np.eye(3), positions=positions, pbc=False
    )
    return EVALUATE(potential, potential.graph(atoms, n_nodes=4, degree=4))


@pytest.mark.parametrize(
    ("three_body_cutoff", "seen"),
    [(3.8, 2), pytest.param(2.0, 1, marks=pytest.mark.slow)],
)
def test_angles_carry_messages_one_neighbor_further(three_body_cutoff, seen):
    """With one exchange; triples without a neighbor in their reach carry nothing."""
    potential = potential_of(layers=1, three_body_cutoff=three_body_cutoff)
    change = np.abs(
        result(potential, ROW + MOVES).node_energies
        - result(potential, ROW).node_energies
    )
    distance = np.array([3, 2, 1, 0])
    assert (change[distance <= seen] > 1e-12).all()
    assert_allclose(change[distance > seen], 0, atol=1e-15)  # round-off


def test_elements_are_told_apart_and_have_energies_of_their_own():
    potential = potential_of(layers=1)
    alike = result(potential, ROW).node_energies
    other = result(potential, ROW, (8, 14, 14, 14)).node_energies
    assert abs(float(other[0] - alike[0])) > 1e-6  # as a center
    assert abs(float(other[1] - alike[1])) > 1e-6  # as a neighbor
    own = potential.replace(
        params=potential.params | {"atom_energies": jnp.asarray([-2.0, -5.0])},
        model=potential.model.clone(scale=2.5, shift=0.25),
    )
    found = result(own, ROW, (8, 14, 14, 14)).node_energies
    expected = 2.5 * other + 0.25 + np.array([-2.0, -5.0, -5.0, -5.0])
    assert_allclose(found, expected, rtol=1e-12)  # round-off


@pytest.mark.parametrize("smooth", [True, False])
def test_forces_have_a_step_at_the_cutoff_with_plain_functions_alone(smooth):
    potential = potential_of(layers=1, smooth=smooth, three_body_cutoff=3.0)
    steps = []
    for delta in (1e-6, -1e-6):
        positions = np.array([[0, 0, 0], [0, 0, CUTOFF + delta]])
        far = np.array([[30.0, 0, 0], [0, 30.0, 0]])
        steps.append(result(potential, np.concatenate([positions, far])))
    outside, inside = steps
    energies = [float(x.energy[0]) for x in steps]
    assert_allclose(energies[0], energies[1], atol=1e-5)  # slope times 2e-6
    assert_allclose(outside.forces, 0, atol=1e-12)
    force = abs(float(inside.forces[0, 2]))
    # Smooth functions begin with the third power of the distance to the cutoff.
    assert force < 1e-9 if smooth else force > 1e-4
