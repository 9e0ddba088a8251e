"""Crystals of a screen that are worked on together, and what is computed of them once.

Columns ask for what they need; the first that does has it computed for all crystals of
the batch, and the others find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from matjax.crystals import Crystal, primitive
from matjax.force_constants import Mesh, divisions, regular_mesh
from matjax.lattice_dynamics import Phonons, phonons
from matjax.mechanics import Elasticity, Relaxation, elastic, relax
from matjax.predictors import Potential
from matjax.screening.settings import ScreenSettings

STEPS = ("relaxations", "elasticities", "phonons", "meshes", "spectra")
"""Cached properties that hold one entry for each crystal."""


class Batch:
    """Some crystals of a screen.

    A column is a function of a batch: it gives one value for each crystal, in order.
    """

    def __init__(
        self,
        potential: Potential,
        given: Sequence[Crystal],
        settings: ScreenSettings,
    ) -> None:
        self.potential = potential
        self.given = list(given)
        """The crystals as the source has them."""
        self.settings = settings
        self.start = [self._reduced(crystal) for crystal in self.given]
        """The same in their primitive cells, from which relaxations start."""

    def __len__(self) -> int:
        return len(self.given)

    def only(self, rows: Sequence[int]) -> Batch:
        """Some rows, with what has been computed of them already."""
        part = object.__new__(Batch)
        part.potential, part.settings = self.potential, self.settings
        part.given = [self.given[k] for k in rows]
        part.start = [self.start[k] for k in rows]
        for name in STEPS:
            if name in self.__dict__:
                part.__dict__[name] = [self.__dict__[name][k] for k in rows]
        return part

    @cached_property
    def relaxations(self) -> list[Relaxation]:
        """How each came to rest; with ``relax`` off, each as it is."""
        settings = self.settings
        return relax(
            self.potential,
            self.start,
            fmax=settings.fmax,
            smax=settings.smax,
            max_steps=settings.max_steps if settings.relax else 0,
            symmetry=settings.symmetry,
            symprec=settings.symprec,
            shapes="standard",
        )

    @property
    def crystals(self) -> list[Crystal]:
        """The crystals at rest."""
        return [relaxation.crystal for relaxation in self.relaxations]

    @cached_property
    def elasticities(self) -> list[Elasticity]:
        """Elastic constants at rest."""
        return elastic(
            self.potential,
            self.crystals,
            dtype=self.potential.dtype,
            shapes="standard",
        )

    @cached_property
    def phonons(self) -> list[Phonons]:
        """Phonons at rest, exact on the grids of :attr:`meshes`."""
        return phonons(
            self.potential,
            self.crystals,
            grid=[mesh.index.shape for mesh in self.meshes],
            dtype=self.potential.dtype,
            shapes="standard",
        )

    @cached_property
    def meshes(self) -> list[Mesh]:
        """Wave vectors at which the phonons of each are computed."""
        length = self.settings.length
        return [regular_mesh(c, divisions(c, length)) for c in self.crystals]

    @cached_property
    def spectra(self) -> list[np.ndarray]:
        """THz on these meshes, (q, modes), imaginary negative; nan where it failed."""
        pairs = zip(self.phonons, self.meshes, strict=True)
        return [np.asarray(found.frequencies(mesh.q)) for found, mesh in pairs]

    def frequencies(self, row: int) -> np.ndarray:
        """The spectrum of a crystal.

        Raises:
            ValueError: if its phonons have failed.
        """
        if failure := self.phonons[row].failure:
            raise ValueError(failure)
        return self.spectra[row]

    def _reduced(self, crystal: Crystal) -> Crystal:
        if not (self.settings.primitive and all(crystal.pbc)):
            return crystal
        try:
            smaller = primitive(crystal, self.settings.symprec)
        except ValueError:  # two atoms on one place, which the relaxation tells
            return crystal
        return smaller if smaller.n_atoms < crystal.n_atoms else crystal
