"""Checks of property networks find what they are for."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.numerics import safe_norm
from matjax.predictors import PropertyPredictor
from matjax.testing import PROPERTY_CHECKS, check_property_model

CRYSTAL = Crystal.create(
    [14, 8],
    [[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]],
    fractional=[[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]],
)


class Mean(nn.Module):
    """Mean over atoms of sums over neighbors, and ways to spoil it."""

    fault: str = ""
    cutoff: float = 3.5
    species: tuple[int, ...] = (8, 14)
    properties: tuple[str, ...] = ("gap",)

    @nn.compact
    def __call__(self, graph):
        scale = self.param("scale", nn.initializers.ones, ())
        vectors = graph.edge_vectors()
        r = safe_norm(vectors)
        edge = jnp.where(r < self.cutoff, 1 - (r / self.cutoff) ** 2, 0) ** 4
        edge = scale * edge * graph.gather(jnp.asarray(graph.numbers, r.dtype))
        if self.fault == "direction":
            edge = edge * (1 + 0.1 * vectors[:, 0])
        values = graph.scatter(edge)[:, None]
        if self.fault == "elements":
            values = jnp.ones_like(values) * scale
        if self.fault == "extensive":
            return graph.graph_sum(values[:, 0])[:, None]
        return graph.pool(values)


def predictor(fault=""):
    return PropertyPredictor.create(Mean(fault), ("eV",)).astype(jnp.float64)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("direction", "rotation"),
        ("extensive", "supercell"),
        ("elements", "distances_matter"),
    ],
)
def test_each_fault_is_found_by_its_check(fault, check):
    with pytest.raises(AssertionError):
        PROPERTY_CHECKS[check](predictor(fault), CRYSTAL)
    PROPERTY_CHECKS[check](predictor(), CRYSTAL)


def test_single_precision_is_refused():
    with pytest.raises(ValueError, match="contract is checked in float64"):
        check_property_model(predictor().astype(np.float32), CRYSTAL)
