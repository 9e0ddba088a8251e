"""Loading by name and path, and the safetensors format."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.flax import save_file

from matjax.crystals import Crystal
from matjax.data import LabeledGraphs, in_order, read_dataset
from matjax.errors import WeightsError
from matjax.models.potentials import NequIP, StillingerWeber
from matjax.models.properties import CGCNN
from matjax.predictors import Potential, PropertyPredictor
from matjax.train import compare, mean_absolute_errors, potential_predictions
from matjax.weights import (
    Embedded,
    Shipped,
    checkpoint,
    load_potential,
    load_predictor,
    pretrained,
    save_potential,
    save_predictor,
)

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [n for n, e in pretrained(Shipped).items() if e.kind == "potential"]
SMALL = NequIP(species=(6, 14), hidden="4x0e + 2x1o", lmax=1, layers=2, basis=3)


@pytest.mark.parametrize("name", [*pretrained(Embedded), *SHIPPED])
def test_potentials_of_the_package_load_in_the_default_precision(name):
    assert load_potential(name).dtype == jnp.float64  # the tests run in 64-bit mode
    assert load_potential(name, dtype=jnp.float32).dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_potentials_have_the_errors_of_their_results(name):
    if not os.environ.get("MATJAX_DATA"):
        pytest.skip("the data sets are not here (MATJAX_DATA)")
    element = name.rsplit("-", 1)[1]
    kind = "" if name.startswith("mace") else "_phonons"
    path = ROOT / "experiments" / "results" / f"potential_{element}{kind}.json"
    expected = json.loads(path.read_text())
    potential = load_potential(name, dtype=jnp.float32)
    labels = ("energy", "forces")
    data = read_dataset(f"mlearn/{element.capitalize()}/test", labels)
    graphs = LabeledGraphs(data, potential.cutoff, labels=labels)
    predict = potential_predictions(potential.model, labels)
    batches = (batch for _, batch in in_order(graphs, batch_size=4))
    found = compare(predict, potential.params, batches, labels)
    for key, error in mean_absolute_errors(found).items():
        # float32 sums in the order of another compiler
        assert error == pytest.approx(expected[f"test_{key}"], rel=1e-3)


def test_silicon_has_the_cohesive_energy_of_the_paper():
    # Stillinger and Weber scale ε so that diamond has 4.3363 eV/atom (2ε by design).
    cell = 5.431 / 2 * (1 - np.eye(3))
    silicon = Crystal.create(["Si", "Si"], cell, fractional=[[0] * 3, [0.25] * 3])
    energy = load_potential("stillinger-weber-si")(silicon).energy
    assert energy / 2 == pytest.approx(-2 * 2.1683, abs=1e-4)  # a is rounded


def test_saved_potential_is_read_back_bit_by_bit(tmp_path):
    potential = Potential.create(SMALL, seed=3).astype(jnp.float32)
    path = save_potential(potential, tmp_path / "small.safetensors")
    read = load_potential(path, dtype=jnp.float32)
    assert read.model == potential.model
    assert jax.tree.structure(read) == jax.tree.structure(potential)
    for a, b in zip(jax.tree.leaves(read), jax.tree.leaves(potential), strict=True):
        assert_array_equal(a, b)


def test_saved_property_network_is_read_back_bit_by_bit(tmp_path):
    model = CGCNN(
        species=(6, 14),
        properties=("gap", "modulus"),
        features=3,
        layers=1,
        scale=(1.5, 0.1),
    )
    predictor = PropertyPredictor.create(
        model, ("eV", "GPa"), logarithmic=(False, True), seed=3
    )
    path = save_predictor(predictor, tmp_path / "small.safetensors")
    read = load_predictor(path, dtype=jnp.float32)
    assert jax.tree.structure(read) == jax.tree.structure(predictor)
    for a, b in zip(jax.tree.leaves(read), jax.tree.leaves(predictor), strict=True):
        assert_array_equal(a, b)
    with pytest.raises(ValueError, match="must say format 'matjax-potential-1'"):
        load_potential(path)


def test_saving_does_not_overwrite_unasked(tmp_path):
    potential = Potential.create(StillingerWeber())
    path = save_potential(potential, tmp_path / "si.safetensors")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_potential(potential, path)
    save_potential(potential, path, overwrite=True)


def test_misspelt_name_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean nequix-mp-1-pft"):
        load_potential("nequix-mp-1-ptf")


def test_foreign_endings_and_files_are_refused(tmp_path):
    other = tmp_path / "weights.pt"
    other.write_bytes(b"x")
    with pytest.raises(ValueError, match=r"end in \.nqx or \.safetensors"):
        load_potential(other)
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes(b"\x00" * 40)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_potential(damaged)


def test_safetensors_with_other_arrays_say_what_is_off(tmp_path):
    path = save_potential(
        Potential.create(StillingerWeber()), tmp_path / "a.safetensors"
    )
    from safetensors import safe_open

    with safe_open(str(path), framework="flax") as file:
        metadata = file.metadata()
    del metadata["sha256"]  # as in files written before there was one
    save_file({"epsilon": jnp.zeros(3), "more": jnp.zeros(1)}, str(path), metadata)
    with pytest.raises(ValueError, match=r"extra: more") as error:
        load_potential(path)
    assert "missing: strength" in str(error.value)
    assert "epsilon: " in str(error.value)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "bool", "x", int, "str"])
def test_precision_that_is_none_is_refused(dtype):
    with pytest.raises(ValueError, match="a precision such as float32 or float64"):
        load_potential("lennard-jones-ar", dtype=dtype)


def test_a_saved_ensemble_is_read_back_bit_by_bit(tmp_path):
    model = CGCNN(species=(6, 14), properties=("metal",), features=3, layers=1)
    predictor = PropertyPredictor.create(
        *(model, ("",)), probability=(True,), n_members=3, calibration=(1.7,), seed=3
    )
    path = save_predictor(predictor, tmp_path / "three.safetensors")
    read = load_predictor(path, dtype=jnp.float32)
    assert jax.tree.structure(read) == jax.tree.structure(predictor)
    for a, b in zip(jax.tree.leaves(read), jax.tree.leaves(predictor), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("members", ["2", "0", "many", "99999999"])
def test_an_ensemble_of_another_number_is_refused(tmp_path, members):
    model = CGCNN(species=(6, 14), properties=("gap",), features=3, layers=1)
    predictor = PropertyPredictor.create(model, ("eV",), n_members=3)
    path = save_predictor(predictor, tmp_path / "three.safetensors")
    header, data = checkpoint._parts(path.read_bytes(), path)
    header["__metadata__"][checkpoint.MEMBERS] = members
    del header["__metadata__"][checkpoint.DIGEST]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    with pytest.raises(WeightsError, match=r"members must be|arrays and model"):
        load_predictor(path)
