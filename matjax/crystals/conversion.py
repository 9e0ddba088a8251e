"""Crystals from and to ASE and pymatgen, with masses and fixed atoms.

:class:`~matjax.crystals.crystal.Crystal` offers them as methods.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from matjax import elements
from matjax.crystals.species import isotope_symbol, species

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matjax.crystals.crystal import Crystal


def fields_from_ase(atoms: ase.Atoms, *, constraints: bool) -> dict[str, Any]:
    """Arguments of :meth:`Crystal.create` for an ASE ``Atoms`` object."""
    _require_full_occupancy(atoms)
    missing = ~atoms.cell.array.any(axis=1)
    if (missing & atoms.pbc).any():
        raise ValueError(
            "each periodic direction needs a cell vector; received "
            f"pbc={atoms.pbc.tolist()} with the cell (rows, Å)\n{atoms.cell.array}\n"
            "set the cell, or pbc=False for a molecule"
        )
    # The length of a direction without period has no meaning; ASE takes 1 Å.
    cell = atoms.cell.complete().array
    return {
        "numbers": atoms.numbers,
        "cell": cell,
        "positions": atoms.positions,
        "pbc": tuple(atoms.pbc.tolist()),
        "masses": _masses(atoms),
        "fixed": _fixed(atoms, cell) if constraints and atoms.constraints else None,
    }


def crystal_to_ase(crystal: Crystal) -> ase.Atoms:
    """ASE ``Atoms`` object of a crystal with concrete arrays."""
    atoms = ase.Atoms(
        numbers=np.asarray(crystal.numbers),
        positions=np.asarray(crystal.positions),
        cell=np.asarray(crystal.cell),
        pbc=crystal.pbc,
    )
    if crystal.given_masses is not None:
        atoms.set_array("masses", np.asarray(crystal.given_masses), float, ())
    if crystal.fixed is not None:
        atoms.set_constraint(_constraints(np.asarray(crystal.fixed)))
    return atoms


def fields_from_pymatgen(structure: Structure) -> dict[str, Any]:
    """Arguments of :meth:`Crystal.create` for a pymatgen ``Structure``."""
    if not structure.is_ordered:
        disordered = [s.species_string for s in structure if not s.is_ordered]
        raise ValueError(
            f"every site must be fully occupied by one element; received {disordered}: "
            "choose an ordered arrangement first"
        )
    numbers = np.array([site.specie.Z for site in structure])
    properties = structure.site_properties
    given = properties.get("masses", [None] * len(structure))
    masses = [
        _pymatgen_mass(site.specie) if mass is None else mass
        for site, mass in zip(structure, given, strict=True)
    ]
    free = properties.get("selective_dynamics")
    if free is not None and any(row is None for row in free):
        free = [[True] * 3 if row is None else row for row in free]
    return {
        "numbers": numbers,
        "cell": structure.lattice.matrix,
        "fractional": structure.frac_coords,
        "pbc": structure.lattice.pbc,
        "masses": masses,
        "fixed": None if free is None else ~np.asarray(free, dtype=bool),
    }


def _pymatgen_mass(specie: Any) -> float:
    """Mass of a species; its symbol is that of the element for D and T, too."""
    symbol = isotope_symbol(specie.Z, float(specie.atomic_mass))
    return species(symbol).mass or float(elements.MASSES[specie.Z])


def crystal_to_pymatgen(crystal: Crystal) -> Structure:
    """Pymatgen ``Structure`` of a crystal with concrete arrays.

    Deuterium and tritium become its species D and T; other masses that are not the
    standard ones become the site property ``masses``, and fixed atoms
    ``selective_dynamics``.

    Raises:
        ImportError: if pymatgen is not installed.
    """
    try:
        from pymatgen.core import Lattice, Structure
    except ImportError as error:
        raise ImportError(
            "conversion to pymatgen needs the optional package pymatgen: "
            "install it with `pip install pymatgen`"
        ) from error
    lattice = Lattice(np.asarray(crystal.cell), pbc=crystal.pbc)
    symbols, properties = crystal.symbols, {}
    if crystal.given_masses is not None:
        masses = np.asarray(crystal.given_masses).tolist()
        pairs = zip(np.asarray(crystal.numbers).tolist(), masses, strict=True)
        symbols = [isotope_symbol(number, mass) for number, mass in pairs]
        properties["masses"] = masses
    if crystal.fixed is not None:
        fixed = np.asarray(crystal.fixed).reshape(crystal.n_atoms, -1)
        free = ~np.broadcast_to(fixed, (crystal.n_atoms, 3))
        properties["selective_dynamics"] = free.tolist()
    return Structure(
        lattice, symbols, np.asarray(crystal.fractional), site_properties=properties
    )


def _masses(atoms: ase.Atoms) -> np.ndarray | None:
    """Masses set on the atoms, or None; ASE's own for an element are ours."""
    return atoms.get_masses() if atoms.has("masses") else None


