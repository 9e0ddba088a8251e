"""Material is divided so that each part has its own; counts say of how much."""

from collections import Counter

import pytest

from matjax.distillation import Material, common_domain, divided
from tests.distillation.noble import NOBLE, pair_potential
from tests.distillation.taught import labeled


def test_copies_go_where_their_crystal_belongs():
    crystals = {name: labeled(name) for name in ("a", "b", "c", "d")}
    parts = {"a": "train", "b": "train", "c": "held_out", "d": "test"}
    found = divided(crystals, parts, seed=0)
    assert {k: {e.source for e in some} for k, some in found.items()} == {
        "train": {"a", "b"},
        "held_out": {"c"},
        "test": {"d"},
    }


def test_copies_without_part_are_divided_by_chance_but_the_first_is_trained_on():
    crystals = {"a": labeled("a", n_copies=21)}
    found = divided(crystals, {}, seed=0)
    numbers = {part: len(some) for part, some in found.items()}
    assert numbers == {"train": 14, "held_out": 2, "test": 5}
    assert found["train"][0] is crystals["a"].copies[0]
    every = Counter(id(copy) for some in found.values() for copy in some)
    assert every == Counter(id(copy) for copy in crystals["a"].copies)
    other = divided(crystals, {}, seed=1)
    assert [id(c) for c in other["test"]] != [id(c) for c in found["test"]]


def test_a_part_without_a_copy_is_refused():
    with pytest.raises(ValueError, match="held_out has none: raise the number"):
        divided({"a": labeled("a")}, {"a": "train"}, seed=0)


def test_counts_are_of_crystals_and_copies():
    crystals = {name: labeled(name) for name in ("a", "c", "d")}
    parts = {"a": "train", "c": "held_out", "d": "test"}
    copies = divided(crystals, parts, seed=0)
    material = Material(crystals, copies, {"d": crystals["d"].phonons}, 2)
    counts = material.counts()
    assert (counts["n_train"], counts["n_train_copies"]) == (1, 3)
    assert counts["n_test_unstable_in_teacher"] == 1
    assert counts["n_left_out"] == 2
    assert material.trained_on.keys() == {"a"}
    assert len(material.every_copy) == 9


def test_potentials_have_their_common_elements_and_the_longer_cutoff(tmp_path):
    noble = pair_potential(tmp_path / "noble.safetensors")  # 6 Å
    found = common_domain(noble, "lennard-jones-ar")
    assert found.species == {18}
    assert found.cutoff == 8.5
    assert common_domain(noble).species == set(NOBLE.values())
