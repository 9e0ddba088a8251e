"""The numbers of a screen side by side, and their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matjax.screening.columns import Column
from matjax.screening.table import Comparison, Row
from matjax.units import unit_name

OUTCOMES = ("converged", "not converged", "failed")


class Errors(NamedTuple):
    """A column beside the values that were given with the crystals."""

    column: Column
    values: np.ndarray
    """(crystals with both,)."""
    references: np.ndarray
    n_atoms: np.ndarray
    """Of the cells as given."""

    def metrics(self) -> dict[str, float | int]:
        """Mean, squared, signed and median errors; of extensive ones by atom, too."""
        unit, name = unit_name(self.column.unit), self.column.name
        differences = {"": self.values - self.references}
        if self.column.extensive:
            differences["_per_atom"] = differences[""] / self.n_atoms
        found: dict[str, float | int] = {f"{name}_n_compared": len(self.values)}
        for by, error in differences.items() if len(self.values) else ():
            found[f"{name}_mae{by}_{unit}"] = float(np.abs(error).mean())
            found[f"{name}_rmse{by}_{unit}"] = float(np.sqrt((error**2).mean()))
            found[f"{name}_bias{by}_{unit}"] = float(error.mean())
            found[f"{name}_median_ae{by}_{unit}"] = float(np.median(np.abs(error)))
        return found


class Numbers(NamedTuple):
    """A column of numbers."""

    column: Column
    values: np.ndarray
    """(crystals,); not a number where one is missing."""
    references: np.ndarray | None
    """Values that were given with the crystals, likewise."""


@dataclass(frozen=True)
class Tally:
    """What a figure and a summary need of all crystals."""

    columns: Sequence[Numbers]
    """Those that hold numbers."""
    outcomes: Mapping[str, int]
    """Number of crystals of each of :data:`OUTCOMES`."""
    n_incomplete: int
    """Crystals at rest that lack a value."""
    n_atoms: np.ndarray
    """Of the cells as given, (crystals,)."""
    seconds: float
    """Of all workers together."""

    @staticmethod
    def of(
        rows: Iterable[Row],
        columns: Sequence[Column],
        comparisons: Sequence[Comparison],
    ) -> Tally:
        """Of all rows of a screen.

        Args:
            rows: read through once.
            columns: those that hold words are left out.
            comparisons: columns with values to compare with.
        """
        names = {c.column.name: c.reference for c in comparisons}
        values: list[list[float]] = [[] for _ in columns]
        references: list[list[float]] = [[] for _ in columns]
        outcomes: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        incomplete, seconds, n_atoms = 0, 0.0, []
        for row in rows:
            n_atoms.append(row.given.n_atoms)
            seconds += row.seconds
            incomplete += bool(row.values and row.failure)
            outcomes[_outcome(row)] += 1
            for k, column in enumerate(columns):
                value = row.values.get(column.header, np.nan)
                values[k].append(np.nan if isinstance(value, str | bool) else value)
                given = row.given.references.get(names.get(column.name, ""), np.nan)
                references[k].append(given)
        numbers = [
            Numbers(column, np.array(x), np.array(r) if column.name in names else None)
            for column, x, r in zip(columns, values, references, strict=True)
        ]
        return Tally(
            columns=[n for n in numbers if np.isfinite(n.values).any()],
            outcomes=outcomes,
            n_incomplete=incomplete,
            n_atoms=np.array(n_atoms),
            seconds=seconds,
        )

    @property
    def errors(self) -> list[Errors]:
        """Columns beside what was given, of the crystals that have both."""
        found = []
        for column, values, references in self.columns:
            if references is None:
                continue
            both = np.isfinite(values) & np.isfinite(references)
            at = (values[both], references[both], self.n_atoms[both])
            found.append(Errors(column, *at))
        return found

    def metrics(self) -> dict[str, float | int]:
        """Numbers of crystals by outcome, and errors."""
        found: dict[str, float | int] = {
            "n_crystals": sum(self.outcomes.values()) - self.outcomes["failed"],
            "n_failed": self.outcomes["failed"],
            "n_not_converged": self.outcomes["not converged"],
            "n_incomplete": self.n_incomplete,
            "mean_atoms": float(self.n_atoms.mean()),
            "crystal_seconds": self.seconds,
        }
        for errors in self.errors:
            found |= errors.metrics()
        return found


def _outcome(row: Row) -> str:
    if not row.values:
        return "failed"
    return "converged" if row.values.get("converged") else "not converged"
