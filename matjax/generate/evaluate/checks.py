"""Whether samples are crystals that could be: structures, and compositions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import product
from math import gcd
from typing import Any

import numpy as np

from matjax.crystals import Crystal, neighbors, volume
from matjax.elements import symbols

CLOSEST = 0.5
"""Å; atoms that come closer make a structure invalid."""
SMALLEST = 0.1
"""Å³; cells of less are invalid."""


def is_valid_structure(crystal: Crystal) -> bool:
    """Whether no two atoms are closer than 0.5 Å, in a cell of 0.1 Å³ or more.

    Source: Court et al., J. Chem. Inf. Model. 60, 4518 (2020), as CDVAE has it.
    """
    cell = np.asarray(crystal.cell, np.float64)
    if not np.isfinite(cell).all() or float(volume(cell)) < SMALLEST:
        return False
    try:
        return len(neighbors(crystal, CLOSEST).senders) == 0
    except ValueError:  # two atoms on one place
        return False


def is_valid_composition(numbers: Sequence[int] | np.ndarray) -> bool:
    """Whether oxidation states can make a composition neutral, as SMACT has it.

    Anions must be more electronegative than cations; alloys and elements are valid.
    Oxidation states are those of SMACT's first lists (2014), which the papers used.

    Args:
        numbers: atomic numbers of all atoms.

    Raises:
        ImportError: if smact is not installed.
    """
    smact, screening = _smact()
    kinds, counts = np.unique(np.asarray(numbers), return_counts=True)
    counts = (counts // gcd(*counts.tolist())).tolist()
    named = symbols(tuple(kinds.tolist()))
    if len(named) == 1 or all(name in smact.metals for name in named):
        return True
    elements = [smact.Element(name) for name in named]
    electronegativities = [element.pauling_eneg for element in elements]
    states = [element.oxidation_states_smact14 or [] for element in elements]
    for charges in product(*states):
        if sum(c * n for c, n in zip(charges, counts, strict=True)):
            continue
        if None in electronegativities:  # not known: not refused
            return True
        if screening.pauling_test(charges, electronegativities):
            return True
    return False


def is_valid(crystal: Crystal | None) -> bool:
    """Whether a sample is a crystal that is valid in structure and in composition."""
    return (
        crystal is not None
        and is_valid_structure(crystal)
        and is_valid_composition(np.asarray(crystal.numbers))
    )


def validity(crystals: Sequence[Crystal | None]) -> dict[str, float]:
    """Shares of samples that are valid in structure and in composition.

    Args:
        crystals: samples; None for one that is not a crystal, which is not valid.

    Raises:
        ValueError: if there is none.
    """
    if not crystals:
        raise ValueError("shares are those of at least one sample; received none")
    structures = [c is not None and is_valid_structure(c) for c in crystals]
    compositions = [
        c is not None and is_valid_composition(np.asarray(c.numbers)) for c in crystals
    ]
    return {
        "validity_structure_percent": 100 * float(np.mean(structures)),
        "validity_composition_percent": 100 * float(np.mean(compositions)),
    }


def _smact() -> Any:
    try:
        smact, screening = map(import_module, ("smact", "smact.screening"))
    except ImportError as error:
        raise ImportError(
            "validity of compositions needs smact: pip install 'matjax[metrics]'"
        ) from error
    return smact, screening
