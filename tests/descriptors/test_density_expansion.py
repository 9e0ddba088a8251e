"""Coefficients of a density: sums of radial functions and harmonics, by element."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.descriptors import density_coefficients
from matjax.graphs import build_graph


def test_coefficients_of_one_neighbor_have_the_length_of_its_radial_function():
    crystal = Crystal.create(
        [8, 14], 9 * np.eye(3), positions=[[0, 0, 0], [0.7, -0.4, 1.1]]
    )
    graph = build_graph(crystal, 2.0)
    radial = jnp.asarray(
        np.random.default_rng(0).normal(size=(len(graph.edge_mask), 2, 4))
    )
    found = density_coefficients(graph, (8, 14), radial)
    slot = int(np.flatnonzero(graph.edge_mask)[0])
    for degree, values in enumerate(found):
        assert values.shape == (graph.n_nodes, 2, 2, 2 * degree + 1)
        assert_allclose(values[0, 0], 0)  # oxygen's neighbor is silicon
        # Unsöld: Σ_m Y_lm² = (2l + 1)/4π.
        lengths = np.square(values[0, 1]).sum(axis=-1)
        expected = np.square(radial[slot, :, degree]) * (2 * degree + 1) / (4 * np.pi)
        assert_allclose(lengths, expected, rtol=1e-10)


def test_the_atom_itself_adds_to_its_own_element():
    crystal = Crystal.create([14], 9 * np.eye(3), positions=[[0.0, 0, 0]])
    graph = build_graph(crystal, 2.0)
    radial = jnp.zeros((len(graph.edge_mask), 3, 2))
    own = jnp.array([1.0, 2.0, 3.0])
    found = density_coefficients(graph, (8, 14), radial, own=own)
    assert_allclose(found[0][0, 1, :, 0], own / np.sqrt(4 * np.pi))
    assert_allclose(found[0][0, 0], 0)
    assert_allclose(found[1], 0)
