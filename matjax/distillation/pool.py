"""Crystals drawn from a data file for training and for judging what was trained.

A teacher labels any crystal, so those of a further file can be trained on, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers
from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, neighbors, primitive
from matjax.data import composition, read_items
from matjax.distillation.substitution import Crystals, substituted

LOG = logging.getLogger("matjax.distillation")


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
    """Most atoms of a primitive cell."""
    max_neighbors: int = Field(default=60, ge=0)
    """Most neighbors of an atom within the cutoff; a further crystal may have more if
    its cell is smaller."""
    further: int = Field(default=0, ge=0)
    """Crystals of ``further_data`` that are trained on, too. No composition that the
    pool admits from ``data`` is among them."""
    further_data: str = "matcalc/mp-binary-pbe-elasticity-2025.1.extxyz.gz"
    """File of crystals, as ``data``."""
    further_elements: tuple[str, ...] = ()
    """If given, each of these crystals has one of them."""
    substituted: int = Field(default=0, ge=0)
    """Crystals that are trained on, too, and that no file has: those of ``train`` with
    other elements of the same groups in their places. No composition that the pool
    admits from ``data`` is among them."""

    def holds(self, crystal: Crystal, cutoff: float) -> bool:
        """Whether a crystal needs no larger graph than those of the pool."""
        most = self.max_atoms * self.max_neighbors
        return (
            crystal.n_atoms <= self.max_atoms
            and crystal.n_atoms * neighbors(crystal, cutoff).degree <= most
        )


class Cotraining(Section):
    """Crystals without columns: of their energies, forces and stresses one learns.

    What a network has learned of energies fades in phonon fine-tuning unless both are
    trained in turns (Koker et al., arXiv 2601.07742). A copy of such a crystal costs a
    small part of one with columns.
    """

    data: tuple[str, ...] = (
        "matcalc/alexandria-binary-pbe-phonon-2025.1.extxyz.gz",
        "matcalc/mp-binary-pbe-elasticity-2025.1.extxyz.gz",
        "matcalc/wbm-random-pbe52-equilibrium-2025.1.extxyz.gz",
    )
    """Files of crystals with ``material_id``. No composition that the pool admits from
    its ``data`` is taken."""
    max_atoms: PositiveInt = 8
    """Most atoms of a primitive cell."""
    max_neighbors: PositiveInt = 60
    """Most neighbors of an atom within the cutoff."""
    rattles: int = Field(default=2, ge=0)
    """Strained, rattled copies beside each crystal as it is in the file."""
    substituted: int = Field(default=0, ge=0)
    """Crystals that no file has, beside them: those of the first of ``data`` with other
    elements of the same groups in their places."""
    per_copy: PositiveInt = 2
    """Copies of these in a step for each that has columns."""


class Drawn(NamedTuple):
    """Primitive cells, and the part of each."""

    crystals: Crystals
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
    groups = _compositions(pool.data, set(species), partial(_is_small, pool, cutoff))
    order = np.random.default_rng(seed).permutation(len(groups))
    waiting = [list(groups.values())[k] for k in order]
    drawn = Drawn({}, {})
    for part, wanted in (
        ("test", pool.test),
        ("held_out", pool.held_out),
        ("train", pool.train),
    ):
        had = len(drawn.crystals)
        while len(drawn.crystals) - had < wanted and waiting:
            group = waiting.pop(0)
            drawn.crystals.update(group)
            drawn.parts.update(dict.fromkeys(group, part))
        if len(drawn.crystals) - had < wanted:
            raise ValueError(
                f"{pool.data} must hold as many crystals as are wanted; of at most "
                f"{pool.max_atoms} atoms and {pool.max_neighbors} neighbors it has "
                f"{len(drawn.crystals)}: want fewer, or allow larger ones"
            )
    more: Crystals = {}
    if pool.further:
        more |= _further(pool, set(groups), set(species), cutoff, seed)
    if pool.substituted:
        more |= substituted(
            {k: c for k, c in drawn.crystals.items() if drawn.parts[k] == "train"},
            species,
            groups.keys(),
            lambda crystal: pool.holds(crystal, cutoff),
            count=pool.substituted,
            seed=seed,
        )
    drawn.crystals.update(more)
    drawn.parts.update(dict.fromkeys(more, "train"))
    return drawn


def draw_cotraining(
    cotraining: Cotraining,
    pool: Pool,
    species: Collection[int],
    cutoff: float,
    *,
    seed: int,
) -> Crystals:
    """Primitive cells by file and identifier, of compositions the pool does not have.

    Args:
        cotraining: which.
        pool: of the crystals that are trained on with columns, and judged.
        species: atomic numbers of the elements that may occur.
        cutoff: within which atoms are neighbors, Å.
        seed: of the choice of substituted ones.

    Raises:
        ValueError: if there is none, or fewer substituted ones than wanted.
    """
    pooled = partial(_is_small, pool, cutoff)
    known = set(_compositions(pool.data, set(species), pooled))
    small = partial(_is_small, cotraining, cutoff)
    crystals: Crystals = {}
    names: set[str] = set()
    for number, data in enumerate(cotraining.data):
        for name, group in _compositions(data, set(species), small).items():
            if name not in known:
                names.add(name)
                crystals |= {
                    f"{number}/{key}": crystal for key, crystal in group.items()
                }
    if not crystals:
        raise ValueError(
            f"cotraining needs crystals of at most {cotraining.max_atoms} atoms and "
            f"{cotraining.max_neighbors} neighbors, of other compositions than "
            f"{pool.data}; {cotraining.data} have none: allow larger ones"
        )
    if (count := cotraining.substituted) == 0:
        return crystals
    parents = {k: crystal for k, crystal in crystals.items() if k.startswith("0/")}
    return crystals | substituted(
        parents, species, known | names, small, count=count, seed=seed
    )


def _is_small(limits: Pool | Cotraining, cutoff: float, crystal: Crystal) -> bool:
    few = crystal.n_atoms <= limits.max_atoms
    return few and neighbors(crystal, cutoff).degree <= limits.max_neighbors


def _further(
    pool: Pool, known: set[str], species: set[int], cutoff: float, seed: int
) -> Crystals:
    """Crystals of the further file whose compositions are not known."""
    wanted = {atomic_numbers[x] for x in pool.further_elements} or species
    groups = _compositions(
        pool.further_data, species, lambda crystal: pool.holds(crystal, cutoff)
    )
    crystals = {
        key: crystal
        for name, group in groups.items()
        if name not in known
        for key, crystal in group.items()
        if wanted.intersection(np.asarray(crystal.numbers).tolist())
    }
    if len(crystals) < pool.further:
        raise ValueError(
            f"{pool.further_data} must hold as many further crystals as are wanted, "
            f"{pool.further}; it has {len(crystals)} of other compositions than "
            f"{pool.data}: want fewer, or allow larger ones"
        )
    order = np.random.default_rng(seed).permutation(sorted(crystals))
    return {key: crystals[key] for key in order[: pool.further].tolist()}


def _compositions(
    data: str, species: set[int], admits: Callable[[Crystal], bool]
) -> Mapping[str, Crystals]:
    """Primitive cells of a file by composition in alphabetical order."""
    groups: dict[str, Crystals] = {}
    for key, item in read_items(data, ()).items():
        if not species.issuperset(item.numbers):
            continue
        if item.crystal is None:
            LOG.warning("left out: %s", item.refusal)
            continue
        crystal = primitive(item.crystal)
        if admits(crystal):
            groups.setdefault(composition(crystal), {})[key] = crystal
    return {name: groups[name] for name in sorted(groups)}
