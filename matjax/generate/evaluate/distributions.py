"""Densities, numbers of elements and other numbers of samples beside those of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matjax.crystals import Crystal, volume
from matjax.elements import MASSES

AMU_PER_CUBIC_ANGSTROM = 1.66053906892
"""g/cm³ (CODATA 2022)."""


def densities(crystals: Sequence[Crystal]) -> np.ndarray:
    """Densities, g/cm³, (crystals,)."""
    return np.array(
        [
            float(MASSES[np.asarray(c.numbers)].sum() / volume(np.asarray(c.cell)))
            * AMU_PER_CUBIC_ANGSTROM
            for c in crystals
        ]
    )


def n_elements(crystals: Sequence[Crystal]) -> np.ndarray:
    """Numbers of elements, (crystals,)."""
    return np.array([len(np.unique(c.numbers)) for c in crystals])


def wasserstein(
    crystals: Sequence[Crystal], truth: Sequence[Crystal]
) -> dict[str, float]:
    """Distances of distributions of the density (g/cm³) and the number of elements.

    Args:
        crystals: valid samples, at least one.
        truth: crystals to compare with, at least one.
    """
    from scipy.stats import wasserstein_distance

    return {
        f"wasserstein_{name}": float(
            wasserstein_distance(numbers(crystals), numbers(truth))
        )
        for name, numbers in (("density", densities), ("elements", n_elements))
    }
