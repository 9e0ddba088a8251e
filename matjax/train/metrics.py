"""Errors in words and units, from the sums of all batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from matjax.train.losses import Sums
from matjax.units import GPA

UNITS: dict[str, tuple[str, str, float]] = {
    "energy": ("energy", "meV_per_atom", 1e3),
    "forces": ("force", "meV_per_A", 1e3),
    "stress": ("stress", "GPa", GPA),
    "columns": ("column", "meV_per_A2", 1e3),
}
"""For labels of potentials: name, unit, and its number in eV and Å."""


def errors(
    sums: Mapping[str, Sums], units: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Mean absolute and root mean square errors by name, the unit in the name.

    Args:
        sums: of each term over all batches.
        units: of properties, by label.
    """
    found = {}
    for label, part in sums.items():
        absolute, square, count = (
            float(np.asarray(x)) for x in (part.absolute, part.square, part.count)
        )
        mae, factor = metric(label, "mae", units)
        rmse, _ = metric(label, "rmse", units)
        found[mae] = factor * absolute / max(count, 1)
        found[rmse] = factor * (square / max(count, 1)) ** 0.5
    return found


def metric(
    label: str, statistic: str, units: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """Name of a metric with its unit, and that unit's number in eV and Å.

    Args:
        label: of what is predicted.
        statistic: ``mae`` or another one.
        units: of properties, by label.
    """
    plain = (label, (units or {}).get(label, ""), 1.0)
    name, unit, factor = UNITS.get(label, plain)
    return f"{name}_{statistic}" + (f"_{unit}" if unit else ""), factor


def summed(parts: Sequence[Mapping[str, Sums]]) -> dict[str, Sums]:
    """Sums of all batches, in float64: float32 would lose those of many."""
    labels = parts[0] if parts else {}
    return {
        label: Sums(
            *(
                np.sum([np.asarray(x, dtype=np.float64) for x in column])
                for column in zip(*(part[label] for part in parts), strict=True)
            )
        )
        for label in labels
    }
