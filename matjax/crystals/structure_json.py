"""Crystals of the JSON of pymatgen and of jarvis-tools, read without these.

Data sets carry it: Matbench, Alexandria, MatTEN; JARVIS-DFT. A structure of pymatgen
has a ``lattice`` with the ``matrix`` of its vectors, and ``sites`` with ``species`` and
``abc``; one of jarvis-tools ``lattice_mat``, ``coords``, ``elements`` and, whether the
coordinates are in Å, ``cartesian``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matjax.crystals.crystal import Crystal
from matjax.crystals.plausibility import require_plausible
from matjax.crystals.species import Species, masses_of, species

_OF_PYMATGEN = {"lattice", "sites"}
_OF_JARVIS = {"lattice_mat", "coords", "elements"}


def is_structure(value: Any) -> bool:
    """Whether it looks like a structure of pymatgen or of jarvis-tools."""
    kinds = (_OF_PYMATGEN, _OF_JARVIS)
    return isinstance(value, Mapping) and any(keys <= value.keys() for keys in kinds)


def structure_crystal(structure: Any) -> Crystal:
    """The crystal of a structure as ``Structure.as_dict`` of pymatgen gives it.

    Or as ``Atoms.to_dict`` of jarvis-tools does.

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
        if structure.keys() >= _OF_JARVIS:
            crystal = _jarvis_crystal(structure)
        else:
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


def _jarvis_crystal(atoms: Mapping[str, Any]) -> Crystal:
    coordinates = np.asarray(atoms["coords"], dtype=np.float64)
    in_angstrom = atoms.get("cartesian", False)
    if not isinstance(in_angstrom, bool):
        raise TypeError(f"cartesian is true or false; received {in_angstrom!r}")
    return Crystal.create(
        [species(str(symbol).strip()).number for symbol in atoms["elements"]],
        np.asarray(atoms["lattice_mat"], dtype=np.float64),
        **{"positions" if in_angstrom else "fractional": coordinates},
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
