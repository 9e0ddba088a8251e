"""Key tables of matgl's networks: each parameter of ours has one line."""

from __future__ import annotations

import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from numpy.testing import assert_array_equal

from matjax.models.potentials import M3GNet, TensorNet
from matjax.models.properties import M3GNetProperties, MEGNet
from matjax.predictors import parameter_shapes
from matjax.weights.matgl_lines import (
    lstm_lines,
    m3gnet_lines,
    megnet_lines,
    potential_lines,
    property_lines,
    tensornet_lines,
)

M3GNET = {"species": (8, 14), "features": 4, "units": 3, "layers": 2}
WIDTHS = {"dense_widths": (3, 4), "exchange_widths": (3, 4), "head": (2,)}
TABLES = {
    "m3gnet": (
        M3GNet(**M3GNET),
        lambda model: m3gnet_lines(model) + potential_lines(),
    ),
    "m3gnet_properties": (
        M3GNetProperties(**M3GNET, properties=("gap",), readout_layers=2),
        lambda model: m3gnet_lines(model) + property_lines(model),
    ),
    "tensornet": (
        TensorNet(species=(8, 14), channels=4, layers=2),
        lambda model: tensornet_lines(model) + potential_lines(),
    ),
    "megnet": (
        MEGNet(species=(8, 14), properties=("gap",), blocks=2, **WIDTHS),
        lambda model: megnet_lines(model, has_states=False),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_parameter_is_made_once(name):
    model, table = TABLES[name]
    lines = [line.parameter for line in table(model)]
    assert len(lines) == len(set(lines))
    assert set(lines) == flatten_dict(parameter_shapes(model)).keys()


def test_outputs_by_channel_become_outputs_by_irrep():
    model = TABLES["tensornet"][0]
    place = ("layer_0", "radial", "layer_2", "bias")
    line = next(x for x in tensornet_lines(model) if x.parameter == place)
    theirs = np.array([[10 * c + k for k in range(3)] for c in range(4)]).ravel()
    expected = np.array([[10 * c + k for c in range(4)] for k in range(3)]).ravel()
    assert_array_equal(line.make(theirs), expected)


def test_inputs_of_one_matrix_are_told_apart():
    model = TABLES["megnet"][0]
    lines = {x.parameter: x for x in megnet_lines(model, has_states=False)}
    weight = np.repeat(np.arange(4), 4)[None]  # sender, receiver, bond and state
    for name, value in (("neighbor", 0), ("center", 1), ("bond", 2), ("state", 3)):
        made = lines["block_0", name, "kernel"].make(weight)
        assert_array_equal(made, np.full((4, 1), value))
    weight = np.repeat(np.arange(3), 4)[None]  # atom, mean of its bonds, state
    made = lines["block_0", "to_atoms", "layer_0", "kernel"].make(weight)
    assert_array_equal(made[::4, 0], [1, 0, 2])


def test_biases_of_an_lstm_are_added():
    bias = next(x for x in lstm_lines(("a",), "b", 1) if x.parameter[-1] == "bias")
    assert bias.sources == ("b.bias_ih_l1", "b.bias_hh_l1")
    assert_array_equal(bias.make(np.ones(4), 2 * np.ones(4)), 3 * np.ones(4))
