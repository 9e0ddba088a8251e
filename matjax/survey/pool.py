"""Crystals drawn from a data file for training and for judging what was trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, neighbors, primitive
from matjax.survey.benchmark import crystal_item, item_crystal, read_items

Items = dict[str, dict[str, Any]]


class Pool(Section):
    """How many crystals of which file; no composition is in two parts."""

    data: str = "matcalc/alexandria-binary-pbe-phonon-2025.1.extxyz.gz"
    """File of crystals with ``material_id``; searched in ``MATJAX_DATA``."""
    train: PositiveInt = 48
    """Crystals that are trained on."""
    held_out: PositiveInt = 6
    """Crystals on which the best parameters are chosen."""
    test: PositiveInt = 24
    """Crystals on which the result is judged."""
    max_atoms: PositiveInt = 4
    """Of a primitive cell."""
    max_neighbors: int = Field(default=60, ge=0)
    """Of an atom within the cutoff."""


class Drawn(NamedTuple):
    """Primitive cells, and the part of each."""

    items: Items
    """By identifier."""
    parts: dict[str, str]
    """``train``, ``held_out`` or ``test``."""


def draw(pool: Pool, species: Collection[int], cutoff: float, *, seed: int) -> Drawn:
    """Crystals drawn by chance, all of a composition into the same part.

    Args:
        pool: which, and how many.
        species: atomic numbers of the elements that may occur.
        cutoff: within which atoms are neighbors, Å.
        seed: of the choice.

    Raises:
        ValueError: if there are fewer crystals than wanted.
    """
    groups = _compositions(pool, set(species), cutoff)
    order = np.random.default_rng(seed).permutation(len(groups))
    waiting = [list(groups.values())[k] for k in order]
    drawn = Drawn({}, {})
    for part, wanted in (
        ("test", pool.test),
        ("held_out", pool.held_out),
        ("train", pool.train),
    ):
        had = len(drawn.items)
        while len(drawn.items) - had < wanted and waiting:
            group = waiting.pop(0)
            drawn.items.update(group)
            drawn.parts.update(dict.fromkeys(group, part))
        if len(drawn.items) - had < wanted:
            raise ValueError(
                f"{pool.data} must hold as many crystals as are wanted; of at most "
                f"{pool.max_atoms} atoms and {pool.max_neighbors} neighbors it has "
                f"{len(drawn.items)}: want fewer, or allow larger ones"
            )
    return drawn


def composition(crystal: Crystal) -> str:
    """Such as As3Zn2, the same for all cells and structures."""
    names, counts = np.unique(crystal.symbols, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    return "".join(
        f"{name}{count if count > 1 else ''}"
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
    )


def _compositions(pool: Pool, species: set[int], cutoff: float) -> Mapping[str, Items]:
    """Primitive cells that the pool admits, by composition in alphabetical order."""
    groups: dict[str, Items] = {}
    for key, given in read_items(pool.data, ()).items():
        if not species.issuperset(given["numbers"]):
            continue
        crystal = primitive(item_crystal(given))
        if crystal.n_atoms > pool.max_atoms:
            continue
        receivers = neighbors(crystal, cutoff).receivers
        if np.bincount(receivers, minlength=1).max() <= pool.max_neighbors:
            groups.setdefault(composition(crystal), {})[key] = crystal_item(crystal)
    return {name: groups[name] for name in sorted(groups)}
