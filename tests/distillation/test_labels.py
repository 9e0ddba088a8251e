"""Labels are asked of processes, and belong to a potential and to crystals."""

from itertools import pairwise

import ase.build
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.distillation import labels
from matjax.weights import save_potential
from tests.distillation.noble import pair_potential
from tests.train.argon import student


def test_labels_know_potential_and_crystals_by_content(tmp_path, monkeypatch):
    found = []

    def noted(function, items, records, *, settings, **_):
        found.append(settings)
        return {}

    monkeypatch.setattr(labels, "survey", noted)
    path = tmp_path / "teacher.safetensors"
    params = student().params
    other = student().replace(params={k: 1.1 * v for k, v in params.items()})
    for potential, length in ((student(), 5.3), (student(), 5.4), (other, 5.4)):
        save_potential(potential, path, overwrite=True)
        crystal = Crystal.create([18], length * np.eye(3), fractional=[[0, 0, 0]])
        crystals = {"argon": crystal}
        labels.label_copies(str(path), crystals, tmp_path / "x.jsonl", labels.Labels())
    assert found[0] != found[1] != found[2]
    changed = [{k for k in a if a[k] != b[k]} for a, b in pairwise(found)]
    assert changed == [{"crystals_sha256"}, {"potential_sha256"}]


@pytest.mark.slow
def test_crystals_whose_atoms_fuse_have_no_labels(tmp_path):
    teacher = pair_potential(tmp_path / "teacher.safetensors", epsilon=0.1, sigma=1.0)
    crystal = Crystal.from_ase(ase.build.bulk("Ar", "fcc", a=1.6))
    given = labels.Labels(rattles=0, n_columns=3, potential_precision="float64")
    records = tmp_path / "labels.jsonl"
    found = labels.label_crystals(teacher, {"dense": crystal}, records, given)
    assert "atoms must not fuse" in found["dense"].message
