"""What formulas of property networks are made of, for tests: in NumPy, by loops."""

from typing import NamedTuple

import jax
import numpy as np

from matjax.crystals import Crystal, neighbors
from matjax.predictors.network import probe


def crystal(scale=1.0):
    """Three atoms in a triclinic cell, no two distances of an atom alike."""
    cell = scale * np.array([[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]])
    sites = [[0.02, -0.03, 0.01], [0.41, 0.36, 0.55], [0.6, 0.8, 0.1]]
    return Crystal.create([14, 8, 8], cell, fractional=sites)


def parameters(model, seed=0):
    """Parameters none of which is 0 or 1, as initial biases and scales are."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), probe(model))["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: 0.4 * rng.normal(size=x.shape), shapes)


class Bond(NamedTuple):
    """An edge to atom i from atom j."""

    i: int
    j: int
    r: float
    vector: np.ndarray
    weight: float


def bonds_of(crystal, cutoff, n_nearest=None):
    """All edges, with their share in the places of their atom."""
    edges = neighbors(crystal, cutoff)
    x = crystal.positions
    vectors = x[edges.senders] + edges.shifts @ crystal.cell - x[edges.receivers]
    r = np.linalg.norm(vectors, axis=1)
    bonds = []
    for e, (i, j) in enumerate(zip(edges.receivers, edges.senders, strict=True)):
        mine = edges.receivers == i
        closer = np.sum(mine & (r < r[e] * (1 - 1e-6)))
        shell = np.sum(mine & (abs(r - r[e]) < r[e] * 1e-6))
        places = np.inf if n_nearest is None else n_nearest
        weight = np.clip((places - closer) / shell, 0, 1)
        bonds.append(Bond(i, j, r[e], vectors[e], weight))
    return bonds


def softplus(x):
    return np.log1p(np.exp(x))


def shifted_softplus(x):
    return softplus(x) - np.log(2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softmax(x):
    weights = np.exp(x - x.max(axis=0))
    return weights / weights.sum(axis=0)


def dense(x, p):
    return x @ p["kernel"] + p.get("bias", 0)


def normalized(x, p, norm="layer"):
    if norm == "layer":
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return x * p["scale"] + p["bias"]


def gaussians(r, step, cutoff):
    """As CGCNN has them."""
    return np.exp(-(((r - np.arange(0, cutoff + 1e-9, step)) / step) ** 2))


def wide_gaussians(x, low, high, size):
    """As SchNet has them."""
    centers, step = np.linspace(low, high, size, retstep=True)
    return np.exp(-((x - centers) ** 2) / step)


def atoms_of(model, params, crystal, name="embedding"):
    """Rows of the embedding."""
    index = [model.species.index(z) for z in crystal.numbers]
    return params[name]["embedding"][index]


def readout(model, params, y, activation):
    """Properties from features."""
    for i in range(len(model.head)):
        y = activation(dense(y, params[f"head_{i}"]))
    return dense(y, params["readout"]) * model.scale + model.shift
