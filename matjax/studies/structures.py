"""Crystals as a config describes them: a file or a structure type, and what is special.

Every experiment on one crystal has the keys of :class:`CrystalConfig`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat, StrictInt

from matjax.config import ExperimentConfig, Section
from matjax.crystals import Crystal, read
from matjax.elements import atomic_number
from matjax.force_constants import BandPath, band_path

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
    a: float = Field(ge=0.5, le=1000)
    """Lattice constant of the conventional cell, Å."""
    c: float | None = Field(default=None, ge=0.5, le=1000)
    """Second lattice constant of hexagonal and tetragonal types, Å."""


class OwnPath(Section):
    """Lines through the Brillouin zone, some of their points of one's own choice."""

    lines: tuple[str | tuple[str, ...], ...]
    """Names along each unbroken line: [A, B], "A B" or A-B."""
    points: dict[str, Site] = Field(default_factory=dict)
    """q of those names that are none of the lattice's, reciprocal lattice units."""


PathDescription = tuple[str | tuple[str, ...], ...] | OwnPath
"""Lines through points of the lattice alone, or with others."""


class CrystalConfig(ExperimentConfig):
    """Keys of an experiment on one crystal."""

    crystal: str | Prototype
    """A file that holds a crystal, or a structure type."""
    allow_close: bool = False
    """Whether a file may hold atoms closer than half the sum of their radii."""
    masses: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Masses (amu) of elements, for isotopes; others are those of the crystal."""
    fixed: tuple[StrictInt | str, ...] | None = None
    """Atoms that relaxations and dynamics leave where they are: numbers from 0, or
    elements; by default those that the file fixes, and none with []."""
    symprec: float | None = Field(default=None, gt=0)
    """Å, how far atoms may be from their symmetric places wherever symmetry is sought;
    by default 1e-3 in relaxations, 1e-4 where it saves wave vectors."""

    def described(self, log: logging.Logger) -> Crystal:
        """The crystal with its masses and fixed atoms.

        Raises:
            ValueError: if it cannot be read, or a mass or a fixed atom is of none of
                its atoms.
        """
        crystal = described_crystal(self.crystal, allow_close=self.allow_close)
        crystal = with_fixed(with_masses(crystal, self.masses), self.fixed)
        log.info("%d atoms: %s", crystal.n_atoms, " ".join(crystal.symbols[:20]))
        if crystal.fixed is not None:
            held = np.asarray(crystal.fixed).reshape(crystal.n_atoms, -1)
            whole = int(held.all(axis=1).sum())
            partly = int(held.any(axis=1).sum()) - whole
            log.info(
                "%d atoms are fixed%s; fixed=[] frees all",
                whole,
                f", {partly} more along some cell vectors" if partly else "",
            )
        return crystal

    @property
    def tolerances(self) -> dict[str, Any]:
        """The argument ``symprec`` of a function, where the config has one."""
        return {} if self.symprec is None else {"symprec": self.symprec}


def with_masses(crystal: Crystal, masses: Mapping[str, float]) -> Crystal:
    """The crystal with other masses (amu) of some elements.

    Raises:
        ValueError: if the crystal has no such element, or a mass is not positive.
    """
    if not masses:
        return crystal
    symbols = crystal.symbols
    absent = sorted(masses.keys() - set(symbols))
    if absent:
        raise ValueError(
            f"masses must be of elements of the crystal; {', '.join(absent)} is not in "
            f"{' '.join(dict.fromkeys(symbols))}"
        )
    pairs = zip(symbols, np.asarray(crystal.masses), strict=True)
    given = [masses.get(symbol, mass) for symbol, mass in pairs]
    checked = Crystal.create(
        crystal.numbers, crystal.cell, fractional=crystal.fractional, masses=given
    )
    return crystal.replace(given_masses=checked.given_masses)


def with_fixed(crystal: Crystal, fixed: Sequence[int | str] | None) -> Crystal:
    """The crystal with these atoms fixed and no others; with None as it is.

    Args:
        crystal: any.
        fixed: numbers of atoms, from 0, or elements.

    Raises:
        ValueError: if the crystal has no such atom.
    """
    if fixed is None:
        return crystal
    held = np.zeros(crystal.n_atoms, dtype=bool)
    for entry in fixed:
        chosen = np.array([symbol == entry for symbol in crystal.symbols])
        if isinstance(entry, int) and 0 <= entry < crystal.n_atoms:
            chosen = np.arange(crystal.n_atoms) == entry
        if not chosen.any():
            raise ValueError(
                f"fixed must list atoms from 0 to {crystal.n_atoms - 1}, or elements "
                f"of {' '.join(dict.fromkeys(crystal.symbols))}; received {entry!r}"
            )
        held |= chosen
    return crystal.replace(fixed=held if held.any() else None)


def described_path(
    crystal: Crystal,
    description: PathDescription | None,
    *,
    spacing: float,
    symprec: float | None = None,
) -> BandPath:
    """The path of a config; without a description that of the crystal's lattice.

    Raises:
        ValueError: as :func:`~matjax.force_constants.band_path`.
    """
    if not isinstance(description, OwnPath):
        description = OwnPath(lines=description) if description is not None else None
    tolerance: dict[str, Any] = {} if symprec is None else {"symprec": symprec}
    if description is None:
        return band_path(crystal, spacing=spacing, **tolerance)
    return band_path(
        crystal, description.lines, description.points, spacing=spacing, **tolerance
    )


def described_crystal(
    description: str | Prototype, *, allow_close: bool = False
) -> Crystal:
    """The crystal of a file, or of a structure type.

    Args:
        description: path of a file, or a section.
        allow_close: whether a file may hold atoms closer than half the sum of their
            radii.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the elements do not fit the type, or a lattice constant that it
            needs is missing.
    """
    if isinstance(description, str):
        _require_name_of_file(description)
        return read(description, allow_close=allow_close)
    composition = _composition(description.symbols)
    if description.prototype in STRUCTURE_TYPES:
        return _of_type(description, composition)
    from ase.build import bulk

    kind, a, c = description.prototype, description.a, description.c
    try:
        atoms = bulk(description.symbols, kind, a, c)
    except (ValueError, KeyError, RuntimeError, AssertionError, IndexError) as error:
        raise ValueError(
            f"{kind} cannot be built of {description.symbols} with a={a}, c={c}: "
            f"{error or type(error).__name__}"
        ) from error
    return Crystal.from_ase(atoms)


def _require_name_of_file(name: str) -> None:
    if not name.strip():
        raise ValueError(
            "crystal must be a file, or a structure type such as {prototype: diamond, "
            f"symbols: Si, a: 5.43}}; received {name!r}"
        )
    if os.path.isdir(name):
        raise ValueError(
            f"crystal must be a file; {name} is a folder: name a file in it"
        )


def _composition(symbols: str) -> dict[str, int]:
    """Number of atoms of each element of a formula, in its order."""
    from ase.formula import Formula

    try:
        composition = Formula(symbols).count()
    except ValueError:
        composition = {}
    if not composition:
        raise ValueError(
            f"symbols must be a formula such as NaCl; received {symbols!r}"
        )
    for symbol in composition:
        atomic_number(symbol)
    return composition


def _of_type(description: Prototype, composition: dict[str, int]) -> Crystal:
    from ase.spacegroup import crystal as crystal_of_group

    kind = STRUCTURE_TYPES[description.prototype]
    a, c = description.a, description.c
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
