"""The numbers of a screen side by side, and their errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matjax.screening.columns import Column
from matjax.screening.table import Comparison, Row
from matjax.units import unit_name


class Errors(NamedTuple):
    """A column beside the values that were given with the crystals."""

    column: Column
    values: np.ndarray
    """(crystals with both,)."""
    references: np.ndarray
    n_atoms: np.ndarray
    """Of the cells as given."""

    def metrics(self) -> dict[str, float]:
        """Mean, squared, signed and median errors; of extensive ones by atom, too."""
        unit, name = unit_name(self.column.unit), self.column.name
        differences = {"": self.values - self.references}
        if self.column.extensive:
            differences["_per_atom"] = differences[""] / self.n_atoms
        found: dict[str, float] = {f"{name}_n_compared": len(self.values)}
        for by, error in differences.items() if len(self.values) else ():
            found[f"{name}_mae{by}_{unit}"] = float(np.abs(error).mean())
            found[f"{name}_rmse{by}_{unit}"] = float(np.sqrt((error**2).mean()))
            found[f"{name}_bias{by}_{unit}"] = float(error.mean())
            found[f"{name}_median_ae{by}_{unit}"] = float(np.median(np.abs(error)))
        return found


@dataclass(frozen=True)
class Tally:
    """What a figure and a summary need of all crystals."""

    numbers: Mapping[str, np.ndarray]
    """Columns of numbers by header, (crystals,); not a number where one is missing."""
    outcomes: Mapping[str, int]
    """Number of crystals by outcome: ``converged``, ``not converged``, ``failed``."""
    n_incomplete: int
    """Crystals at rest that lack a value."""
    errors: Sequence[Errors]
    mean_atoms: float
    seconds: float
    """Of all workers together."""

    @staticmethod
    def of(
        rows: Iterable[Row], headers: Sequence[str], comparisons: Sequence[Comparison]
    ) -> Tally:
        """Of all rows of a screen.

        Args:
            rows: read through once.
            headers: of the columns; those that hold words are left out.
            comparisons: columns with values to compare with.
        """
        values: dict[str, list[float]] = {name: [] for name in headers}
        references: dict[str, list[float]] = {c.reference: [] for c in comparisons}
        outcomes: Counter[str] = Counter()
        incomplete, seconds, n_atoms = 0, 0.0, []
        for row in rows:
            n_atoms.append(row.given.n_atoms)
            seconds += row.seconds
            incomplete += bool(row.values and row.failure)
            outcomes[_outcome(row)] += 1
            for name, column in values.items():
                value = row.values.get(name, np.nan)
                column.append(np.nan if isinstance(value, str | bool) else value)
            for name, column in references.items():
                column.append(row.given.references.get(name, np.nan))
        numbers = {name: np.array(column, float) for name, column in values.items()}
        sizes = np.array(n_atoms, float)
        return Tally(
            numbers={n: x for n, x in numbers.items() if np.isfinite(x).any()},
            outcomes=outcomes,
            n_incomplete=incomplete,
            errors=[
                _errors(
                    c,
                    numbers[c.column.header],
                    np.array(references[c.reference]),
                    sizes,
                )
                for c in comparisons
            ],
            mean_atoms=float(sizes.mean()),
            seconds=seconds,
        )

    def metrics(self) -> dict[str, float | int]:
        """Numbers of crystals by outcome, and errors."""
        found: dict[str, float | int] = {
            "n_crystals": sum(self.outcomes.values()) - self.outcomes.get("failed", 0),
            "n_failed": self.outcomes.get("failed", 0),
            "n_not_converged": self.outcomes.get("not converged", 0),
            "n_incomplete": self.n_incomplete,
            "mean_atoms": self.mean_atoms,
            "crystal_seconds": self.seconds,
        }
        for errors in self.errors:
            found |= errors.metrics()
        return found


def _outcome(row: Row) -> str:
    if not row.values:
        return "failed"
    return "converged" if row.values.get("converged") else "not converged"


def _errors(
    comparison: Comparison, values: np.ndarray, given: np.ndarray, n_atoms: np.ndarray
) -> Errors:
    both = np.isfinite(values) & np.isfinite(given)
    return Errors(comparison.column, values[both], given[both], n_atoms[both])
