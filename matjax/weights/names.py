"""Potentials and property networks that are known by name; plain data, without JAX.

Potentials that their authors publish are in ``store``, beside their download.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

EMBEDDED: dict[str, dict[str, Any]] = {
    "stillinger-weber-si": {"name": "stillinger_weber"},
    "lennard-jones-ar": {"name": "lennard_jones"},
    "morse-cu": {"name": "morse"},
}
"""Potentials that need no file: settings of :func:`matjax.models.make_model`."""

SHIPPED: dict[str, Path] = {
    path.stem: path
    for path in sorted((Path(__file__).parent / "shipped").glob("*.safetensors"))
}
"""Trained potentials that are part of matjax; ``shipped/README.md`` describes them."""


class PublishedProperty(NamedTuple):
    """A file of weights that its authors publish, and what it predicts."""

    file: str
    property: str
    unit: str
    logarithmic: bool
    """Whether the network gives the decimal logarithm."""


PROPERTIES: dict[str, PublishedProperty] = {
    f"cgcnn-{file}": PublishedProperty(f"{file}.npz", name, unit, logarithmic)
    for file, name, unit, logarithmic in (
        ("formation-energy-per-atom", "formation_energy", "eV/atom", False),
        ("band-gap", "band_gap", "eV", False),
        ("bulk-moduli", "bulk_modulus", "GPa", True),
        ("shear-moduli", "shear_modulus", "GPa", True),
    )
}
"""Published property networks by name."""
