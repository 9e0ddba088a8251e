"""Crystals drawn from a data file for training and for judging what was trained.

A teacher labels any crystal, so training need not stop at those of the file: elements
replaced by others of their group make new ones (as Schmidt et al., Adv. Mater. 35,
2210788 (2023), made the crystals of the Alexandria database).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, neighbors, primitive
from matjax.survey.benchmark import crystal_item, item_crystal, read_items

Items = dict[str, dict[str, Any]]

GROUPS = """
Li Na K Rb Cs
Be Mg Ca Sr Ba
Sc Y La
Ti Zr Hf
V Nb Ta
Cr Mo W
Mn Tc Re
Fe Ru Os
Co Rh Ir
Ni Pd Pt
Cu Ag Au
Zn Cd Hg
B Al Ga In Tl
C Si Ge Sn Pb
N P As Sb Bi
O S Se Te
H F Cl Br I
"""
"""Elements that stand for one another; hydrides crystallize as halides do."""

TRIES = 100
"""Substitutions tried for each that is wanted, before there seem to be no more."""


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
    substituted: int = Field(default=0, ge=0)
    """Further crystals that are trained on: those of the training part with elements
    replaced by others of their group; no composition of the file is among them."""


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
    if pool.substituted:
        train = {k: v for k, v in drawn.items.items() if drawn.parts[k] == "train"}
        made = _substituted(train, set(groups), pool, set(species), cutoff, seed)
        drawn.items.update(made)
        drawn.parts.update(dict.fromkeys(made, "train"))
    return drawn


def composition(crystal: Crystal) -> str:
    """Such as As3Zn2, the same for all cells and structures."""
    names, counts = np.unique(crystal.symbols, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    return "".join(
        f"{name}{count if count > 1 else ''}"
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
    )


def _substituted(
    items: Items,
    known: set[str],
    pool: Pool,
    species: set[int],
    cutoff: float,
    seed: int,
) -> Items:
    """New crystals, named by what they are made from, of compositions not yet known."""
    groups = {z: group for group in _groups(species) for z in group}
    rng = np.random.default_rng([seed, pool.substituted])
    names = sorted(items)
    made: Items = {}
    for _ in range(TRIES * pool.substituted):
        name = names[rng.integers(len(names))]
        crystal = item_crystal(items[name])
        old = np.unique(crystal.numbers)
        new = [int(rng.choice(groups.get(int(z), (int(z),)))) for z in old]
        other = _replaced(crystal, dict(zip(old.tolist(), new, strict=True)))
        key = f"{name}-{composition(other)}"
        if (
            key in made
            or composition(other) in known
            or len(set(new)) < len(old)
            or neighbors(other, cutoff).degree > pool.max_neighbors
        ):
            continue
        made[key] = crystal_item(other)
        if len(made) == pool.substituted:
            return made
    raise ValueError(
        f"{len(names)} crystals must give as many substituted ones as are wanted, "
        f"{pool.substituted}; they give about {len(made)}: want fewer of these, or "
        "more of those"
    )


def _groups(species: set[int]) -> list[tuple[int, ...]]:
    """Atomic numbers of the elements that may occur, by group."""
    lines = GROUPS.strip().splitlines()
    found = [tuple(atomic_numbers[x] for x in line.split()) for line in lines]
    return [tuple(z for z in group if z in species) for group in found]


def _replaced(crystal: Crystal, new: Mapping[int, int]) -> Crystal:
    """The structure of other elements, its volume by atom that of their radii cubed."""
    old_numbers = np.asarray(crystal.numbers).tolist()
    numbers = [new[z] for z in old_numbers]
    volumes = [float((covalent_radii[z] ** 3).sum()) for z in (numbers, old_numbers)]
    scale = (volumes[0] / volumes[1]) ** (1 / 3)
    return Crystal.create(
        numbers, np.asarray(crystal.cell) * scale, fractional=crystal.fractional
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
        if neighbors(crystal, cutoff).degree <= pool.max_neighbors:
            groups.setdefault(composition(crystal), {})[key] = crystal_item(crystal)
    return {name: groups[name] for name in sorted(groups)}
