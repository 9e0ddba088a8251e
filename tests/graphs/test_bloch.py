"""Bloch rules: networks respond at any q like the infinite crystal."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import commensurate_q, make_supercell
from matjax.force_constants import force_constant_columns
from matjax.graphs import bloch, build_graph
from matjax.numerics import safe_norm
from matjax.predictors import Potential, forces
from tests.graphs.networks import CUTOFF, MATRIX, Messages, crystal, graph_of

Q = np.array([0.13, -0.41, 0.27])


def random(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def complex_tangent(function, at, tangent):
    """Forward derivative along a complex direction, as phonons take it."""
    parts = jnp.stack([tangent.real, tangent.imag])
    respond = jax.vmap(
        lambda t: jax.jvp(function, (jnp.asarray(at),), (t,))[1],
        axis_name=bloch.AXIS,
    )
    real, imaginary = respond(parts)
    return np.asarray(real) + 1j * np.asarray(imaginary)


def test_tangents_of_gather_and_of_its_transpose_are_adjoint_with_bloch_phases():
    graph = graph_of(crystal())
    n_edges = graph.senders.size
    phases = 2 * np.pi * np.asarray(graph.shifts) @ Q
    graph = graph.replace(phases=jnp.asarray(phases))
    nodes = random((graph.n_nodes, 2), 4) + 1j * random((graph.n_nodes, 2), 5)
    edges = random((n_edges, 2), 6) + 1j * random((n_edges, 2), 7)

    def forward(values):  # as the forces see it: inside a reverse derivative
        return jax.vjp(graph.gather, values)[0]

    gathered = complex_tangent(forward, np.zeros_like(nodes.real), nodes)
    expected = np.exp(1j * phases)[:, None] * nodes[graph.senders]
    assert_allclose(gathered, expected, rtol=1e-12)  # round-off

    def transpose(cotangent):
        return jax.vjp(graph.gather, jnp.zeros_like(nodes.real))[1](cotangent)[0]

    scattered = complex_tangent(transpose, np.zeros_like(edges.real), edges)
    assert_allclose(np.vdot(edges, gathered), np.vdot(scattered, nodes), rtol=1e-12)


@pytest.fixture(scope="module")
def potential():
    return Potential.create(Messages())


@pytest.fixture(scope="module")
def hessian_blocks(potential):
    """H[i0, jR] of a supercell, (i, cell, j, 3, 3), and its supercell record."""
    supercell = make_supercell(crystal(), MATRIX)
    graph = build_graph(supercell.crystal, CUTOFF, n_nodes=8)

    def home_forces(positions):
        return -forces(potential, graph.replace(positions=positions))[:2]

    hessian = jax.jit(jax.jacrev(home_forces))(graph.positions)
    blocks = np.asarray(hessian).reshape(2, 3, 4, 2, 3).transpose(0, 2, 3, 1, 4)
    return blocks, supercell


@pytest.fixture(scope="module")
def force_constants(potential):
    """Φ(q), (6, 6), from columns of the primitive cell."""
    graph = graph_of(crystal())
    unit = jnp.eye(6, dtype=complex).reshape(6, 2, 3)

    @jax.jit
    def matrix(q):
        columns = jax.vmap(lambda u: force_constant_columns(potential, graph, q, u))
        return columns(unit).reshape(6, 6).T

    return matrix


def test_force_constants_are_the_folded_hessian_of_a_supercell(
    hessian_blocks, force_constants
):
    blocks, supercell = hessian_blocks
    cells = supercell.translation[::2]
    for q in commensurate_q(supercell.matrix):
        phases = np.exp(2j * np.pi * cells @ q)
        folded = np.einsum("irjab,r->iajb", blocks, phases).reshape(6, 6)
        # round-off of sums over 60 edges
        scale = np.abs(folded).max()
        assert_allclose(force_constants(q), folded, rtol=0, atol=1e-9 * scale)


def test_response_reaches_past_the_cutoff(hessian_blocks):
    # Otherwise the test above would not see the phases of the second layer.
    blocks, supercell = hessian_blocks
    ends = supercell.crystal.positions.reshape(4, 2, 3)
    larger = supercell.crystal.cell
    wraps = np.array(list(np.ndindex(3, 3, 3))) - 1
    apart = ends[:, None] + (wraps @ larger)[None, :, None] - ends[0, 0]
    nearest = np.linalg.norm(apart, axis=-1).min(axis=1)
    beyond = nearest > CUTOFF
    assert beyond.any()
    assert np.abs(blocks[0][beyond]).max() > 1e-3 * np.abs(blocks).max()


def test_force_constants_are_hermitian_and_conjugate_at_minus_q(force_constants):
    matrix = np.asarray(force_constants(Q))
    scale = np.abs(matrix).max()
    assert_allclose(matrix, matrix.conj().T, atol=1e-12 * scale)  # round-off
    assert_allclose(force_constants(-Q), matrix.conj(), atol=1e-12 * scale)


def test_translations_cost_no_force_at_the_zone_center(force_constants):
    matrix = np.asarray(force_constants(np.zeros(3)))
    shift = np.tile(np.eye(3), (2, 1))
    assert_allclose(matrix @ shift, 0, atol=1e-12 * np.abs(matrix).max())  # round-off


def test_force_constants_are_periodic_up_to_the_sublattice_phase(force_constants):
    # Φ(q) of lattice-vector phases, not of atom positions: periodic without a factor.
    matrix = np.asarray(force_constants(Q))
    shifted = force_constants(Q + np.array([1, -2, 0]))
    assert_allclose(shifted, matrix, atol=1e-10 * np.abs(matrix).max())  # large phases


@pytest.mark.slow
def test_derivatives_of_the_response_are_those_of_finite_differences(potential):
    """With respect to q, the atoms' positions and the parameters."""
    graph = graph_of(crystal())
    u = jnp.asarray(random((2, 3), 8) + 1j * random((2, 3), 9))
    v = jnp.asarray(random((2, 3), 10) + 1j * random((2, 3), 11))

    @jax.jit
    def strength(q, positions, params):
        column = force_constant_columns(
            potential.replace(params=params), graph.replace(positions=positions), q, u
        )
        return jnp.sum(v * column).real

    at = (jnp.asarray(Q), graph.positions, potential.params)
    gradient = jax.jit(jax.grad(strength, argnums=(0, 1, 2)))(*at)
    h = 1e-5
    for i in range(3):
        along = jax.tree.map(lambda x: random(x.shape, x.size), at[i])
        ahead = strength(*at[:i], moved(at[i], along, h), *at[i + 1 :])
        behind = strength(*at[:i], moved(at[i], along, -h), *at[i + 1 :])
        found = jax.tree.map(lambda g, t: jnp.sum(g * t), gradient[i], along)
        found = sum(jax.tree.leaves(found))
        # h² times the third derivative, and round-off / h
        assert_allclose(found, (ahead - behind) / (2 * h), rtol=1e-6)


