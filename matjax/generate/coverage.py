"""What a generator was trained on, and which formulas that covers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from ase.formula import Formula
from pydantic import BaseModel, ConfigDict, Field

from matjax.crystals import Crystal, neighbors, volume
from matjax.elements import atomic_number, symbols

LARGEST = 500
"""Atoms; larger cells are refused before anything is made for them."""


class Coverage(BaseModel):
    """Crystals that a generator has seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(max_length=300)
    """Name of the data."""
    n_crystals: int = Field(ge=1)
    species: tuple[int, ...]
    """Atomic numbers."""
    n_atoms: tuple[int, ...]
    """Numbers of atoms in a cell that occur, ascending."""
    shares: tuple[float, ...]
    """Share of the crystals that have each of them."""
    volumes: tuple[float, float]
    """Smallest and largest volume of an atom, Å³."""
    closest: float = 0.0
    """Shortest distance of two atoms, Å; 0 where it was not noted."""

    @classmethod
    def of(cls, crystals: Sequence[Crystal], data: str) -> Coverage:
        """What a set of crystals covers.

        Args:
            crystals: at least one.
            data: name of the set.
        """
        sizes = np.array([crystal.n_atoms for crystal in crystals])
        n_atoms, counts = np.unique(sizes, return_counts=True)
        cells = [np.asarray(crystal.cell, np.float64) for crystal in crystals]
        volumes = [float(volume(cell)) for cell in cells] / sizes
        species = {int(z) for crystal in crystals for z in np.asarray(crystal.numbers)}
        return cls(
            data=data,
            n_crystals=len(crystals),
            species=tuple(sorted(species)),
            n_atoms=tuple(n_atoms.tolist()),
            shares=tuple(np.round(counts / len(crystals), 6).tolist()),
            volumes=(float(volumes.min()), float(volumes.max())),
            closest=round(min(map(shortest_distance, crystals)), 4),
        )

    @property
    def described(self) -> str:
        """What is covered, in words."""
        sizes = ", ".join(map(str, self.n_atoms))
        return (
            f"{self.data} ({self.n_crystals} crystals of {sizes} atoms, of "
            f"{', '.join(symbols(self.species))})"
        )

    def atoms_of(self, formula: str, n_formula: int = 1) -> np.ndarray:
        """Atomic numbers of a cell, ascending.

        Args:
            formula: of one formula unit, such as ``SrTiO3``.
            n_formula: formula units in the cell.

        Raises:
            ValueError: naming what is covered, if the formula is none, has an element
                that is not covered, or makes a cell of a size that is not.
        """
        if n_formula < 1:
            raise ValueError(
                f"a cell holds at least one formula unit; received {n_formula}"
            )
        counts = _counts(formula)
        self.require_species(counts, formula)
        self.require_size(n_formula * sum(counts.values()), f"{n_formula} {formula}")
        return np.repeat(
            sorted(counts), [n_formula * counts[z] for z in sorted(counts)]
        )

    def require_species(self, numbers: Collection[int], what: str) -> None:
        """Raises ValueError unless all elements are covered.

        Args:
            numbers: atomic numbers.
            what: holds them, for the error.
        """
        unknown = tuple(sorted(set(numbers) - set(self.species)))
        if unknown:
            raise ValueError(
                f"{what} holds {', '.join(symbols(unknown))}, of which the generator "
                f"knows nothing: it was trained on {self.described}"
            )

    def require_size(self, n_atoms: int, what: str) -> None:
        """Raises ValueError unless cells of so many atoms are covered.

        Args:
            n_atoms: of a cell.
            what: has so many, for the error.
        """
        if n_atoms not in self.n_atoms:
            raise ValueError(
                f"{what}: a cell must have as many atoms as the generator has seen; "
                f"this one has {n_atoms}: it was trained on {self.described}"
            )

    def is_dense_as_seen(self, crystal: Crystal) -> bool:
        """Whether the volume of an atom lies in the range of the data."""
        by_atom = float(volume(np.asarray(crystal.cell, np.float64))) / crystal.n_atoms
        return self.volumes[0] <= by_atom <= self.volumes[1]

    def unlike(self, crystal: Crystal) -> str:
        """In what a crystal lies outside of the data, in words; empty if in nothing."""
        words = []
        if not self.is_dense_as_seen(crystal):
            by_atom = float(crystal.volume) / crystal.n_atoms
            low, high = self.volumes
            words.append(f"{by_atom:.3g} Å³ by atom, not {low:.3g} to {high:.3g}")
        if (distance := shortest_distance(crystal)) < self.closest:
            words.append(
                f"atoms {distance:.3g} Å apart, not {self.closest:.3g} or more"
            )
        return "; ".join(words)


def shortest_distance(crystal: Crystal) -> float:
    """Distance of the two atoms that are closest, Å; images of one atom count."""
    cell = np.asarray(crystal.cell, np.float64)
    # No lattice of this volume has a shortest vector that is longer than this.
    cutoff = 1.2 * float(np.cbrt(volume(cell)))
    try:
        pairs = neighbors(crystal, cutoff)
    except ValueError:  # two atoms on one place
        return 0.0
    positions = np.asarray(crystal.positions, np.float64)
    edges = positions[pairs.senders] + pairs.shifts @ cell - positions[pairs.receivers]
    return float(np.linalg.norm(edges, axis=1).min())


def _counts(formula: str) -> dict[int, int]:
    """How often each element occurs in a formula."""
    try:
        counts = {atomic_number(k): n for k, n in Formula(formula).count().items()}
    except ValueError as error:
        raise ValueError(
            f"a formula such as SrTiO3 is needed; received {formula!r}"
        ) from error
    total = sum(counts.values())
    if not 0 < total <= LARGEST:
        raise ValueError(f"a formula has 1 to {LARGEST} atoms; {formula!r} has {total}")
    return counts
