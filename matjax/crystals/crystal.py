"""The crystal: atomic numbers, fractional coordinates, cell and periodic directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from flax import struct

from matjax import elements
from matjax.arrays import Array, Float, Int, Leaf
from matjax.crystals import lattice

if TYPE_CHECKING:
    import ase
    from pymatgen.core import Structure


class Crystal(struct.PyTreeNode):
    """A periodic arrangement of atoms; a pytree whose leaves are its arrays.

    Coordinates need not lie in the home cell. Cells may be left-handed.
    """

    numbers: Leaf
    """Atomic numbers, (atoms,)."""
    fractional: Leaf
    """Coordinates in units of the cell vectors, (atoms, 3)."""
    cell: Leaf
    """Cell vectors as rows, (3, 3), Å."""
    given_masses: Leaf | None = None
    """Masses of the atoms, (atoms,), amu, where they are not the standard ones."""
    fixed: Leaf | None = None
    """Atoms that a relaxation leaves where they are, (atoms,); or (atoms, 3) where some
    may move along some of the cell vectors only; None if all are free."""
    pbc: tuple[bool, bool, bool] = struct.field(
        pytree_node=False, default=(True, True, True)
    )
    """Which cell vectors are translations of the crystal."""

    @classmethod
    def create(
        cls,
        numbers: Array | list,
        cell: Array | list,
        *,
        positions: Array | list | None = None,
        fractional: Array | list | None = None,
        pbc: bool | Sequence[bool] | Array = True,
        masses: Array | list | None = None,
        fixed: Array | list | None = None,
    ) -> Crystal:
        """Crystal from host data, checked; in float64.

        Args:
            numbers: atomic numbers, or chemical symbols.
            cell: cell vectors as rows, Å.
            positions: Cartesian coordinates, Å; or
            fractional: coordinates in units of the cell vectors.
            pbc: periodic directions; one truth value for all three, or three.
            masses: amu; the standard ones by default.
            fixed: truth values: which atoms a relaxation leaves where they are, or
                along which cell vectors it does not move them.

        Raises:
            ValueError: if there is no atom, a number is not finite, an atomic number is
                none, a mass not positive, the cell has no volume, or the shapes
                disagree.
        """
        if (positions is None) == (fractional is None):
            raise ValueError("exactly one of positions and fractional is needed")
        numbers = _atomic_numbers(numbers)
        cell = np.asarray(cell, dtype=np.float64)
        _require_cell(cell)
        if fractional is None:
            positions = np.asarray(positions, dtype=np.float64)
            _require_coordinates(positions, len(numbers))
            fractional = positions @ np.linalg.inv(cell)
        fractional = np.asarray(fractional, dtype=np.float64)
        _require_coordinates(fractional, len(numbers))
        return cls(
            numbers=numbers,
            fractional=fractional,
            cell=cell,
            given_masses=_own_masses(masses, numbers),
            fixed=None if fixed is None else required_fixed(fixed, len(numbers)),
            pbc=_periodicity(pbc),
        )

    @classmethod
    def from_ase(cls, atoms: ase.Atoms, *, constraints: bool = True) -> Crystal:
        """Crystal of an ASE ``Atoms`` object.

        Missing vectors of non-periodic directions are completed at right angles. Masses
        are kept, and atoms fixed in place or along cell vectors; other constraints are
        not, with a warning.

        Args:
            atoms: with its cell, masses and constraints.
            constraints: whether they are looked at; not, where ASE applies them itself.

        Raises:
            ValueError: if a site is partially occupied, a periodic cell vector is
                missing, or the data are not a crystal (see :meth:`create`).
        """
        from matjax.crystals.conversion import fields_from_ase

        return cls.create(**fields_from_ase(atoms, constraints=constraints))

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> Crystal:
        """Crystal of a pymatgen ``Structure``; partial occupancy raises ValueError.

        Isotopes D and T, the site properties ``masses`` and ``selective_dynamics`` are
        kept.
        """
        from matjax.crystals.conversion import fields_from_pymatgen

        return cls.create(**fields_from_pymatgen(structure))

    def to_ase(self) -> ase.Atoms:
        """The same crystal as an ASE ``Atoms`` object."""
        from matjax.crystals.conversion import crystal_to_ase

        return crystal_to_ase(self)

    def to_pymatgen(self) -> Structure:
        """The same crystal as a pymatgen ``Structure``."""
        from matjax.crystals.conversion import crystal_to_pymatgen

        return crystal_to_pymatgen(self)

    @property
    def positions(self) -> Float[Array, "atoms 3"]:
        """Cartesian coordinates, Å."""
        return lattice.transform(self.fractional, self.cell)

    @property
    def volume(self) -> Float[Array, ""]:
        """Volume of the cell, Å³; positive for left-handed cells too."""
        return lattice.volume(self.cell)

    @property
    def n_atoms(self) -> int:
        """Number of atoms in the cell."""
        return self.numbers.shape[0]

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the atoms."""
        return elements.symbols(self.numbers)

    @property
    def masses(self) -> Float[Array, "atoms"]:
        """Masses of the atoms, amu: those given, or else the standard ones."""
        if self.given_masses is not None:
            return self.given_masses
        return elements.masses(self.numbers)

    def taken(self, atoms: Int[Array, "atoms"]) -> Crystal:
        """The crystal whose atoms are these of this one, in this order."""
        return self.replace(
            numbers=self.numbers[atoms],
            fractional=self.fractional[atoms],
            given_masses=None
            if self.given_masses is None
            else self.given_masses[atoms],
            fixed=_entries(self.fixed, atoms),
        )

    def require_whole_constraints(self, what: str) -> None:
        """Raises ValueError if atoms are fixed along single cell vectors.

        Args:
            what: that gives the crystal other cell vectors, to which these do not
                apply.
        """
        if self.fixed is not None and self.fixed.ndim == 2:
            raise ValueError(
                f"{what} changes the cell vectors along which some atoms are fixed: "
                "fix whole atoms, or free them with crystal.replace(fixed=None)"
            )

    def with_positions(self, positions: Float[Array, "atoms 3"]) -> Crystal:
        """The same crystal with its atoms at these Cartesian coordinates (Å)."""
        inverse = lattice.inverse(self.cell)
        return self.replace(fractional=lattice.transform(positions, inverse))

    def strained(self, strain: Float[Array, "3 3"]) -> Crystal:
        """The crystal under the deformation x → x(1 + ε), fractional ones kept."""
        deformation = np.eye(3, dtype=self.cell.dtype) + strain
        return self.replace(cell=lattice.transform(self.cell, deformation))


