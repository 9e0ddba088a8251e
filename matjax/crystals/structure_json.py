"""Crystals of pymatgen's JSON, read without pymatgen.

Data sets carry it: Matbench, Alexandria, MatTEN. A structure has a ``lattice`` with the
``matrix`` of its vectors, and ``sites`` with ``species`` and ``abc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matjax.crystals.crystal import Crystal
from matjax.crystals.plausibility import require_plausible
from matjax.crystals.species import Species, masses_of, species


def is_structure(value: Any) -> bool:
    """Whether it looks like a structure of pymatgen."""
    return isinstance(value, Mapping) and {"lattice", "sites"} <= value.keys()


def structure_crystal(structure: Any) -> Crystal:
    """The crystal of a structure as ``Structure.as_dict`` of pymatgen gives it.

    Raises:
        ValueError: if it is none, a site is not fully occupied by one element, or atoms
            lie in one another.
    """
    if not is_structure(structure):
        kind = type(structure).__name__
        held = sorted(structure)[:10] if isinstance(structure, Mapping) else kind
        raise ValueError(
            f"a structure of pymatgen has a lattice and sites; received {held}"
        )
    try:
        crystal = _crystal(structure["lattice"], structure["sites"])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            "a structure of pymatgen needs lattice.matrix, and sites with species and "
            f"abc; here: {type(error).__name__} {error}"
        ) from error
    require_plausible(crystal)
    return crystal


def _crystal(lattice: Mapping[str, Any], sites: list[Mapping[str, Any]]) -> Crystal:
    kinds = [_only_species(site["species"]) for site in sites]
    properties = [site.get("properties") or {} for site in sites]
    free = [given.get("selective_dynamics") or [True] * 3 for given in properties]
    masses: list[float] | None = masses_of(kinds)
    if all("masses" in given for given in properties):
        masses = [given["masses"] for given in properties]
    return Crystal.create(
        [kind.number for kind in kinds],
        np.asarray(lattice["matrix"], dtype=np.float64),
        fractional=np.asarray([site["abc"] for site in sites], dtype=np.float64),
        pbc=lattice.get("pbc", True),
        masses=masses,
        fixed=None if np.all(free) else ~np.asarray(free, dtype=bool),
    )


def _only_species(occupants: list[Mapping[str, Any]]) -> Species:
    """What occupies a site: one element, wholly."""
    if len(occupants) != 1 or abs(float(occupants[0]["occu"]) - 1) > 1e-6:
        shares = {str(given["element"]): given["occu"] for given in occupants}
        raise ValueError(
            f"every site must be fully occupied by one element; received {shares}: "
            "choose an ordered arrangement first"
        )
    return species(str(occupants[0]["element"]))
