"""Trainings as experiments set them up: what a new potential takes from the data."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.studies.training import Judgment, judge, new_potential, process_share
from matjax.train import FitConfig, Task, Term, potential_predictions
from tests.train import argon


@pytest.fixture(scope="module")
def dataset():
    return argon.dataset(4)


def test_a_new_potential_has_species_neighbors_and_scale_of_the_data(dataset):
    settings = {"name": "nequip", "cutoff": 4.0, "hidden": "2x0e + 2x1o", "lmax": 1}
    settings |= {"layers": 1, "basis": 2, "radial_widths": (2,)}
    potential, graphs = new_potential(settings, dataset, labels=("forces",))
    assert potential.species == (18,)
    assert potential.dtype == jnp.float32
    forces = np.concatenate([e.labels["forces"] for e in dataset.examples])
    # Rounded to four and three digits.
    assert_allclose(potential.model.scale, np.sqrt(np.mean(forces**2)), atol=1e-4)
    edges = [potential.graph(e.crystal).edge_mask.sum() / 4 for e in dataset.examples]
    assert_allclose(potential.model.neighbors, np.mean(edges), atol=1e-3)
    assert len(graphs) == 4
    with pytest.raises(ValueError, match="key model"):
        new_potential({**settings, "species": (14,)}, dataset, labels=("forces",))


def test_what_is_judged_is_the_mean_error_of_the_test_set(dataset):
    student = argon.student()
    terms = [Term("energy", 1.0), Term("forces", 1.0)]
    task = Task(
        predict=potential_predictions(student.model, ("energy", "forces")),
        params=student.params,
        terms=terms,
    )
    found = judge(task, student.params, argon.graphs(n=4), 2)
    assert isinstance(found, Judgment)
    errors = [
        abs(student(e.crystal).forces - e.labels["forces"]) for e in dataset.examples
    ]
    expected = np.mean(errors)
    (value,) = [v for k, v in found.errors.items() if "force" in k]
    assert_allclose(value, 1000 * expected, rtol=1e-3)  # meV/Å; labels in float32


def test_one_process_puts_together_the_parts_of_all_its_devices():
    share = process_share(FitConfig(accumulate=3))
    assert share.n_shards % 3 == 0
    assert (share.process_index, share.process_count) == (0, 1)
