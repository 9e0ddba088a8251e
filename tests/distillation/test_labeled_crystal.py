"""What a process says of a crystal arrives with every digit."""

import json

from numpy.testing import assert_array_equal

from matjax.data import Example
from matjax.distillation import LabeledCrystal
from matjax.distillation.labeled_crystal import example_from_json, example_to_json
from tests.distillation.taught import copy, labeled


def through_json(values):
    return json.loads(json.dumps(values, allow_nan=False))


def require_same(found, expected):
    assert found.source == expected.source
    assert_array_equal(found.crystal.positions, expected.crystal.positions)
    assert found.labels.keys() == expected.labels.keys()
    for key, value in expected.labels.items():
        assert_array_equal(found.labels[key], value)


def test_copies_labels_and_phonons_survive():
    expected = labeled("salt")
    found = LabeledCrystal.from_json(through_json(expected.to_json()), "salt")
    assert found.phonons == expected.phonons
    assert found.max_force == expected.max_force
    for ours, theirs in zip(found.copies, expected.copies, strict=True):
        require_same(ours, theirs)
        for name in ("q", "displacements", "columns"):
            assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_crystals_that_are_not_judged_have_no_phonons():
    values = through_json(labeled("salt", judged=False).to_json())
    assert LabeledCrystal.from_json(values, "salt").phonons is None


def test_examples_without_columns_survive():
    expected = Example(copy("salt").crystal, copy("salt").labels, "salt")
    found = example_from_json(through_json(example_to_json(expected)), "salt")
    require_same(found, expected)
