"""Disjoint parts of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain

import numpy as np

from matjax.data.datasets import Dataset

MATBENCH_SEED = 18012019
"""Of the folds of MatBench."""


def split(
    dataset: Dataset,
    fractions: Sequence[float] = (0.9, 0.1),
    *,
    seed: int = 0,
    by_group: bool = False,
    known_elements: bool = False,
) -> tuple[Dataset, ...]:
    """Disjoint parts of a data set, the same ones for the same seed.

    Args:
        dataset: what to divide.
        fractions: of the examples in each part; their sum is 1.
        seed: chooses among the divisions.
        by_group: keep examples of one group together; parts then have about these
            fractions. Examples without group stay single.
        known_elements: examples with an element that the first part would lack go to
            the first part, so that what is trained on it can be asked of the others.

    Returns:
        The parts, their examples in the order of the data set.

    Raises:
        ValueError: if the fractions do not add up to 1 or leave a part empty.
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(
            f"fractions must be positive and sum to 1; received {tuple(fractions)}"
        )
    members: dict[str | int, list[int]] = {}
    for i, example in enumerate(dataset.examples):
        group = example.group if by_group and example.group else i
        members.setdefault(group, []).append(i)
    groups = list(members.values())
    ends = np.rint(np.cumsum(fractions) * len(dataset))
    parts: list[list[list[int]]] = [[] for _ in fractions]
    start = 0
    for k in np.random.default_rng(seed).permutation(len(groups)):
        # In a row of all examples, a group belongs where its middle lies.
        middle = start + len(groups[k]) / 2
        parts[int(np.searchsorted(ends, middle, side="right"))].append(groups[k])
        start += len(groups[k])
    if known_elements:
        parts = _with_rare_elements_first(dataset, parts)
    for fraction, part in zip(fractions, parts, strict=True):
        if not part:
            raise ValueError(
                f"each part of a split needs an example; the fraction {fraction} of "
                f"the {len(dataset)} examples of {dataset.name}, in {len(groups)} "
                "groups that stay together, has none: choose other fractions or seed"
            )
    return tuple(_part(dataset, sorted(chain.from_iterable(part))) for part in parts)


def fold(
    dataset: Dataset, k: int, *, n_folds: int = 5, seed: int = MATBENCH_SEED
) -> tuple[Dataset, Dataset]:
    """Training and test set of one fold of a cross-validation.

    The test sets are those of scikit-learn's ``KFold(n_folds, shuffle=True,
    random_state=seed)``; with the defaults those of MatBench (Dunn et al., npj Comput.
    Mater. 6, 138 (2020)) for data in its order.

    Args:
        dataset: what to divide.
        k: number of the fold, from 0.
        n_folds: disjoint test sets, which together are the whole.
        seed: of the shuffling.

    Raises:
        ValueError: if there is no such fold, or a fold would be empty.
    """
    if not 0 <= k < n_folds or n_folds < 2 or n_folds > len(dataset):
        raise ValueError(
            f"a fold is a number from 0 to n_folds - 1, of at least 2 folds of at "
            f"least one example; received fold {k} of {n_folds} for {len(dataset)} "
            "examples"
        )
    order = np.arange(len(dataset))
    np.random.RandomState(seed).shuffle(order)
    sizes = np.full(n_folds, len(dataset) // n_folds)
    sizes[: len(dataset) % n_folds] += 1
    start = sizes[:k].sum()
    test = np.sort(order[start : start + sizes[k]])
    kept = np.setdiff1d(np.arange(len(dataset)), test)
    return _part(dataset, kept.tolist()), _part(dataset, test.tolist())


def by_group(dataset: Dataset) -> dict[str, Dataset]:
    """Parts of a data set by the name of their group, such as train, val and test."""
    members: dict[str, list[int]] = {}
    for i, example in enumerate(dataset.examples):
        members.setdefault(example.group, []).append(i)
    return {name: _part(dataset, chosen) for name, chosen in members.items()}


def _with_rare_elements_first(
    dataset: Dataset, parts: Sequence[list[list[int]]]
) -> list[list[list[int]]]:
    """Parts, as lists of groups, of which the first one has all elements."""

    def elements(group: Sequence[int]) -> set[int]:
        return {int(z) for i in group for z in dataset.examples[i].crystal.numbers}

    first, *others = ([*part] for part in parts)
    known = {z for group in first for z in elements(group)}
    for part in others:
        for group in [*part]:
            if not elements(group) <= known:
                part.remove(group)
                first.append(group)
                known |= elements(group)
    return [first, *others]


def _part(dataset: Dataset, chosen: Sequence[int]) -> Dataset:
    digest = hashlib.sha256(dataset.fingerprint.encode())
    digest.update(np.asarray(chosen, dtype="<i8").tobytes())
    return Dataset(
        examples=tuple(dataset.examples[i] for i in chosen),
        name=f"{dataset.name}[{len(chosen)} of {len(dataset)}]",
        fingerprint=digest.hexdigest(),
    )
