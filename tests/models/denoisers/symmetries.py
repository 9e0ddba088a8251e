"""Symmetries of denoisers, on a small crystal without any."""

import jax
import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal, make_supercell
from matjax.graphs import build_graph
from matjax.predictors import initial_parameters

TIMES = jnp.array([[0.4, 0.3, 0.0]])
CELL = np.array([[4.1, 0.2, 0.1], [0.0, 3.7, 0.4], [-0.3, 0.0, 4.4]])
FRACTIONAL = np.array([[0.1, 0.2, 0.3], [0.55, 0.6, 0.45], [0.8, 0.15, 0.9]])
CRYSTAL = Crystal.create([5, 7, 7], CELL, fractional=FRACTIONAL)


def rotation(seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q


def parameters(model):
    return jax.tree.map(lambda x: x.astype(float), initial_parameters(model))


def outputs(model, params, crystal, *, n_nodes=None):
    """What a network says of a crystal, in float64."""
    graph = build_graph(crystal, model.cutoff, n_nodes=n_nodes)
    apply = jax.jit(model.apply)
    return jax.device_get(apply({"params": params}, graph, TIMES))


def translated():
    """All atoms moved alike, and one by a vector of the lattice."""
    moved = FRACTIONAL + np.array([0.37, -0.21, 0.08])
    moved[1] += [1, 0, -2]
    return Crystal.create([5, 7, 7], CELL, fractional=moved)


def permuted():
    order = [2, 0, 1]
    numbers = np.array([5, 7, 7])[order]
    return order, Crystal.create(numbers, CELL, fractional=FRACTIONAL[order])


def rotated(matrix):
    return Crystal.create([5, 7, 7], CELL @ matrix, fractional=FRACTIONAL)


def recut():
    """The same crystal by other lattice vectors, and the matrix that makes them."""
    matrix = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    fractional = FRACTIONAL @ np.linalg.inv(matrix)
    return matrix, Crystal.create([5, 7, 7], matrix @ CELL, fractional=fractional)


def doubled():
    return make_supercell(CRYSTAL, (2, 1, 1)).crystal
