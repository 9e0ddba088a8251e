"""Crystals that no file has: those of a file with other elements of the same groups.

Chemically alike elements make alike crystals, so that structures found for one
compound are good guesses of another's (Wang, Botti, Marques, npj Comput. Mater. 7, 12,
2021). A teacher brings them to rest and labels them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product

import numpy as np

from matjax.crystals import Crystal, space_group
from matjax.data import composition

HALOGENS, NOBLE_GASES = (17, False), (18, False)

Crystals = dict[str, Crystal]
"""By identifier."""


def substituted(
    parents: Mapping[str, Crystal],
    species: Collection[int],
    known: Collection[str],
    admits: Callable[[Crystal], bool],
    *,
    count: int,
    seed: int,
) -> Crystals:
    """Crystals drawn by chance from all that have elements of the parents' groups.

    The volume is the parent's, times the ratio of what pymatgen's bond lengths give for
    both. Of several with one composition, space group and number of atoms there is one.

    Args:
        parents: crystals by key.
        species: atomic numbers of the elements that may occur.
        known: compositions that are not made.
        admits: whether a crystal is small enough.
        count: number of crystals.
        seed: of the choice.

    Returns:
        By the parent's key and the composition.

    Raises:
        ValueError: if there are fewer.
    """
    children: dict[tuple[str, int, int], tuple[str, Crystal, Crystal]] = {}
    for key, parent in sorted(parents.items()):
        group = space_group(parent).number
        for child in _children(parent, species):
            name = composition(child)
            if name not in known:
                same = (name, group, parent.n_atoms)
                children.setdefault(same, (f"{key}:{name}", parent, child))
    order = np.random.default_rng(seed).permutation(len(children))
    every = list(children.values())
    chosen: Crystals = {}
    for key, parent, child in (every[k] for k in order):
        if len(chosen) == count:
            break
        scaled = _scaled(child, parent)
        if admits(scaled):
            chosen[key] = scaled
    if len(chosen) < count:
        raise ValueError(
            f"{len(parents)} crystals must give as many others as are wanted, {count}; "
            f"of other compositions and small enough there are {len(chosen)}: want "
            "fewer, or give more crystals to begin with"
        )
    return chosen


def _children(parent: Crystal, species: Collection[int]) -> Iterator[Crystal]:
    """The parent with each choice of other elements of the same groups."""
    numbers = np.asarray(parent.numbers)
    own = np.unique(numbers).tolist()
    alike = [_alike(old, species) for old in own]
    for new in product(*alike):
        if len(set(new)) == len(own) and new != tuple(own):
            table = dict(zip(own, new, strict=True))
            yield parent.replace(numbers=np.array([table[z] for z in numbers.tolist()]))


def _alike(number: int, species: Collection[int]) -> list[int]:
    """Elements that can stand for one, itself among them; none for a noble gas."""
    group = _group(number)
    alike = [z for z in sorted(species) if _group(z) == group]
    return alike if group != NOBLE_GASES else []


def _group(number: int) -> tuple[int, bool]:
    """Column of the periodic table; whether it is one of the f block."""
    from pymatgen.core import Element

    element = Element.from_Z(number)
    # Hydrides have the structures of halides.
    return HALOGENS if number == 1 else (element.group, element.block == "f")


def _scaled(child: Crystal, parent: Crystal) -> Crystal:
    """The child in the volume that its bond lengths need."""
    ratio = _volume(child) / _volume(parent)
    return child.replace(cell=np.asarray(child.cell) * np.cbrt(ratio))


def _volume(crystal: Crystal) -> float:
    # Half a second, which not every survey needs to wait.
    from pymatgen.analysis.structure_prediction import volume_predictor

    # Another element may need many times as much.
    limits = {"min_scaling": 0.05, "max_scaling": 20.0}
    predictor = volume_predictor.DLSVolumePredictor(**limits)
    return predictor.predict(crystal.to_pymatgen())
