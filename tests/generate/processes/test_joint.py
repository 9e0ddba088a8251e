"""Crystals as states, and all parts of them together."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, cell_parameters, neighbors
from matjax.generate.processes import (
    CellFlow,
    ElementAbsorbing,
    ElementContinuous,
    JointProcess,
    Parts,
    TorusFlow,
    parts_of,
)
from matjax.graphs import build_graph
from tests.generate import toys

CRYSTAL = Crystal.create(
    [6, 5, 7],
    [[3.1, 0.4, 0.0], [0.2, -3.6, 0.5], [0.1, 0.0, 4.2]],
    fractional=[[0.1, 0.2, 0.3], [1.4, 0.5, 0.6], [0.9, -0.2, 0.1]],
)
PROCESSES = [
    toys.joint(fractional=TorusFlow(), cell=CellFlow()),
    toys.joint(fractional=TorusFlow(), elements=ElementAbsorbing(3)),
    toys.joint(cell=CellFlow(), elements=ElementContinuous(3)),
]


def state_of(process, n_nodes=4):
    return process.encode(build_graph(CRYSTAL, 0.0, n_nodes=n_nodes))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_state_without_noise_is_the_crystal(process):
    decoded = process.decode(state_of(process))
    assert_allclose(decoded.numbers, [6, 5, 7, 0])
    assert_allclose(decoded.fractional[:3], CRYSTAL.fractional % 1, atol=1e-12)
    # The same cell but for a rotation: lengths and angles tell.
    assert_allclose(
        cell_parameters(np.asarray(decoded.cell)),
        cell_parameters(np.asarray(CRYSTAL.cell)),
        rtol=1e-10,
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_noise_comes_to_parts_that_have_a_process_alone(process):
    clean = state_of(process)
    key, time = jax.random.key(0), jnp.asarray(0.9)
    state, noisy = process.corrupt(key, clean, time)
    for name, part in zip(Parts._fields, process.processes, strict=True):
        old, new = getattr(clean, name), getattr(state, name)
        assert bool(jnp.all(old == new)) == (part is None)
    outputs = Parts(
        *(
            x if part is None else jnp.zeros((len(x), {0: 3, 1: 6}.get(k, 3)))
            for k, (x, part) in enumerate(
                zip(state.parts, process.processes, strict=True)
            )
        )
    )
    losses = process.losses(outputs, noisy, time, clean.masks)
    named = {n for n, p in zip(Parts._fields, process.processes, strict=True) if p}
    assert set(losses) == named


def test_times_of_parts_are_powers_of_one():
    process = JointProcess(
        (5, 6, 7), TorusFlow(), CellFlow(), None, 12.0, 0.1, (1.0, 2.0, 1.0)
    )
    assert_allclose(process.times(jnp.asarray(0.5)), [0.5, 0.25, 0])


@pytest.mark.parametrize("elements", [ElementAbsorbing(3), ElementContinuous(3)])
def test_elements_that_are_given_are_those_without_noise_at_time_0(elements):
    process = toys.joint(fractional=TorusFlow(), elements=elements)
    clean, time = state_of(process), jnp.asarray(0.9)
    state, _ = process.corrupt(jax.random.key(0), clean, time)
    seen, times = process.with_elements_given(jnp.asarray(True), state, clean, time)
    assert_allclose(times, [0.9, 0, 0])
    assert_allclose(seen.fractional, state.fractional, rtol=0)
    # What a network sees is what it sees where elements have no process at all.
    given = toys.joint(fractional=TorusFlow())
    assert_allclose(process.shares(seen), given.shares(state_of(given)), rtol=0)
    same, times = process.with_elements_given(jnp.asarray(False), state, clean, time)
    assert_allclose(times, [0.9, 0, 0.9])
    assert_allclose(same.elements, state.elements, rtol=0)


def test_graphs_have_the_edges_and_the_elements_of_the_state():
    volume = abs(np.linalg.det(CRYSTAL.cell)) / 3
    process = dataclasses.replace(PROCESSES[0], volume=volume)
    graph = process.graph(state_of(process), 3.5, 64)
    pairs = neighbors(CRYSTAL, 3.5)
    assert int(graph.edge_mask.sum()) == len(pairs.receivers)
    lengths = np.linalg.norm(graph.edge_vectors()[graph.edge_mask], axis=1)
    expected = CRYSTAL.positions[pairs.senders] - CRYSTAL.positions[pairs.receivers]
    expected = np.linalg.norm(expected + pairs.shifts @ CRYSTAL.cell, axis=1)
    assert_allclose(np.sort(lengths), np.sort(expected), rtol=1e-9)
    assert_allclose(graph.composition[:3, [5, 6, 7]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    assert float(graph.composition[3].sum()) == 0


def test_edges_that_find_no_slot_make_no_number():
    process = PROCESSES[0]
    graph = process.graph(state_of(process), 3.5, 2)
    assert np.isnan(np.asarray(graph.positions)).all()


def test_a_lost_element_is_none():
    process = PROCESSES[1]
    prior = process.prior(jax.random.key(0), state_of(process))
    assert_allclose(process.decode(prior).numbers, 0)
    assert float(process.shares(prior).sum()) == 0


def test_outputs_of_networks_become_parts():
    tensor = jnp.arange(9.0).reshape(1, 3, 3)
    tensor = tensor + tensor.swapaxes(1, 2)
    outputs = {"fractional": jnp.ones((4, 3)), "cell": tensor, "elements": jnp.ones(4)}
    parts = parts_of(outputs)
    assert parts.cell.shape == (1, 6)
    assert_allclose(jnp.sum(parts.cell**2), jnp.sum(tensor**2))


def test_ways_of_atoms_of_one_element_are_shorter_when_they_are_paired():
    crystal = Crystal.create(
        [6] * 4 + [5],
        4.0 * np.eye(3),
        fractional=np.random.default_rng(0).random((5, 3)),
    )

    def length(paired):
        process = toys.joint(fractional=TorusFlow(paired=paired), cell=CellFlow())
        clean = process.encode(build_graph(crystal, 0.0))
        way = lambda key: process.corrupt(key, clean, jnp.asarray(0.5))[1].fractional
        keys = jax.random.split(jax.random.key(0), 64)
        return float(jnp.square(jax.vmap(way)(keys).target).sum())

    assert length(True) < 0.9 * length(False)
