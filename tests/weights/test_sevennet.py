"""Published weights of SevenNet-0: the original's numbers; files that are not right."""

from __future__ import annotations

import gzip
import json
import re

import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.predictors import evaluate, parameter_shapes
from matjax.units import GPA
from matjax.weights import PRETRAINED, load_potential, read_sevennet
from matjax.weights.sevennet import key_table, take_constants
from tests.weights.damaged_files import HUGE, refused
from tests.weights.placed_files import MODELS, STRUCTURES, is_placed, placed
from tests.weights.sevennet_files import CHANNELS, SETTINGS, arrays, paths, shapes

ENTRY = PRETRAINED["sevennet-0"]
REFERENCE = STRUCTURES.with_name("sevennet0.json.gz")
needs_weights = pytest.mark.skipif(
    not REFERENCE.is_file() or not is_placed("sevennet-0"),
    reason="published weights or their reference values are not on this machine",
)
SMALL = (4, 14)  # three and four atoms; the second one displaced and strained


@needs_weights
@pytest.mark.parametrize("places", [SMALL, pytest.param(None, marks=pytest.mark.slow)])
def test_published_weights_give_the_numbers_of_the_original_code(places, monkeypatch):
    monkeypatch.setenv("MATJAX_MODELS", str(MODELS))
    with gzip.open(REFERENCE, "rt") as file:
        predicted = json.load(file)["pred"]
    every = ase.io.read(STRUCTURES, ":")
    places = range(len(every)) if places is None else places
    crystals = [Crystal.from_ase(every[k]) for k in places]
    potential = load_potential("sevennet-0", dtype=jnp.float64)
    graph = potential.graph(crystals)
    result = jax.device_get(jax.jit(evaluate)(potential, graph))
    start = 0
    for row, (place, crystal) in enumerate(zip(places, crystals, strict=True)):
        atoms = slice(start, start := start + crystal.n_atoms)
        record = predicted[place]
        # The original computes in float32.
        assert_allclose(
            result.energy[row] / crystal.n_atoms,
            record["e"] / crystal.n_atoms,
            atol=1e-5,
            rtol=0,
        )
        assert_allclose(result.forces[atoms], record["f"], atol=1e-4, rtol=0)
        voigt = result.stress[row][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        assert_allclose(voigt * GPA, np.array(record["s"]) * GPA, atol=1e-3, rtol=0)


def read(tmp_path, given=None, settings=SETTINGS):
    return read_sevennet(
        placed(tmp_path, arrays() if given is None else given, settings), ENTRY
    )


def test_file_describes_the_network(tmp_path):
    model = read(tmp_path).model
    assert model.species == (8, 12)
    assert model.hidden == "4x0e + 3x1e + 2x2e"
    assert (model.neighbors, model.scale, model.xplor) == (25.0, 1.5, 3.5)
    assert not model.parity


def test_every_number_of_a_file_counts_once(tmp_path):
    """Each parameter is linear in each array: another number moves one parameter."""
    given, model = arrays(), read(tmp_path).model
    signs = take_constants(model, dict(given), tmp_path)
    lines = key_table(model, parameter_shapes(model), signs)
    for name in shapes():
        used = np.zeros(given[name].size)
        for k in range(used.size):
            other = given[name].copy()
            other.flat[k] += 1
            for line in lines:
                if name in line.sources:
                    before, after = (
                        line.make(*({**given, name: x}[s] for s in line.sources))
                        for x in (given[name], other)
                    )
                    used[k] += not np.allclose(before, after, rtol=0, atol=1e-6)
        assert (used == 1).all(), name


def test_signs_of_wigner_symbols_turn_the_radial_weights_of_their_paths(tmp_path):
    """Older releases of e3nn have some with the other sign than ours."""
    given = arrays()
    before = read(tmp_path, given).params
    degrees = (1, 2, 2)
    place = "1_convolution.convolution._compiled_main_left_right._w3j_1_2_2"
    given[place] = -given[place]
    start = 0
    for path in paths(1):
        stop = start + CHANNELS[path[0]]
        if path == degrees:
            given["1_convolution.weight_nn.layer1.weight"][:, start:stop] *= -1
        start = stop
    after = read(tmp_path, given).params
    jax.tree.map(np.testing.assert_array_equal, before, after)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("0_self_interaction_2.linear.weight", None, "missing: 0_self_interaction_2"),
        ("0_self_interaction_2.linear.weight", np.zeros(55), "shapes do not fit"),
        ("1_convolution.weight_nn.layer1.weight", np.zeros((5, 41)), "do not fit"),
        ("rescale_atomic_energy.scale", np.array([1.0, 2.0]), "must hold one number"),
        ("2_convolution.denominator", np.array([6.0]), "must hold one number"),
        ("2_convolution.denominator", None, "must hold one number"),
        ("onehot_to_feature_x.linear.bias", np.zeros(4), "extra: onehot_to_feature_x"),
        ("more", np.zeros(2), "extra: more"),
        ("0_self_connection_intro.linear.output_mask", np.ones(28), "not what"),
        ("1_self_interaction_1.linear.output_mask", np.zeros(4), "not what"),
        ("rescale_atomic_energy.shift", np.full(2, np.inf), "not finite"),
    ],
)
def test_arrays_that_are_not_those_of_the_settings_are_named(
    tmp_path, name, array, message
):
    given = {**arrays(), name: array}
    given = {key: value for key, value in given.items() if value is not None}
    told = refused(
        lambda path: read_sevennet(path, ENTRY), placed(tmp_path, given, SETTINGS)
    )
    assert re.search(message, told)


def test_symbols_that_are_no_wigner_symbols_are_refused(tmp_path):
    given = arrays()
    place = "1_convolution.convolution._compiled_main_left_right._w3j_1_1_1"
    given[place] = given[place] * 1.1
    with pytest.raises(ValueError, match="_w3j_1_1_1 is not what the settings say"):
        read(tmp_path, given)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("version", v) for v in ("0.11.0", None)),
        *(("is_parity", v) for v in (True, None)),
        *(("self_connection_type", v) for v in ("nequip",)),
        *(("num_convolution_layer", v) for v in (2, 0, HUGE)),
        *(("irreps_manual", v) for v in (["4x0e"] * 2, ["4x0e", "3x0e", "4x0e"], None)),
        *(("_type_map", v) for v in ({"8": 0, "12": 2}, {"O": 0}, {"8": "0"}, None)),
        *(("cutoff", v) for v in (0, -1, 1e6, "6", 3.0)),
        *(("radial_basis", v) for v in ({}, {"radial_basis_name": "gaussian"})),
        *(("cutoff_function", v) for v in ({"cutoff_function_name": "poly_cut"},)),
        *(("act_radial", v) for v in ("tanh",)),
        *(("readout_as_fcn", v) for v in (True,)),
    ],
)
def test_settings_that_our_network_does_not_have_are_refused(tmp_path, key, value):
    settings = {**SETTINGS, key: value}
    with pytest.raises(ValueError, match=r"weights\.(config\.json|npz)"):
        read(tmp_path, settings=settings)
