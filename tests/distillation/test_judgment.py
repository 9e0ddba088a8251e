"""A judge compares with the teacher, energies without any reference."""

from functools import partial

import numpy as np
from numpy.testing import assert_allclose

from matjax.distillation import (
    COMPARED,
    Judge,
    Labels,
    Losses,
    Material,
    PhononSummary,
    divided,
    judgment,
    student_task,
)
from matjax.distillation.judgment import _relative_energies
from matjax.train import ColumnLoader
from tests.distillation.taught import labeled
from tests.force_constants.lattices import DISTANCE
from tests.train.argon import student


def test_energies_are_relative_to_the_first_copy_of_their_crystal():
    names = ["a", "a", "b", "b", "b"]
    expected = np.array([1.0, 1.5, 7.0, 7.25, 6.0])
    shifted = expected + np.array([3.0, 3.0, -2.0, -2.0, -2.0])  # by crystal
    found = _relative_energies(names, np.stack([shifted, expected]))
    assert_allclose(found["relative_energy_mae_meV_per_atom"], 0, atol=1e-9)
    shifted[1] += 0.3
    found = _relative_energies(names, np.stack([shifted, expected]))
    assert_allclose(found["relative_energy_mae_meV_per_atom"], 100)  # of three copies
    assert _relative_energies(["a", "b"], np.zeros((2, 2))) == {}


def test_biases_have_the_sign_of_what_is_too_high(tmp_path, monkeypatch):
    crystals = {name: labeled(name) for name in ("a", "b", "c")}
    parts = {"a": "train", "b": "held_out", "c": "test"}
    known = crystals["c"].phonons
    material = Material(crystals, divided(crystals, parts, seed=0), {"c": known})
    monkeypatch.setattr(judgment, "compare", lambda *arguments: {})
    monkeypatch.setattr(
        judgment,
        "survey_phonons",
        lambda *arguments, **more: {"c": PhononSummary(5.5, 2.0, 0.0, 0.0, 41.0, 8)},
    )
    salt = student()
    loader = partial(ColumnLoader, cutoff=DISTANCE, batch_size=1, n_columns=3)
    judge = Judge(
        student_task(salt, material, Losses(), teacher="someone"),
        loader(material.copies["test"]),
        material,
        Labels(),
        place=lambda name: tmp_path / name,
    )
    found = judge.of(salt, "after")
    assert_allclose(found["after_max_frequency_bias_THz"], 0.5)
    assert_allclose(found["after_mean_frequency_bias_THz"], -1.0)
    assert_allclose(found["after_mean_frequency_mae_THz"], 1.0)
    assert_allclose(found["after_heat_capacity_bias_J_per_mol_K"], 1.0)
    assert judge.found["teacher"].keys() == COMPARED.keys()
    assert judge.potential_file("after").exists()
