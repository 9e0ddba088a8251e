"""Columns of supercells cost more than those of primitive cells."""

import numpy as np

from matjax.crystals import crystal_to_json
from matjax.distillation import cost
from matjax.weights import save_potential
from tests.force_constants.ionic import rocksalt
from tests.force_constants.lattices import fcc, springs


def test_the_smallest_crystals_are_measured_and_medians_given(tmp_path, monkeypatch):
    asked = {}

    def answered(function, items, records, *, settings, progress):
        asked.update(items=items, settings=settings)
        values = [{"seconds": 1.0}, {"seconds": 9.0}, {"seconds": 2.0}]
        return {k: {"values": v} for k, v in zip(items, values, strict=True)}

    monkeypatch.setattr(cost, "survey", answered)
    student = save_potential(springs(), tmp_path / "student.safetensors")
    records = tmp_path / "cost.jsonl"
    records.write_text("of another potential")
    crystals = {"salt": rocksalt(), "a": fcc(), "b": fcc(), "c": fcc()}
    found = cost.column_costs(
        str(student), student, crystals, records, n_atoms=8, precision="float64"
    )
    assert found == {"seconds": 2.0}
    assert list(asked["items"]) == ["a", "b", "c"]
    assert not records.exists()


def test_a_column_of_the_supercell_takes_more_memory(tmp_path):
    path = str(save_potential(springs(), tmp_path / "student.safetensors"))
    settings = {
        **{"teacher": path, "student": path, "precision": "float64"},
        **{"n_atoms": 8, "degree": 16, "seed": 0},
    }
    found = cost.cost(crystal_to_json(fcc()), settings)
    assert found["cost_supercell_atoms"] == 8
    assert found["column_memory_ratio"] > 1
    assert np.isfinite(list(found.values())).all()
