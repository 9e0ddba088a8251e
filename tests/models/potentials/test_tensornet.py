"""TensorNet: its matrices, its formula on a pair, what a mirror does."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import TensorNet
from matjax.models.potentials.tensornet import (
    IRREPS,
    _basis,
    _components,
    _matrices,
    tensor_edges,
)
from matjax.predictors import Potential

MODEL = TensorNet(species=(8, 14), cutoff=4.0, channels=3, layers=1, basis=2)
ROW = np.array([[0, 0, 0], [2.1, 0.4, 0], [3.0, 2.2, 0.7], [20.0, 0, 0]])
NODE_ENERGIES = jax.jit(Potential.node_energies)


def graph_of(potential, positions, numbers=(14, 8, 14, 8)):
    atoms = Crystal.create(
        list(numbers), 60 * np.eye(3), positions=positions, pbc=False
    )
    return potential.graph(atoms, n_nodes=4, degree=4)


def test_matrices_of_an_edge_are_the_unit_a_cross_product_and_a_square():
    potential = Potential.create(MODEL).astype(jnp.float64)
    graph = graph_of(potential, ROW)
    tensors = tensor_edges(graph, 4.0, 2).tensors
    vectors = np.asarray(graph.edge_vectors())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    parts = {
        name: np.einsum("kij,ek->eij", _basis()[s], tensors[:, s])
        for name, s in IRREPS.items()
    }
    cross = np.cross(unit[:, None], np.eye(3)).swapaxes(1, 2)  # cross @ x = unit × x
    square = unit[:, :, None] * unit[:, None, :] - np.eye(3) / 3
    # Tolerances: round-off.
    assert_allclose(parts["isotropic"], np.tile(np.eye(3), (len(unit), 1, 1)))
    assert_allclose(parts["skew"], cross, atol=1e-14)
    assert_allclose(parts["symmetric"], square, atol=1e-14)


def test_components_hold_a_matrix_and_its_norm():
    matrices = np.random.default_rng(0).normal(size=(4, 3, 3, 2))
    x = _components(jnp.asarray(matrices))
    assert_allclose(_matrices(x), matrices, atol=1e-14)
    assert_allclose(np.sum(x**2, 1), np.sum(matrices**2, (1, 2)), rtol=1e-12)
    trace = np.trace(matrices, axis1=1, axis2=2)
    assert_allclose(x[:, 0], trace / np.sqrt(3), rtol=1e-12)


def test_an_atom_sees_one_neighbor_further_with_each_layer():
    """The embedding is an exchange, too."""
    row = np.array([[0, 0, 0], [3.0, 0.2, 0], [5.8, 0, 0.4], [8.6, 0.3, 0]])
    moved = row + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0.1, 0.1, 0.2]])
    potential = Potential.create(MODEL).astype(jnp.float64)
    before, after = (
        np.asarray(NODE_ENERGIES(potential, graph_of(potential, x)))
        for x in (row, moved)
    )
    change = np.abs(after - before)
    assert (change[1:] > 1e-12).all()
    assert change[0] == 0


def test_alone_an_atom_has_the_energy_of_its_element():
    potential = Potential.create(MODEL).astype(jnp.float64)
    energies = jnp.asarray([-2.0, -5.0])
    own = potential.replace(params=potential.params | {"atom_energies": energies})
    far = ROW * np.array([20.0, 20.0, 1.0])
    plain, found = (
        np.asarray(NODE_ENERGIES(p, graph_of(p, far, (8, 14, 14, 8))))
        for p in (potential, own)
    )
    assert_allclose(plain, plain[0])  # without neighbors elements are alike
    assert_allclose(found - plain, [-2.0, -5.0, -5.0, -2.0], rtol=1e-12)
