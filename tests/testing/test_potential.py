"""Checks of potentials find what they are for; that good ones pass is in contracts."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.numerics import safe_norm
from matjax.predictors import Potential
from matjax.testing import CHECKS, check_potential

CRYSTAL = Crystal.create(
    [14, 8],
    [[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]],
    fractional=[[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]],
)


class Pairs(nn.Module):
    """A sound pair potential, and ways to spoil it."""

    fault: str = ""
    cutoff: float = 3.5
    species: tuple[int, ...] = (8, 14)

    @nn.compact
    def __call__(self, graph):
        scale = self.param("scale", nn.initializers.ones, ())
        vectors = graph.edge_vectors()
        r = safe_norm(vectors)
        envelope = jnp.where(r < self.cutoff, 1 - (r / self.cutoff) ** 2, 0) ** 4
        if self.fault == "step":
            envelope = jnp.where(r < self.cutoff, 1.0, 0.0)
        if self.fault == "direction":
            envelope = envelope * (1 + 0.1 * vectors[:, 0] ** 2)
        if self.fault == "hand":
            turn = jnp.linalg.det(graph.cell)[graph.node_graph]
            envelope = envelope * (1 + 1e-2 * graph.spread(jnp.sign(turn)))
        energies = graph.scatter(scale * envelope * jnp.cos(r))
        if self.fault == "padding":
            energies = energies * graph.n_nodes
        if self.fault == "number":
            place = jnp.arange(graph.n_nodes) * jnp.asarray(graph.numbers)
            energies = energies * (1 + 0.01 * place)
        if self.fault == "parameters":
            energies = energies * (1 + jnp.sqrt(scale - 1))
        return energies


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("step", "continuity"),
        ("direction", "rotation"),
        ("hand", "reflection"),
        ("padding", "padding_and_batch"),
        ("number", "permutation"),
        ("parameters", "parameter_gradients"),
    ],
)
def test_each_fault_is_found_by_its_check(fault, check):
    spoilt = Potential.create(Pairs(fault)).astype(jnp.float64)
    with pytest.raises(AssertionError):
        CHECKS[check](spoilt, CRYSTAL)
    CHECKS[check](Potential.create(Pairs()).astype(jnp.float64), CRYSTAL)


def test_single_precision_is_refused():
    single = Potential.create(Pairs()).astype(np.float32)
    with pytest.raises(ValueError, match="contract is checked in float64"):
        check_potential(single, CRYSTAL)