def _entries(values: Leaf | None, atoms: Array) -> Leaf | None:
    return None if values is None else values[atoms]


def _atomic_numbers(numbers: Array | list) -> np.ndarray:
    if len(numbers) == 0:
        raise ValueError("a crystal needs at least one atom; received none")
    if isinstance(numbers[0], str):
        numbers = [elements.atomic_number(s) for s in numbers]
    given = np.asarray(numbers)
    numbers = given.astype(np.int32)
    if given.ndim != 1 or (numbers != given).any():
        raise ValueError(f"atomic numbers must be a list of integers; received {given}")
    if numbers.min() < 1 or numbers.max() >= elements.N_ELEMENTS:
        raise ValueError(
            f"atomic numbers must lie in 1 to {elements.N_ELEMENTS - 1}; "
            f"received {sorted(set(numbers.tolist()))}"
        )
    return numbers


def required_fixed(fixed: Array | list, n_atoms: int) -> np.ndarray | None:
    """Truth values of :attr:`Crystal.fixed` in their shortest form; None if all are 0.

    Raises:
        ValueError: if they are not truth values, or not as many as there are atoms.
    """
    given = np.asarray(fixed)
    if given.dtype != bool or given.shape not in ((n_atoms,), (n_atoms, 3)):
        raise ValueError(
            f"fixed must be truth values, one for each of {n_atoms} atoms or three; "
            f"received {given.dtype} of shape {given.shape}: a list of atoms becomes "
            "such by np.isin(np.arange(n_atoms), atoms)"
        )
    if not given.any():
        return None
    if given.ndim == 2 and (given == given[:, :1]).all():
        given = given[:, 0]
    return given


def _own_masses(masses: Array | list | None, numbers: np.ndarray) -> np.ndarray | None:
    if masses is None:
        return None
    given = np.asarray(masses, dtype=np.float64)
    if given.shape != numbers.shape or not (np.isfinite(given) & (given > 0)).all():
        raise ValueError(
            f"masses must be positive, one for each of {len(numbers)} atoms (amu); "
            f"received {given}"
        )
    # None keeps crystals of standard masses alike, whoever made them.
    standard = np.asarray(elements.masses(numbers))
    return None if np.allclose(given, standard, rtol=1e-9, atol=0) else given


def _periodicity(pbc: bool | Sequence[bool] | Array) -> tuple[bool, bool, bool]:
    given = np.asarray(pbc, dtype=bool)
    if given.shape not in ((), (3,)):
        raise ValueError(f"pbc must be one truth value or three; received {pbc}")
    a, b, c = np.broadcast_to(given, 3).tolist()
    return a, b, c


def _require_cell(cell: np.ndarray) -> None:
    if cell.shape != (3, 3):
        raise ValueError(f"a cell has three rows of three; received {cell.shape}")
    if not np.isfinite(cell).all():
        raise ValueError(f"cell vectors must be finite; received\n{cell}")
    if not lattice.spans_volume(cell):
        raise ValueError(
            "the cell vectors must span a volume; received (rows, Å)\n"
            f"{cell}\nwhich are linearly dependent"
        )


def _require_coordinates(coordinates: np.ndarray, n_atoms: int) -> None:
    if coordinates.shape != (n_atoms, 3):
        raise ValueError(
            f"coordinates of {n_atoms} atoms must have shape ({n_atoms}, 3); "
            f"received {coordinates.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(coordinates).all(axis=1))
    if len(bad):
        raise ValueError(
            f"coordinates must be finite; those of atom {bad[0]} are "
            f"{coordinates[bad[0]]} ({len(bad)} atoms affected)"
        )
