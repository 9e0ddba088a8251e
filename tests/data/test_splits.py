"""Parts of a data set: disjoint, complete, the same for the same seed."""

import dataclasses

import pytest

from matjax.crystals import Crystal
from matjax.data import by_group, fold, split
from tests.data.examples import random_dataset

RARE = Crystal.create(
    [79], [[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]], positions=[[0.0] * 3]
)


def test_parts_of_a_split_are_disjoint_complete_and_repeatable():
    dataset = random_dataset(20)
    parts = split(dataset, (0.7, 0.2, 0.1), seed=3)
    assert [len(p) for p in parts] == [14, 4, 2]
    sources = [e.source for p in parts for e in p.examples]
    assert sorted(sources) == sorted(e.source for e in dataset.examples)
    again = split(dataset, (0.7, 0.2, 0.1), seed=3)
    assert [p.fingerprint for p in again] == [p.fingerprint for p in parts]
    other = split(dataset, (0.7, 0.2, 0.1), seed=4)
    assert {p.fingerprint for p in other}.isdisjoint(p.fingerprint for p in parts)


def test_groups_stay_together_where_asked():
    dataset = random_dataset(30)
    for seed in range(5):
        parts = split(dataset, (0.7, 0.3), seed=seed, by_group=True)
        groups = [{e.group for e in p.examples} for p in parts]
        assert groups[0].isdisjoint(groups[1])
        assert [len(p) for p in parts] == [20, 10]


@pytest.mark.parametrize("by_group", [False, True])
def test_what_is_trained_on_has_all_elements_where_asked(by_group):
    common = random_dataset(30)
    rare = dataclasses.replace(common.examples[0], crystal=RARE, group="D")
    dataset = dataclasses.replace(common, examples=(rare, *common.examples[1:]))
    divided = {"fractions": (0.5, 0.5), "by_group": by_group}
    plain = [split(dataset, **divided, seed=s) for s in range(8)]
    assert any(79 not in first.species for first, _ in plain)
    for seed in range(8):
        first, second = split(dataset, **divided, seed=seed, known_elements=True)
        assert 79 in first.species
        assert len(first) + len(second) == 30
        if by_group:
            groups = [{e.group for e in part.examples} for part in (first, second)]
            assert groups[0].isdisjoint(groups[1])


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.5, 0.4), "sum to 1"),
        ((1.5, -0.5), "positive"),
        ((0.99, 0.01), "each part of a split needs an example"),
    ],
)
def test_impossible_splits_are_refused(fractions, message):
    with pytest.raises(ValueError, match=message):
        split(random_dataset(10), fractions)


def test_folds_are_those_of_scikit_learn_and_matbench():
    selection = pytest.importorskip("sklearn.model_selection")
    dataset = random_dataset(23)
    folds = selection.KFold(5, shuffle=True, random_state=18012019)
    for k, (kept, judging) in enumerate(folds.split(range(23))):
        training, test = fold(dataset, k)
        assert [e.source for e in training.examples] == [f"random#{i}" for i in kept]
        assert [e.source for e in test.examples] == [f"random#{i}" for i in judging]
    with pytest.raises(ValueError, match="received fold 5 of 5 for 23 examples"):
        fold(dataset, 5)


def test_parts_by_group_carry_its_name():
    parts = by_group(random_dataset(10))
    assert {name: len(part) for name, part in parts.items()} == {"A": 4, "B": 3, "C": 3}
    assert {e.group for e in parts["B"].examples} == {"B"}