def _fixed(atoms: ase.Atoms, cell: np.ndarray) -> np.ndarray:
    """Which atoms are fixed along which cell vectors, (atoms, 3)."""
    from ase.constraints import FixAtoms, FixCartesian, FixScaled

    fixed, left = np.zeros((len(atoms), 3), dtype=bool), []
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            fixed[constraint.index] = True
            continue
        if not isinstance(constraint, FixScaled | FixCartesian):
            left.append(type(constraint).__name__)
            continue
        mask = np.asarray(constraint.mask, dtype=bool)
        if isinstance(constraint, FixCartesian) and not mask.all():
            vectors = _along_cell_vectors(mask, cell)
            if vectors is None:
                left.append(f"{constraint!r}, whose axes are not cell vectors")
                continue
            mask = vectors
        fixed[constraint.index] |= mask
    if left:
        warnings.warn(
            f"constraints other than atoms fixed in place or along cell vectors are "
            f"not kept: {', '.join(left)}",
            stacklevel=4,
        )
    return fixed


def _along_cell_vectors(mask: np.ndarray, cell: np.ndarray) -> np.ndarray | None:
    """Fixed cell vectors of fixed Cartesian axes; None if they are no cell vectors.

    What is fixed are components in one basis, so that those of the other basis are the
    same only if each cell vector lies wholly in the fixed axes or wholly in the free
    ones.
    """
    lengths = np.linalg.norm(cell, axis=1, keepdims=True)
    parts = np.abs(cell) > 1e-6 * lengths  # digits of files
    in_fixed, in_free = parts[:, mask].any(axis=1), parts[:, ~mask].any(axis=1)
    return None if (in_fixed & in_free).any() else in_fixed


def with_cartesian_constraints(atoms: ase.Atoms, crystal: Crystal) -> ase.Atoms:
    """The atoms, fixed along Cartesian axes where the crystal has cell vectors.

    Raises:
        ValueError: if a cell vector along which an atom is fixed is no such axis.
    """
    from ase.constraints import FixAtoms, FixCartesian

    kept = []
    # The dual vectors are to the cell what the cell is to the axes.
    axes = np.linalg.inv(np.asarray(crystal.cell))
    for i, mask in enumerate(np.asarray(crystal.fixed)):
        if not mask.any():
            continue
        fixed = _along_cell_vectors(mask, axes)
        if fixed is None:
            raise ValueError(
                "extended XYZ holds atoms fixed along Cartesian axes; atom "
                f"{i} is fixed along others: write a POSCAR, or fix "
                "whole atoms"
            )
        kept.append(FixAtoms([i]) if mask.all() else FixCartesian(i, fixed.tolist()))
    atoms.set_constraint(kept)
    return atoms


def _constraints(fixed: np.ndarray) -> list[Any]:
    from ase.constraints import FixAtoms, FixScaled

    if fixed.ndim == 1:
        return [FixAtoms(np.flatnonzero(fixed))]
    kept = []
    for mask in np.unique(fixed, axis=0):
        atoms = np.flatnonzero((fixed == mask).all(axis=1))
        if mask.all():
            kept.append(FixAtoms(atoms))
        elif mask.any():
            kept.append(FixScaled(atoms, tuple(mask.tolist())))
    return kept


def _require_full_occupancy(atoms: ase.Atoms) -> None:
    # ASE keeps the dominant species of a site and the rest in this dictionary.
    for site in atoms.info.get("occupancy", {}).values():
        if len(site) != 1 or not all(
            isinstance(o, int | float) and o > 1 - 1e-6 for o in site.values()
        ):
            listed = ", ".join(f"{symbol} {o}" for symbol, o in site.items())
            raise ValueError(
                "every site must be fully occupied by one element; received occupancy "
                f"{listed}: choose an ordered arrangement first"
            )
