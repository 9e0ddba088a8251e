"""Crystals drawn from a data file for training and for judging what was trained.

A teacher labels any crystal, so those of a further file can be trained on, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers
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
    """Of an atom within the cutoff; a further crystal may have more if its cell is
    smaller."""
    further: int = Field(default=0, ge=0)
    """Crystals of ``further_data`` that are trained on, too. No composition that the
    pool admits from ``data`` is among them."""
    further_data: str = "matcalc/mp-binary-pbe-elasticity-2025.1.extxyz.gz"
    """File of crystals, as ``data``."""
    further_elements: tuple[str, ...] = ()
    """If given, each of these crystals has one of them."""

    def holds(self, crystal: Crystal, cutoff: float) -> bool:
        """Whether a crystal needs no larger graph than those of the pool."""
        most = self.max_atoms * self.max_neighbors
        return (
            crystal.n_atoms <= self.max_atoms
            and crystal.n_atoms * neighbors(crystal, cutoff).degree <= most
        )


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

    def admits(crystal: Crystal) -> bool:
        few = crystal.n_atoms <= pool.max_atoms
        return few and neighbors(crystal, cutoff).degree <= pool.max_neighbors

    groups = _compositions(pool.data, set(species), admits)
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
    if pool.further:
        further = _further(pool, set(groups), set(species), cutoff, seed)
        drawn.items.update(further)
        drawn.parts.update(dict.fromkeys(further, "train"))
    return drawn


def composition(crystal: Crystal) -> str:
    """Such as As3Zn2, the same for all cells and structures."""
    names, counts = np.unique(crystal.symbols, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    return "".join(
        f"{name}{count if count > 1 else ''}"
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
    )


def _further(
    pool: Pool, known: set[str], species: set[int], cutoff: float, seed: int
) -> Items:
    """Crystals of the further file whose compositions are not known."""
    wanted = {atomic_numbers[x] for x in pool.further_elements} or species
    groups = _compositions(
        pool.further_data, species, lambda crystal: pool.holds(crystal, cutoff)
    )
    found = {
        key: item
        for name, group in groups.items()
        if name not in known
        for key, item in group.items()
        if wanted.intersection(item["numbers"])
    }
    if len(found) < pool.further:
        raise ValueError(
            f"{pool.further_data} must hold as many further crystals as are wanted, "
            f"{pool.further}; it has {len(found)} of other compositions than "
            f"{pool.data}: want fewer, or allow larger ones"
        )
    order = np.random.default_rng(seed).permutation(sorted(found))
    return {key: found[key] for key in order[: pool.further].tolist()}


def _compositions(
    data: str, species: set[int], admits: Callable[[Crystal], bool]
) -> Mapping[str, Items]:
    """Primitive cells of a file by composition in alphabetical order."""
    groups: dict[str, Items] = {}
    for key, given in read_items(data, ()).items():
        if not species.issuperset(given["numbers"]):
            continue
        crystal = primitive(item_crystal(given))
        if admits(crystal):
            groups.setdefault(composition(crystal), {})[key] = crystal_item(crystal)
    return {name: groups[name] for name in sorted(groups)}
