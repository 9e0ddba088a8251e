"""Energies of the elements, fitted before training."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.data import Dataset, Example, LabeledGraphs
from matjax.models.potentials import NequIP
from matjax.predictors import Potential
from matjax.train import with_references
from tests.train.argon import LABELS, graphs, student

MODEL = NequIP((14, 32), cutoff=4.0, hidden="2x0e", lmax=0, layers=1, basis=2)
OWN = {14: -3.5, 32: 1.25}


def example(k: int) -> Example:
    numbers = np.array([[14, 14], [14, 32], [32, 32]])[k]
    crystal = Crystal.create(
        numbers, (3.8 + 0.1 * k) * np.eye(3), fractional=[[0] * 3, [0.5] * 3]
    )
    return Example(crystal, {}, source=f"#{k}")


def test_energies_that_the_rest_of_the_potential_leaves_are_those_of_the_elements():
    potential = Potential.create(MODEL).astype(jnp.float64)
    examples = []
    for bare in map(example, range(3)):
        own = sum(OWN[int(z)] for z in bare.crystal.numbers)
        energy = potential(bare.crystal).energy + own
        examples.append(dataclasses.replace(bare, labels={"energy": energy}))
    data = Dataset(tuple(examples), name="x", fingerprint="x")
    fitted, found = with_references(
        potential, LabeledGraphs(data, MODEL.cutoff, labels=("energy",)), batch_size=2
    )
    # Batches are in float32.
    assert_allclose([found.energies[z] for z in OWN], list(OWN.values()), atol=1e-5)
    for each in examples:
        assert_allclose(fitted(each.crystal).energy, each.labels["energy"], atol=2e-5)


def test_a_model_without_such_parameters_is_refused():
    assert "energy" in LABELS
    with pytest.raises(ValueError, match="parameters 'atom_energies'"):
        with_references(student(), graphs(n=2))
