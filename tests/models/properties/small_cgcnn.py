"""A small CGCNN, parameters for it and a crystal of its elements."""

import jax
import numpy as np

from matjax.crystals import Crystal
from matjax.models.properties import CGCNN
from matjax.predictors.network import probe

MODEL = CGCNN(
    species=(8, 14),
    properties=("heat_all",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    layers=2,
    head=(3, 5),
    step=0.5,
)


def crystal(scale=1.0):
    cell = scale * np.array([[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]])
    sites = [[0.02, -0.03, 0.01], [0.41, 0.36, 0.55], [0.6, 0.8, 0.1]]
    return Crystal.create([14, 8, 8], cell, fractional=sites)


def parameters(model, seed=0):
    """Parameters none of which is 0 or 1, as initial biases and scales are."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), probe(model))["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: 0.4 * rng.normal(size=x.shape), shapes)
