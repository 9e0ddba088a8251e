"""Outputs of potentials beside energies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import CHGNet, LennardJones
from matjax.predictors import Potential, other_outputs
from tests.models.potentials.small_chgnet import SMALL


def test_magnetic_moments_come_by_name_and_unit_for_the_atoms_of_each_crystal():
    potential = Potential.create(CHGNet(**SMALL)).astype(jnp.float64)
    crystals = [
        Crystal.create(numbers, 3.1 * np.eye(3), fractional=sites)
        for numbers, sites in (
            ([12, 8], [[0, 0, 0], [0.5, 0.4, 0]]),
            ([8], [[0, 0, 0]]),
        )
    ]
    graph = potential.graph(crystals)
    moments = jax.jit(
        lambda params, graph: potential.model.apply(
            {"params": params}, graph, method="magnetic_moments"
        )
    )(potential.params, graph)
    found = other_outputs(potential).of_graph(graph)
    assert [x.units for x in found] == [{"magmoms": "μB"}] * 2
    # The same function, compiled with other outputs: float64 round-off.
    assert_allclose(found[0]["magmoms"], moments[:2], rtol=1e-10)
    assert_allclose(found[1]["magmoms"], moments[2:3], rtol=1e-10)
    assert (np.asarray(moments[:3]) > 0).all()


def test_potentials_of_energies_alone_are_refused():
    with pytest.raises(ValueError, match="LennardJones has none"):
        other_outputs(Potential.create(LennardJones()))
