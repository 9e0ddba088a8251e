"""The crystal: atomic numbers, fractional coordinates, cell and periodic directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from flax import struct

from matjax import elements
from matjax.arrays import Array, Float, Leaf
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
    ) -> Crystal:
        """Crystal from host data, checked; in float64.

        Args:
            numbers: atomic numbers, or chemical symbols.
            cell: cell vectors as rows, Å.
            positions: Cartesian coordinates, Å; or
            fractional: coordinates in units of the cell vectors.
            pbc: periodic directions; one truth value for all three, or three.

        Raises:
            ValueError: if there is no atom, a number is not finite, an atomic number is
                none, the cell has no volume, or the shapes disagree.
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
            numbers=numbers, fractional=fractional, cell=cell, pbc=_periodicity(pbc)
        )

    @classmethod
    def from_ase(cls, atoms: ase.Atoms) -> Crystal:
        """Crystal of an ASE ``Atoms`` object.

        Missing vectors of non-periodic directions are completed at right angles.

        Raises:
            ValueError: if a site is partially occupied, a periodic cell vector is
                missing, or the data are not a crystal (see :meth:`create`).
        """
        from matjax.crystals.io import crystal_from_ase

        return crystal_from_ase(atoms)

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> Crystal:
        """Crystal of a pymatgen ``Structure``; partial occupancy raises ValueError."""
        from matjax.crystals.io import crystal_from_pymatgen

        return crystal_from_pymatgen(structure)

    def to_ase(self) -> ase.Atoms:
        """The same crystal as an ASE ``Atoms`` object."""
        from matjax.crystals.io import crystal_to_ase

        return crystal_to_ase(self)

    def to_pymatgen(self) -> Structure:
        """The same crystal as a pymatgen ``Structure``."""
        from matjax.crystals.io import crystal_to_pymatgen

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
        """Standard atomic masses, amu."""
        return elements.masses(self.numbers)

    def with_positions(self, positions: Float[Array, "atoms 3"]) -> Crystal:
        """The same crystal with its atoms at these Cartesian coordinates (Å)."""
        inverse = lattice.inverse(self.cell)
        return self.replace(fractional=lattice.transform(positions, inverse))

    def strained(self, strain: Float[Array, "3 3"]) -> Crystal:
        """The crystal under the deformation x → x(1 + ε), fractional ones kept."""
        deformation = np.eye(3, dtype=self.cell.dtype) + strain
        return self.replace(cell=lattice.transform(self.cell, deformation))


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
