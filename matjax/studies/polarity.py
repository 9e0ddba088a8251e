"""Born charges and dielectric constants as configurations name them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal
from matjax.lattice_dynamics import Phonons, PolarPhonons, with_polar

Row = tuple[float, float, float]
Tensor = float | tuple[Row, Row, Row]


class Polar(Section):
    """Born charges of a polar crystal, for the macroscopic field of its dipoles."""

    charges: dict[str, Tensor] | tuple[Tensor, ...]
    """Born charges of each element, or of each atom: numbers or tensors, e."""
    dielectric: Tensor
    """High-frequency dielectric constant or tensor."""
    grid: tuple[PositiveInt, PositiveInt, PositiveInt]
    """The supercell within which the potential knows the field."""
    method: Literal["gonze", "wang"] = "gonze"
    """Ewald sums, or Wang's interpolation."""

    def charges_of(self, crystal: Crystal) -> np.ndarray:
        """Born charges of all atoms, (atoms, 3, 3), e.

        Raises:
            ValueError: if elements are given, and not those of the crystal.
        """
        given = self.charges
        if isinstance(given, tuple):
            return np.array([_tensor(charge) for charge in given]).reshape(-1, 3, 3)
        if given.keys() != set(crystal.symbols):
            raise ValueError(
                f"polar.charges must be of {' '.join(sorted(set(crystal.symbols)))}; "
                f"received {' '.join(sorted(given))}"
            )
        return np.array([_tensor(given[symbol]) for symbol in crystal.symbols])

    def added_to(self, found: Phonons) -> PolarPhonons:
        """The phonons with the field of these charges."""
        charges = self.charges_of(found.crystal)
        dielectric = _tensor(self.dielectric)
        return with_polar(found, charges, dielectric, self.grid, method=self.method)


def _tensor(given: Tensor) -> np.ndarray:
    return np.array(given) if isinstance(given, tuple) else given * np.eye(3)
