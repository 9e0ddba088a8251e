"""Symmetry functions are DScribe's, and their slopes those of differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.descriptors import SymmetryFunctions, acsf, usual_functions
from matjax.graphs import build_graph
from tests.descriptors import oracle

CUTOFF = 4.5


def of_crystals(crystals, functions):
    graph = build_graph(crystals, CUTOFF)
    run = jax.jit(lambda g: acsf(g, oracle.SPECIES, CUTOFF, functions))
    return np.asarray(run(graph))[np.asarray(graph.node_mask)]


def test_values_are_those_of_dscribe():
    crystals = oracle.crystals()
    found = of_crystals(crystals, oracle.functions())
    expected = [oracle.symmetry_functions(k) for k in range(len(crystals))]
    # Nine digits are kept of theirs.
    assert_allclose(found, np.concatenate(expected), atol=2e-9)


@pytest.mark.parametrize("zeta", [4.0, 1.5])
def test_slopes_are_those_of_differences(zeta):
    functions = SymmetryFunctions(
        ((1.0, 0.5),), ((0.05, zeta, -1.0),), ((0.1, zeta, 1.0),)
    )
    crystal = oracle.crystals()[1]
    graph = build_graph(crystal, CUTOFF)
    weights = np.random.default_rng(0).normal(
        size=(graph.n_nodes, functions.size(len(oracle.SPECIES)))
    )

    @jax.jit
    def value(positions):
        moved = graph.replace(positions=positions)
        return jnp.sum(weights * acsf(moved, oracle.SPECIES, CUTOFF, functions))

    direction = np.random.default_rng(1).normal(size=graph.positions.shape)
    slope = jnp.sum(jax.grad(value)(graph.positions) * direction)
    step = 1e-4
    ends = [value(graph.positions + s * step * direction) for s in (1, -1)]
    assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)  # third order


def test_the_usual_functions_reach_from_the_core_to_the_cutoff():
    functions = usual_functions(CUTOFF, 8)
    eta, shift = np.array(functions.radial).T
    assert len(eta) == 8
    assert_allclose(shift[:4], 0)
    assert np.all(np.diff(shift[4:]) > 0)
    assert shift[-1] < CUTOFF
    found = of_crystals(oracle.crystals()[:1], functions)
    assert found.shape[1] == functions.size(3)
    assert np.isfinite(found).all()
    assert np.all(found.std(axis=0)[found.max(axis=0) > 0.1] > 0)


def test_an_atom_without_neighbors_has_zeros_and_finite_slopes():
    crystal = oracle.crystals()[0]
    graph = build_graph(crystal, 0.5)
    functions = oracle.functions()

    @jax.jit
    def total(positions):
        moved = graph.replace(positions=positions)
        return acsf(moved, oracle.SPECIES, 0.5, functions).sum()

    assert total(graph.positions) == 0
    assert np.isfinite(jax.grad(total)(graph.positions)).all()