def moved(tree, along, step):
    return jax.tree.map(lambda x, t: x + step * t, tree, along)


class Linear(nn.Module):
    """Messages whose cotangents no position moves: the last layer is linear."""

    cutoff: float = CUTOFF
    species: tuple[int, ...] = (8, 14)

    @nn.compact
    def __call__(self, graph):
        weights = self.param("weights", nn.initializers.normal(1.0), (3,))
        r = safe_norm(graph.edge_vectors())[:, None]
        envelope = jnp.where(r < self.cutoff, 1 - (r / self.cutoff) ** 2, 0) ** 3
        h = graph.scatter(envelope * jnp.cos(jnp.arange(1.0, 4.0) * r))
        return graph.scatter(graph.gather(jnp.tanh(h)) @ weights)


@pytest.mark.parametrize("model", [Linear(), Messages()])
def test_response_has_derivatives_of_both_modes_in_q_positions_and_parameters(model):
    """Embeddings that no atom moves once escaped the inner rules and met outer ones."""
    potential = Potential.create(model)
    graph = graph_of(crystal())
    u, v = (
        jnp.asarray(random((2, 3), k) + 1j * random((2, 3), k + 1)) for k in (8, 10)
    )

    def projected(arguments):
        q, positions, params = arguments
        column = force_constant_columns(
            potential.replace(params=params), graph.replace(positions=positions), q, u
        )
        return jnp.sum(v * column).real

    point = (jnp.asarray(Q), graph.positions, potential.params)
    along = jax.tree.map(lambda x: jnp.asarray(random(x.shape, x.size)), point)
    moved = lambda h: jax.tree.map(lambda x, t: x + h * t, point, along)
    value = jax.jit(projected)
    difference = (value(moved(1e-5)) - value(moved(-1e-5))) / 2e-5
    forward = jax.jit(lambda t: jax.jvp(projected, (point,), (t,))[1])(along)
    gradient = jax.jit(jax.grad(projected))(point)
    reverse = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, along)))
    # Central differences: h² times third derivatives of some 1e3.
    assert_allclose(forward, difference, rtol=1e-6)
    assert_allclose(reverse, forward, rtol=1e-10)
