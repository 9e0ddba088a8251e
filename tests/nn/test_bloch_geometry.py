"""Edges of a response: derivatives of lengths and harmonics, against differences."""

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.nn import tensor_product_paths
from matjax.nn.bloch_geometry import directions, geometry, join, layout, split

HARMONICS = e3nn.s2_irreps(2)
FEATURES = e3nn.Irreps("2x0e + 3x1o")
STEP = 1e-5


def harmonics(vectors):
    return e3nn.spherical_harmonics(
        HARMONICS, vectors, normalize=True, normalization="component"
    ).array


def graph_at(shift=(0.0, 0.0, 0.0)):
    """Two atoms, each seen by the other once; the second may be shifted."""
    positions = np.array([[0.0, 0.1, 0.2], [1.4, 1.0, 0.9]])
    positions[1] += shift
    atoms = Crystal.create([14, 8], 20 * np.eye(3), positions=positions, pbc=False)
    return build_graph(atoms, 4.0, n_nodes=2, degree=2).responding(jnp.zeros(3))


def differences(function):
    """Values of a function of the graph, and how they change as the sender moves."""
    function = jax.jit(function)
    moved = [[function(graph_at(s * e)) for e in STEP * np.eye(3)] for s in (1, -1)]
    ahead, behind = (jax.tree.map(lambda *x: np.stack(x), *each) for each in moved)
    change = jax.tree.map(lambda a, b: (a - b) / (2 * STEP), ahead, behind)
    return function(graph_at()), change


def test_lengths_and_harmonics_have_the_derivatives_of_differences():
    found, change = differences(
        lambda graph: [x[0, 0] for x in directions(graph, harmonics)]
    )
    _, unit, curvature, _, dy, ddy = found
    # The first atom receives; h² of the differences.
    for derivative, slope in zip(
        (unit, curvature, dy, ddy),
        (change[0], change[1], change[3], change[4]),
        strict=True,
    ):
        assert_allclose(derivative, slope, rtol=1e-6, atol=1e-7)


def test_weighted_harmonics_carry_their_derivatives():
    paths = tensor_product_paths(FEATURES, HARMONICS, e3nn.Irreps("0e + 1o"))
    lay = layout(FEATURES, HARMONICS, tuple(paths))
    n_weights = sum(path.multiplicity for path in paths)
    powers = jnp.arange(1.0, n_weights + 1)

    def weighted(graph):
        rest = directions(graph, harmonics)
        weigh = lambda r: jnp.sin(r[..., None] * powers / n_weights)
        return geometry(graph, lay, rest, weigh).v[0, 0]

    found, change = differences(weighted)
    assert abs(found[1:]).max() > 0.1
    assert_allclose(found[1:], change[:, 0], rtol=1e-6, atol=1e-7)  # h²


def test_flat_orders_hold_every_component_once():
    paths = tensor_product_paths(FEATURES, HARMONICS, e3nn.Irreps("0e + 1o + 2e"))
    lay = layout(FEATURES, HARMONICS, tuple(paths))
    assert sorted(lay.output_index) == list(range(lay.irreps.dim))
    # Each coupling is an isometry of Clebsch and Gordan times 2l + 1 for each output.
    for coupling in lay.couplings:
        squares = np.einsum("imo,imp->op", coupling.tensor, coupling.tensor)
        assert_allclose(squares, np.eye(len(squares)), atol=1e-6)


def test_parts_are_joined_as_they_were_split():
    blocks = [np.arange(6.0).reshape(1, 2, 3), np.arange(4.0).reshape(1, 4, 1)]
    flat = join(blocks)
    first, second = split(flat, [6, 10])
    assert_allclose(first.reshape(1, 2, 3), blocks[0])
    assert_allclose(second.reshape(1, 4, 1), blocks[1])
    total = lambda x: sum(jnp.sum(p) * k for k, p in enumerate(split(x, [6, 10]), 1))
    assert_allclose(jax.grad(total)(flat), [[1] * 6 + [2] * 4])
