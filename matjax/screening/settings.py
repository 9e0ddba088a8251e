"""What a screen is told beside its crystals."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt

from matjax.config import Section


class ScreenSettings(Section):
    """How the crystals of a screen are brought to rest, and what is computed of them.

    It travels to workers as plain JSON.
    """

    potential: str = "nequix-oam-1-pft"
    """Name or file of a potential."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Precision of the potential, and of the response of crystals."""
    primitive: bool = True
    """Whether crystals are reduced to their primitive cells first."""
    relax: bool = True
    """Whether atoms and cell are brought to rest; else crystals are taken as given."""
    fmax: float = Field(default=5e-3, gt=0)
    """Largest force at the end, eV/Å."""
    smax: float = Field(default=1e-4, gt=0)
    """Largest component of the stress at the end, eV/Å³ (1e-4 is 0.016 GPa)."""
    max_steps: PositiveInt = 500
    """Steps of a relaxation at most."""
    symmetry: bool = False
    """Whether relaxations keep the space group."""
    symprec: float = Field(default=1e-3, gt=0)
    """Å, how far atoms may be from their symmetric places."""
    length: float = Field(default=9.0, gt=0)
    """The mesh of phonons has 1, 2, 3, … divisions along a reciprocal vector so that
    the crystal repeats itself after at least this length, Å."""
    temperature: float = Field(default=300.0, gt=0)
    """Of heat capacities, K."""

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump(mode="json")
