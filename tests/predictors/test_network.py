"""What potentials and property networks share: graphs, precision, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.graphs import build_graph
from matjax.models.potentials import StillingerWeber
from matjax.models.properties import CGCNN
from matjax.predictors import Potential, PropertyPredictor, parameter_shapes
from matjax.predictors.network import initial_parameters
from tests.force_constants.lattices import silicon

NETWORK = CGCNN((14,), ("gap",), cutoff=5.0, n_nearest=4, features=3, layers=1)


def networks():
    predictor = PropertyPredictor.create(NETWORK, ("eV",))
    return Potential.create(StillingerWeber()), predictor


def test_graphs_have_the_neighbors_and_the_precision_of_the_network():
    for network, n_nearest in zip(networks(), (None, 4), strict=True):
        single = network.astype(jnp.float32)
        found = single.graph([silicon(), silicon()], parts=1)
        expected = build_graph(
            [silicon()] * 2,
            network.cutoff,
            n_nearest=n_nearest,
            parts=1,
            dtype=np.float32,
        )
        assert single.dtype == found.positions.dtype == jnp.float32
        jax.tree.map(assert_array_equal, found, expected)


def test_unknown_elements_are_refused_by_name():
    foreign = silicon().replace(numbers=np.array([14, 92]))
    for network, noun in zip(networks(), ("potential", "predictor"), strict=True):
        message = f"the {noun} knows Si; the crystal holds U: choose another {noun}"
        with pytest.raises(ValueError, match=message):
            network.require_species(foreign)


def test_shapes_of_parameters_are_known_before_they_are():
    shapes = parameter_shapes(NETWORK)
    params = initial_parameters(NETWORK, seed=1)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(lambda x: x.shape, shapes)
    other = initial_parameters(NETWORK, seed=2)
    assert not np.allclose(params["readout"]["kernel"], other["readout"]["kernel"])
