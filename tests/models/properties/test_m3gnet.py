"""M3GNet for properties: its readout by hand, from the features of its atoms."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.properties import M3GNetProperties
from matjax.nn import Set2Set, three_body_features
from matjax.predictors import PropertyModel, initial_parameters

MODEL = M3GNetProperties(
    species=(8, 14),
    properties=("heat", "gap"),
    cutoff=3.5,
    three_body_cutoff=3.0,
    features=4,
    units=5,
    layers=1,
    degrees=2,
    basis=2,
    turns=2,
    readout_layers=2,
    scale=(2.0, 1.0),
    shift=(0.0, 3.0),
)
CRYSTAL = Crystal.create(
    [14, 8], np.diag([3.0, 3.2, 3.4]), fractional=[[0, 0, 0], [0.45, 0.5, 0.55]]
)


class Atoms(nn.Module):
    """The exchanges alone, which make their submodules where they are called."""

    @nn.compact
    def __call__(self, graph):
        return three_body_features(graph, MODEL)


def silu(x):
    return x / (1 + np.exp(-x))


def test_it_is_a_property_model():
    assert isinstance(MODEL, PropertyModel)


@pytest.mark.slow
def test_readout_is_a_perceptron_of_what_set2set_reads_of_the_atoms():
    params = jax.tree.map(lambda x: jnp.asarray(x, float), initial_parameters(MODEL))
    graph = build_graph(CRYSTAL, MODEL.cutoff, dtype=jnp.float64)
    own = {k: v for k, v in params.items() if k not in ("read", "readout")}
    v = jax.jit(Atoms().apply)({"params": own}, graph)
    x = jax.jit(Set2Set(2, 2).apply)({"params": params["read"]}, graph, v)[0]
    for k in range(3):
        p = params["readout"][f"layer_{k}"]
        x = x @ p["kernel"] + p["bias"]
        x = silu(x) if k < 2 else x
    found = jax.jit(MODEL.apply)({"params": params}, graph)
    assert found["heat"].shape == (1,)
    assert_allclose(found["heat"][0], 2 * x[0], rtol=1e-12)  # round-off
    assert_allclose(found["gap"][0], x[1] + 3, rtol=1e-12)
