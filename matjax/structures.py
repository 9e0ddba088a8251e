"""Crystals as a config describes them: a file, or a structure type."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from matjax.config import Section
from matjax.crystals import Crystal, read


class Prototype(Section):
    """A crystal of a common structure type, as :func:`ase.build.bulk` builds it."""

    prototype: Literal[
        "sc", "fcc", "bcc", "hcp", "diamond", "zincblende", "rocksalt", "wurtzite"
    ]
    """Structure type; the cell is the primitive one."""
    symbols: str
    """Elements, such as Si or NaCl."""
    a: float = Field(gt=0)
    """Lattice constant of the conventional cell, Å."""
    c: float | None = Field(default=None, gt=0)
    """Second lattice constant of hexagonal types, Å."""


def described_crystal(description: str | Prototype) -> Crystal:
    """The crystal of a file that ASE reads, or of a structure type."""
    if isinstance(description, str):
        return read(description)
    from ase.build import bulk

    return Crystal.from_ase(
        bulk(description.symbols, description.prototype, description.a, description.c)
    )
