"""Reference energies, scales and shapes against what the data were made from."""

import dataclasses
import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import neighbors
from matjax.data import (
    Dataset,
    LabeledGraphs,
    dataset_statistics,
    describe,
    reference_energies,
)
from matjax.graphs import Shape
from tests.data.examples import random_dataset

TRUE = {8: -4.2, 14: -5.1}


def labeled(dataset, energy):
    """The same examples with energies that are functions of the crystal."""
    examples = [
        dataclasses.replace(e, labels={**e.labels, "energy": float(energy(e, i))})
        for i, e in enumerate(dataset.examples)
    ]
    return Dataset(tuple(examples), dataset.name, dataset.fingerprint)


def ideal(example, _=None):
    return sum(TRUE[int(z)] for z in example.crystal.numbers)


def test_energies_of_free_atoms_are_found_exactly(caplog):
    dataset = labeled(random_dataset(12), ideal)
    references = reference_energies(dataset.examples)
    assert list(references.energies) == [8, 14]
    # Round-off of the least squares.
    assert_allclose(list(references.energies.values()), [-4.2, -5.1], atol=1e-12)
    assert references.rms < 1e-12
    assert not caplog.records


def test_one_composition_shares_its_energy_with_the_least_norm():
    dataset = random_dataset(8, n_atoms=2)
    water = [
        dataclasses.replace(e, crystal=e.crystal.replace(numbers=np.array([8, 14])))
        for e in dataset.examples
    ]
    dataset = labeled(Dataset(tuple(water), "x", "x"), ideal)
    references = reference_energies(dataset.examples)
    assert_allclose(list(references.energies.values()), [-4.65, -4.65], atol=1e-12)


def test_residuals_are_noise_of_the_energies_per_atom():
    noise = 0.1 * np.random.default_rng(0).normal(size=400)
    dataset = labeled(
        random_dataset(400), lambda e, i: ideal(e) + noise[i] * e.crystal.n_atoms
    )
    references = reference_energies(dataset.examples)
    # Errors of a mean over 200 examples are 0.1/√200.
    assert_allclose(list(references.energies.values()), [-4.2, -5.1], atol=0.03)
    assert_allclose(references.rms, noise.std(), rtol=0.01)


def test_mixed_references_are_warned_of_with_the_frames(caplog):
    noise = 0.2 * np.random.default_rng(1).normal(size=30)
    other = {4, 11, 12}

    def energy(example, i):
        shift = -40.0 if i in other else 0.0
        return ideal(example) + (noise[i] + shift) * example.crystal.n_atoms

    with caplog.at_level(logging.WARNING, logger="matjax.train"):
        reference_energies(labeled(random_dataset(30), energy).examples)
    (record,) = caplog.records
    message = record.getMessage()
    assert "several references" in message
    assert "3 and 27 of 30 frames" in message
    assert "random#4, random#11, random#12" in message


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential"])
def test_wide_distributions_of_energies_are_not_taken_for_mixed(caplog, kind):
    noise = 3 * getattr(np.random.default_rng(2), kind)(size=200)
    dataset = labeled(
        random_dataset(200), lambda e, i: ideal(e) + noise[i] * e.crystal.n_atoms
    )
    reference_energies(dataset.examples)
    assert not caplog.records


def test_statistics_are_those_of_plain_counting():
    dataset = random_dataset(9)
    graphs = LabeledGraphs(dataset, 4.0, labels=("energy", "forces", "gap"))
    found = dataset_statistics(graphs)
    crystals = [e.crystal for e in dataset.examples]
    n_atoms = sum(c.n_atoms for c in crystals)
    lists = [neighbors(c, 4.0) for c in crystals]
    n_edges = sum(len(edges.receivers) for edges in lists)
    degree = max(int(np.bincount(edges.receivers).max()) for edges in lists)
    assert found.n_atoms == n_atoms
    assert found.mean_neighbors == n_edges / n_atoms
    assert found.largest == Shape(max(c.n_atoms for c in crystals), degree, 1)
    forces = np.concatenate([e.labels["forces"] for e in dataset.examples])
    gaps = np.array([e.labels["gap"] for e in dataset.examples])
    # Round-off.
    assert_allclose(found.force_rms, np.linalg.norm(forces) / np.sqrt(forces.size))
    assert_allclose(found.means["gap"], gaps.mean())
    assert_allclose(found.deviations["gap"], gaps.std())
    assert describe(found)["force_rms_eV_per_A"] == found.force_rms
    assert "reference_Si_eV" in describe(found)


def test_labels_that_are_not_there_have_no_statistics():
    graphs = LabeledGraphs(random_dataset(4), 4.0, labels=("gap",))
    found = dataset_statistics(graphs)
    assert found.references is None
    assert found.force_rms is None
