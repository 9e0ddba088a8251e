"""Force constants: batches, chunks, tracing; the physics is in the contract tests."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import commensurate_q, make_supercell
from matjax.force_constants import (
    Response,
    force_constant_columns,
    force_constants,
    response,
)
from matjax.graphs import build_graph
from matjax.models.potentials import NequIP
from matjax.predictors import Potential, energy, forces
from tests.force_constants.lattices import fcc, silicon, springs, stillinger_weber

Q = np.random.default_rng(0).uniform(-1, 1, (5, 3))


@pytest.fixture(scope="module")
def potential():
    return stillinger_weber()


@pytest.fixture(scope="module")
def graph(potential):
    return potential.graph(silicon())


def test_force_constants_are_the_folded_hessian_of_a_supercell(potential, graph):
    supercell = make_supercell(silicon(), (2, 1, 2))
    large = potential.graph(supercell.crystal)
    hessian = jax.jit(
        jax.hessian(lambda x: energy(potential, large.replace(positions=x)).sum())
    )(large.positions)
    home = np.flatnonzero((supercell.translation == 0).all(axis=1))
    for q in commensurate_q((2, 1, 2)):
        phases = np.exp(2j * np.pi * supercell.translation @ q)
        expected = np.zeros((2, 3, 2, 3), complex)
        for n, (atom, phase) in enumerate(zip(supercell.atom, phases, strict=True)):
            expected[:, :, atom] += phase * hessian[home][:, :, n]
        # round-off of second derivatives of some 20 eV/Å²
        assert_allclose(
            force_constants(potential, graph, q), expected.reshape(6, 6), atol=1e-10
        )


def test_batches_have_the_shape_of_q_and_the_values_of_single_q(potential, graph):
    batch = force_constants(potential, graph, Q[:4].reshape(2, 2, 3))
    assert batch.shape == (2, 2, 6, 6)
    for i in range(4):
        single = force_constants(potential, graph, Q[i])
        assert_allclose(batch.reshape(4, 6, 6)[i], single, atol=1e-12)  # round-off
    assert force_constants(potential, graph, Q[:0]).shape == (0, 6, 6)


def test_any_batch_gives_the_same_force_constants(potential, graph, monkeypatch):
    whole = force_constants(potential, graph, Q)
    assert response.call_size(graph) == (4, 6)
    for rows, columns in ((1, 6), (3, 4)):  # 4 does not divide the 6 columns
        size = response.CallSize(rows, columns)
        monkeypatch.setattr(response, "call_size", lambda _, size=size: size)
        parts = force_constants(potential, graph, Q)
        assert_allclose(parts, whole, atol=1e-12)  # round-off


@pytest.fixture(scope="module")
def network():
    model = NequIP(
        species=(14, 32), hidden="2x0e + 2x1o", lmax=1, layers=2, basis=3, cutoff=4.0
    )
    crystal = silicon().replace(
        numbers=np.array([14, 32]),
        fractional=np.array([[0.01, 0, 0], [0.25, 0.27, 0.2]]),
    )
    return Potential.create(model).astype(jnp.float64), crystal


@pytest.mark.slow
def test_a_pattern_alone_is_that_among_many(network):
    potential, crystal = network
    graph = potential.graph(crystal, n_nodes=3)
    rng = np.random.default_rng(0)
    u, weights = rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3))

    def number(params, alone):
        column = force_constant_columns(
            potential.replace(params=params), graph, Q[0], u, alone=alone
        )
        return jnp.sum(weights * column).real

    slope = jax.jit(jax.value_and_grad(number), static_argnums=1)
    found, expected = slope(potential.params, True), slope(potential.params, False)
    assert abs(expected[0]) > 0.1
    # round-off, of derivatives of up to some 10 eV/Å²
    jax.tree.map(partial(assert_allclose, rtol=0, atol=1e-11), found, expected)


@pytest.mark.slow
def test_derivatives_of_a_network_s_response_are_finite_differences(network):
    # Once the values that the rules return were of the rules' own kind, and derivatives
    # by parameters and strain lacked what comes through the first layers.
    potential, crystal = network
    graph = potential.graph(crystal, n_nodes=3)
    rng = np.random.default_rng(0)
    weights = jnp.asarray(rng.normal(size=(6, 6)))
    place = (potential.params, graph.positions, graph.cell, jnp.asarray(Q[0]))
    way = jax.tree.map(lambda x: jnp.asarray(0.1 * rng.normal(size=x.shape)), place)

    @jax.jit
    def number(params, positions, cell, q):
        moved = graph.replace(positions=positions, cell=cell)
        matrix = force_constants(potential.replace(params=params), moved, q, n_atoms=2)
        return jnp.sum(weights * (matrix.real + 2 * matrix.imag))

    gradient = jax.jit(jax.grad(number, argnums=(0, 1, 2, 3)))(*place)
    products = jax.tree.map(lambda x, d: jnp.sum(x * d), gradient, way)
    slope = sum(jax.tree.leaves(products))
    h = 1e-5
    ends = [jax.tree.map(lambda x, d, s=s: x + s * d, place, way) for s in (-h, h)]
    below, above = (number(*end) for end in ends)
    # error h² of central differences, and round-off over h
    assert_allclose(slope, (above - below) / (2 * h), rtol=1e-6)


def test_products_of_any_patterns_are_those_of_the_matrix(potential, graph):
    rng = np.random.default_rng(1)
    patterns = rng.normal(size=(7, 2, 3)) + 1j * rng.normal(size=(7, 2, 3))
    q = Q[[0, 0, 0, 0, 1, 2, 0]]
    found = Response(potential, graph, n_atoms=2).columns(q, patterns)
    matrices = force_constants(potential, graph, q)
    expected = np.einsum("qij,qj->qi", matrices, patterns.reshape(7, 6))
    assert_allclose(found.reshape(7, 6), expected, atol=1e-12)  # round-off
    assert Response(potential, graph, 2).columns(q[:0], patterns[:0]).shape == (0, 2, 3)


def test_batches_shrink_as_graphs_grow():
    potential = springs()
    sizes = []
    for n in (1, 4, 8):
        crystal = make_supercell(fcc(), (n, n, n)).crystal
        graph = build_graph(crystal, 4 * potential.cutoff)
        sizes.append(response.call_size(graph))
    assert sizes[0] == (4, 3)
    assert sizes[2] == (1, 1)
    assert sizes[0].rows >= sizes[1].rows >= sizes[2].rows


def test_padding_changes_nothing(potential, graph):
    padded = potential.graph(silicon(), n_nodes=5, degree=graph.degree + 3)
    # round-off
    assert_allclose(
        force_constants(potential, padded, Q, n_atoms=2),
        force_constants(potential, graph, Q),
        atol=1e-12,
    )


def test_inside_jit_the_same_numbers_come_out(potential, graph):
    traced = jax.jit(force_constants)(potential, graph, Q)
    assert isinstance(traced, jax.Array)
    expected = force_constants(potential, graph, Q)
    assert isinstance(expected, np.ndarray)
    assert_allclose(traced, expected, atol=1e-12)  # round-off


def test_derivatives_by_q_and_by_parameters_are_those_of_finite_differences(graph):
    potential, graph = springs(), springs().graph(fcc())

    def number(potential, q):
        return jnp.real(force_constants(potential, graph, q)[..., 0, 1]).sum()

    q, h = jnp.asarray(Q[0]), 1e-5
    slope = jax.jit(jax.grad(number, argnums=1))(potential, q)
    for i, step in enumerate(h * np.eye(3)):
        difference = number(potential, q + step) - number(potential, q - step)
        # error h² of central differences
        assert_allclose(slope[i], difference / (2 * h), rtol=1e-6)
    by_stiffness = jax.jit(jax.grad(number))(potential, q).params["stiffness"]
    # Force constants of springs at rest are proportional to the stiffness; round-off.
    value = number(potential, q)
    assert_allclose(by_stiffness, value / potential.params["stiffness"], rtol=1e-9)


def test_progress_sees_every_call(potential, graph):
    seen = []

    def progress(items, description):
        for item in items:
            seen.append(description)
            yield item

    source = Response(potential, graph, n_atoms=2)
    source(Q, progress=progress)
    # five q of six columns each: two batches of four
    assert seen == ["force constants"] * 2


def test_the_largest_force_is_that_of_the_displaced_atom(potential):
    moved = silicon().replace(fractional=np.array([[0.01, 0, 0], [0.25] * 3]))
    graph = potential.graph(moved)
    expected = np.linalg.norm(forces(potential, graph), axis=1).max()
    assert expected > 0.1
    # round-off
    assert_allclose(Response(potential, graph, 2).max_force(), expected, rtol=1e-12)


def test_float32_stays_float32_and_is_close(potential, graph):
    single = force_constants(
        potential.astype(jnp.float32), graph.astype(jnp.float32), Q
    )
    assert single.dtype == np.complex64
    exact = force_constants(potential, graph, Q)
    assert_allclose(single, exact, atol=2e-4)  # float32 round-off of some 20 eV/Å²
