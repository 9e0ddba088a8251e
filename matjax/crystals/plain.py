"""Crystals as plain JSON, as which they travel between processes and into records.

:func:`crystal_to_json` and :func:`crystal_from_json` are the one way there and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matjax.crystals.crystal import Crystal

REFUSED = "refused"
"""Key of the reason why there is no crystal."""


def bare(crystal: Crystal) -> Crystal:
    """The crystal with standard masses, all atoms free, and periodic: as JSON holds it.

    Results must not depend on whether a crystal has been sent to another process.
    """
    return Crystal.create(crystal.numbers, crystal.cell, fractional=crystal.fractional)


def crystal_to_json(crystal: Crystal) -> dict[str, Any]:
    """A crystal as plain JSON: elements, cell and places."""
    return {
        "numbers": np.asarray(crystal.numbers).tolist(),
        "cell": np.asarray(crystal.cell).tolist(),
        "fractional": np.asarray(crystal.fractional).tolist(),
    }


def crystal_from_json(given: Mapping[str, Any]) -> Crystal:
    """The crystal that JSON holds, among other keys.

    Raises:
        ValueError: if the frame it was read from is none; the reason says why.
    """
    if REFUSED in given:
        raise ValueError(given[REFUSED])
    return Crystal.create(
        given["numbers"], given["cell"], fractional=given["fractional"]
    )
