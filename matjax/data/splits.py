"""Disjoint parts of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from matjax.data.datasets import Dataset


def split(
    dataset: Dataset,
    fractions: Sequence[float] = (0.9, 0.1),
    *,
    seed: int = 0,
    by_group: bool = False,
) -> tuple[Dataset, ...]:
    """Disjoint parts of a data set, the same ones for the same seed.

    Args:
        dataset: what to divide.
        fractions: of the examples in each part; their sum is 1.
        seed: chooses among the divisions.
        by_group: keep examples of one group together; parts then have about these
            fractions. Examples without group stay single.

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
    parts: list[list[int]] = [[] for _ in fractions]
    start = 0
    for k in np.random.default_rng(seed).permutation(len(groups)):
        # In a row of all examples, a group belongs where its middle lies.
        middle = start + len(groups[k]) / 2
        parts[int(np.searchsorted(ends, middle, side="right"))] += groups[k]
        start += len(groups[k])
    for fraction, part in zip(fractions, parts, strict=True):
        if not part:
            raise ValueError(
                f"each part of a split needs an example; the fraction {fraction} of "
                f"the {len(dataset)} examples of {dataset.name}, in {len(groups)} "
                "groups that stay together, has none: choose other fractions or seed"
            )
    return tuple(_part(dataset, sorted(part)) for part in parts)


def _part(dataset: Dataset, chosen: Sequence[int]) -> Dataset:
    digest = hashlib.sha256(dataset.fingerprint.encode())
    digest.update(np.asarray(chosen, dtype="<i8").tobytes())
    return Dataset(
        examples=tuple(dataset.examples[i] for i in chosen),
        name=f"{dataset.name}[{len(chosen)} of {len(dataset)}]",
        fingerprint=digest.hexdigest(),
    )
