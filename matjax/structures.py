"""Crystals as a config describes them: a file, or a structure type."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from matjax.config import Section
from matjax.crystals import Crystal, read

Site = tuple[float, float, float]


class StructureType(NamedTuple):
    """A structure type by its space group and the sites of its elements."""

    space_group: int
    """Number in the International Tables; its standard setting."""
    counts: tuple[int, ...]
    """Atoms of each element in the formula."""
    sites: tuple[Site, ...]
    """One site of each element, fractional."""


STRUCTURE_TYPES = {
    "perovskite": StructureType(
        221, (1, 1, 3), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.5, 0.0))
    ),
    "rutile": StructureType(136, (1, 2), ((0.0, 0.0, 0.0), (0.305, 0.305, 0.0))),
    "quartz": StructureType(
        154, (1, 2), ((0.4697, 0.0, 2 / 3), (0.4135, 0.2669, 0.7858))
    ),
}
"""Free coordinates are those of TiO2 (Abrahams and Bernstein, J. Chem. Phys. 55, 3206
(1971)) and SiO2 (Levien, Prewitt, Weidner, Am. Mineral. 65, 920 (1980)): a relaxation
finds those of another compound."""


class Prototype(Section):
    """A crystal of a common structure type, in its primitive cell."""

    prototype: Literal[
        "sc",
        "fcc",
        "bcc",
        "hcp",
        "diamond",
        "zincblende",
        "rocksalt",
        "wurtzite",
        "perovskite",
        "rutile",
        "quartz",
    ]
    """Structure type; the last three as in :data:`STRUCTURE_TYPES`, the others as
    :func:`ase.build.bulk` builds them."""
    symbols: str
    """Elements, such as Si, NaCl or SrTiO3, in the order of the type's formula."""
    a: float = Field(gt=0)
    """Lattice constant of the conventional cell, Å."""
    c: float | None = Field(default=None, gt=0)
    """Second lattice constant of hexagonal and tetragonal types, Å."""


def described_crystal(description: str | Prototype) -> Crystal:
    """The crystal of a file that ASE reads, or of a structure type.

    Raises:
        ValueError: if the elements do not fit the type, or a lattice constant that it
            needs is missing.
    """
    if isinstance(description, str):
        return read(description)
    if description.prototype in STRUCTURE_TYPES:
        return _of_type(description, STRUCTURE_TYPES[description.prototype])
    from ase.build import bulk

    return Crystal.from_ase(
        bulk(description.symbols, description.prototype, description.a, description.c)
    )


def _of_type(description: Prototype, kind: StructureType) -> Crystal:
    from ase.formula import Formula
    from ase.spacegroup import crystal as crystal_of_group

    a, c = description.a, description.c
    composition = Formula(description.symbols).count()
    if tuple(composition.values()) != kind.counts:
        raise ValueError(
            f"{description.prototype} needs a formula with "
            f"{' : '.join(map(str, kind.counts))} atoms of its elements, in this "
            f"order; received {description.symbols}"
        )
    cubic = kind.space_group >= 195
    if cubic != (c is None):
        raise ValueError(
            f"{description.prototype} {'has one' if cubic else 'needs a second'} "
            f"lattice constant; received c={c}"
        )
    gamma = 120 if 143 <= kind.space_group < 195 else 90
    atoms = crystal_of_group(
        list(composition),
        kind.sites,
        spacegroup=kind.space_group,
        cellpar=[a, a, c or a, 90, 90, gamma],
    )
    return Crystal.from_ase(atoms)
