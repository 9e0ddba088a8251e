"""Messages through reciprocal space: Eqs. 8 to 12 of the paper, k by k."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import make_supercell
from matjax.graphs import build_graph
from matjax.nn import ReciprocalMessages, polynomial_envelope
from matjax.nn.reciprocal_messages import POWER
from tests.models.properties.formulas import (
    crystal,
    dense,
    silu,
    wide_gaussians,
)

BLOCK = ReciprocalMessages(waves=4, cutoff=3.0, basis=6, bottleneck=2)


def test_messages_are_sums_over_wave_vectors():
    atoms = crystal()
    graph = build_graph(atoms, 3.0, n_nodes=4, n_graphs=2)
    h = np.random.default_rng(0).normal(size=(4, 3))
    params = BLOCK.init(jax.random.key(0), graph, jnp.asarray(h))["params"]
    params = jax.tree.map(lambda x: np.asarray(x, float) + 0.01, params)
    found = BLOCK.apply({"params": params}, graph, jnp.asarray(h))[:3]
    x, reciprocal = atoms.positions, 2 * np.pi * np.linalg.inv(atoms.cell).T
    sums = np.zeros((3, 3))
    reach = np.arange(-6, 7)
    for n in np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3):
        k = n @ reciprocal
        length = np.linalg.norm(k)
        if length >= BLOCK.cutoff:
            continue
        factor = np.exp(-1j * x @ k) @ h[:3]
        f = wide_gaussians(length, 0, BLOCK.cutoff, BLOCK.basis)
        f = f @ params["down"]["kernel"] @ params["up"]["kernel"]
        f = f * polynomial_envelope(np.array(length), BLOCK.cutoff, POWER)
        sums += np.real(np.exp(1j * x @ k)[:, None] * factor * f)
    sums = sums / abs(np.linalg.det(atoms.cell))
    expected = dense(silu(dense(sums, params["received_0"])), params["received_1"])
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


class Alone(nn.Module):
    """The messages on features of the elements."""

    @nn.compact
    def __call__(self, graph):
        """Their change."""
        h = jnp.stack([graph.numbers / 10, jnp.cos(graph.numbers)], axis=1)
        return ReciprocalMessages(waves=8, cutoff=3.0)(graph, h)


def test_a_supercell_has_the_same_messages():
    atoms = crystal()
    double = make_supercell(atoms, (1, 2, 1))
    network = Alone()
    graph = build_graph(atoms, 3.0)
    variables = network.init(jax.random.key(0), graph)
    one = network.apply(variables, graph)[:3]
    two = network.apply(variables, build_graph(double.crystal, 3.0))[:6]
    assert_allclose(two, one[double.atom], rtol=1e-9, atol=1e-12)  # round-off
