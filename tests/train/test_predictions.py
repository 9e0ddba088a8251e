"""Tensors of atoms and spectra of crystals are learned as any other label."""

import csv
import json

import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

import matjax.models
from matjax.data import LabeledGraphs, in_order, read_dataset
from matjax.models import Registered
from matjax.predictors import PropertyPredictor
from matjax.train import (
    Term,
    TrainState,
    compare,
    make_train_step,
    mean_absolute_errors,
    property_predictions,
)
from matjax.weights import load_predictor, save_predictor
from tests.train.local import CUTOFF, LABELS, Local, dataset, example


@pytest.fixture(scope="module")
def trained():
    graphs = LabeledGraphs(dataset(range(24)), CUTOFF, labels=LABELS)
    predictor = PropertyPredictor.create(Local(), LABELS).astype(jnp.float64)
    terms = [Term(LABELS[0], 1.0, "mse"), Term(LABELS[1], 1.0, "mse")]
    optimizer = optax.adam(optax.cosine_decay_schedule(0.1, 1000))
    step = jax.jit(
        make_train_step(property_predictions(predictor.model), terms, optimizer)
    )
    state = TrainState.create(predictor.params, optimizer)
    batches = [batch for _, batch in in_order(graphs, batch_size=8, dtype=np.float64)]
    for k in range(1000):
        state, report = step(state, batches[k % len(batches)])
    assert report.finite
    return predictor.replace(params=state.params)


def test_a_tensor_of_atoms_and_a_spectrum_are_learned(trained):
    unseen = LabeledGraphs(dataset(range(100, 108)), CUTOFF, labels=LABELS)
    predict = property_predictions(trained.model)
    batches = (batch for _, batch in in_order(unseen, batch_size=3, dtype=np.float64))
    found = compare(predict, trained.params, batches, LABELS)
    n_atoms = sum(e.crystal.n_atoms for e in unseen.dataset.examples)
    assert found["crowding"].expected.shape == (9 * n_atoms,)
    for pair in found.values():
        error = np.abs(pair.predicted - pair.expected).mean()
        # A twentieth of the spread: the radial functions can nearly make the labels.
        assert error < 0.05 * pair.expected.std()
    names = mean_absolute_errors(found, LABELS).keys()
    assert names == {"crowding_mae_A2", "distances_mae_1_per_A"}


def test_predictions_of_a_turned_crystal_are_turned(trained):
    crystal = example(200).crystal
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = crystal.replace(cell=crystal.cell @ turn.T)
    one, other = trained([crystal, turned])
    expected = turn @ one["crowding"] @ turn.T
    assert_allclose(other["crowding"], expected, atol=1e-10)  # round-off
    assert_allclose(other["distances"], one["distances"], atol=1e-10)
    assert one.units == {"crowding": "Å²", "distances": "1/Å"}


def test_each_crystal_of_a_batch_has_its_own_atoms(trained):
    crystals = [example(s).crystal for s in (300, 301, 302)]
    together = trained(crystals)
    for crystal, found in zip(crystals, together, strict=True):
        alone = trained(crystal)
        assert_allclose(found["crowding"], alone["crowding"], atol=1e-12)  # round-off
        assert_allclose(found["distances"], alone["distances"], atol=1e-12)


def test_kinds_of_labels_are_saved_with_the_weights(trained, tmp_path, monkeypatch):
    registry = matjax.models.MODELS | {
        "local": Registered("property", "tests.train.local", "Local")
    }
    monkeypatch.setattr(matjax.models, "MODELS", registry)
    path = save_predictor(trained, tmp_path / "local.safetensors")
    again = load_predictor(path)
    assert again.labels == trained.labels
    crystal = example(7).crystal
    assert_allclose(again(crystal)["crowding"], trained(crystal)["crowding"])


def test_tensors_and_spectra_are_read_from_frames(tmp_path):
    made = [example(s) for s in (1, 2)]
    frames = []
    for each in made:
        atoms = each.crystal.to_ase()
        atoms.set_array("crowding", each.labels["crowding"].reshape(-1, 9))
        atoms.info["distances"] = each.labels["distances"]
        frames.append(atoms)
    ase.io.write(tmp_path / "local.extxyz", frames)
    data = read_dataset(tmp_path / "local.extxyz", LABELS)
    assert_labels(data, made, 1e-7)  # digits of the file


def test_tensors_and_spectra_are_read_from_tables(tmp_path):
    made = [example(s) for s in (1, 2)]
    with (tmp_path / "values.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "crowding", "distances"])
        for k, each in enumerate(made):
            ase.io.write(tmp_path / f"{k}.cif", each.crystal.to_ase())
            table.writerow(
                [k, *(json.dumps(each.labels[x.name].tolist()) for x in LABELS)]
            )
    assert_labels(read_dataset(tmp_path, LABELS), made, 0)


def assert_labels(data, made, tolerance):
    for got, each in zip(data.examples, made, strict=True):
        for label in LABELS:
            found, expected = got.labels[label.name], each.labels[label.name]
            assert_allclose(found, expected, atol=tolerance, rtol=tolerance)
