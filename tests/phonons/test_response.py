"""Force constants: batches, chunks, tracing; the physics is in the contract tests."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import build_graph, commensurate_q, make_supercell
from matjax.phonons import Response, force_constants, response
from matjax.physics import energy, forces
from tests.phonons.lattices import fcc, silicon, springs, stillinger_weber

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


def test_any_chunk_gives_the_same_force_constants(potential, graph, monkeypatch):
    whole = force_constants(potential, graph, Q)
    assert response.chunk_size(graph) == 6
    for chunk in (1, 4):  # 4 does not divide the 30 columns
        monkeypatch.setattr(response, "chunk_size", lambda _, chunk=chunk: chunk)
        parts = force_constants(potential, graph, Q)
        assert_allclose(parts, whole, atol=1e-12)  # round-off


def test_chunks_shrink_as_graphs_grow():
    potential = springs()
    sizes = []
    for n in (1, 4, 8):
        crystal = make_supercell(fcc(), (n, n, n)).crystal
        graph = build_graph(crystal, 4 * potential.cutoff)
        columns = response.chunk_size(graph)
        size = graph.senders.size * response.EDGE_REALS * 8 * columns
        assert size <= response.MEMORY or columns == 1
        sizes.append(columns)
    assert sizes[0] == 3
    assert sizes[-1] == 1


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
    assert seen == ["force constants"] * len(Q)


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
