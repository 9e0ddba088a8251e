"""Structure factors and waves: their definition, transpose and strain."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import make_supercell
from matjax.graphs import (
    integer_wave_vectors,
)
from matjax.predictors import Potential
from tests.graphs.networks import (
    Ewald,
    batch,
    crystal,
    other,
    random,
)


def test_structure_factors_are_their_definition_and_waves_their_transpose():
    graph = batch(n_nodes=8, n_graphs=3)
    k = integer_wave_vectors((2, 1, 1))
    h = random((8, 2))
    found = np.asarray(graph.structure_factors(jnp.asarray(h), k))
    for g, c, rows in ((0, crystal(), slice(0, 2)), (1, other(), slice(2, 5))):
        phases = np.exp(-2j * np.pi * k @ np.asarray(c.fractional).T)
        assert_allclose(found[g], phases @ h[rows], atol=1e-12)  # round-off
    assert_allclose(found[2], 0)
    factors = random((3, len(k), 2), 1) + 1j * random((3, len(k), 2), 2)
    waves = graph.from_structure_factors(jnp.asarray(factors), k)
    inner = np.sum(np.asarray(waves) * h)
    assert_allclose(np.sum((factors * found.conj()).real), inner, rtol=1e-12)


def test_the_stress_of_a_crystal_in_reciprocal_space_is_that_of_its_supercell():
    potential = Potential.create(Ewald()).astype(jnp.float64)
    large = make_supercell(crystal(), (2, 1, 1)).crystal
    one, two = potential(crystal()), potential(large)
    assert_allclose(two.energy, 2 * one.energy, rtol=1e-10)
    assert_allclose(two.stress, one.stress, atol=1e-10 * np.abs(one.stress).max())
