"""What a screen leaves: a table, the structures at rest, a figure and the errors.

All of it is written line by line from the file of records: a screen of many crystals is
never in memory as a whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matjax.crystals import crystal_from_json
from matjax.data import energies_above_hull
from matjax.files import cell, draft
from matjax.screening.columns import HULL, Column, find_column
from matjax.screening.pipeline import Given, Screened

ENERGY = find_column("energy").header


class Row(NamedTuple):
    """A crystal of a screen."""

    key: str
    given: Given
    values: Mapping[str, Any]
    """By header."""
    failure: str
    """Why values are missing; empty if none is."""
    crystal: Mapping[str, Any] | None
    """At rest, as plain JSON."""
    seconds: float


class Comparison(NamedTuple):
    """A column beside the values that were given with the crystals."""

    column: Column
    reference: str
    """Name of the values in the source."""


def rows(screen: Screened, hull: Mapping[str, float | str] | None) -> Iterator[Row]:
    """The crystals of a screen, in the order of the source.

    Args:
        screen: entries and records.
        hull: energy above the hull by key, or why there is none; None if it was not
            asked for.
    """
    for key, given in screen.given.items():
        record = screen.records[key]
        answer = record.get("values", {})
        error = record.get("error")
        reasons = dict(answer.get("failures", {}))
        if error:
            reasons["crystal"] = f"{error['kind']}: {error['message']}"
        if "failure" in answer:
            reasons["relaxation"] = answer["failure"]
        values = dict(answer.get("values", {}))
        if hull is not None and values:
            found = hull[key]
            if isinstance(found, str):
                reasons[HULL.name] = found
            else:
                values[HULL.header] = found
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        yield Row(
            key=key,
            given=given,
            values=values,
            failure=" ".join(text.split()),
            crystal=answer.get("crystal"),
            seconds=record["seconds"],
        )


def above_hull(screen: Screened, competing: Screened | None) -> dict[str, float | str]:
    """Energy above the convex hull of all crystals of a screen and of competing phases.

    Args:
        screen: with the column ``energy``.
        competing: phases that were computed in the same way.

    Returns:
        eV/atom by key, or why there is none.
    """
    keys, compositions, energies = _energies(screen)
    others = _energies(competing) if competing is not None else ([], [], [])
    above = energies_above_hull(compositions, energies, *others[1:])
    found: dict[str, float | str] = {
        key: reason or float(value)
        for key, value, reason in zip(keys, *above, strict=True)
    }
    return {key: found.get(key, "it has no energy") for key in screen.given}


def _energies(screen: Screened) -> tuple[list[str], list, list[float]]:
    """Keys, compositions, and energies of as many atoms, of those that have any."""
    keys, compositions, energies = [], [], []
    for row in rows(screen, None):
        if ENERGY in row.values:
            keys.append(row.key)
            compositions.append(row.given.composition)
            energies.append(row.values[ENERGY] * row.given.n_atoms)
    return keys, compositions, energies


def write_table(
    path: Path,
    found: Iterator[Row],
    columns: Sequence[Column],
    comparisons: Sequence[Comparison] = (),
) -> None:
    """Writes a table, as CSV or, with the ending ``.parquet``, as Parquet.

    Args:
        path: of the table.
        found: the crystals.
        columns: whose values are written.
        comparisons: for each a column with the reference follows.

    Raises:
        ImportError: if Parquet is wanted and pyarrow is not installed.
    """
    lines = _lines(found, columns, comparisons)
    header = next(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as partial:
        if path.suffix == ".parquet":
            _write_parquet(partial, header, lines)
            return
        with partial.open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for line in lines:
                writer.writerow(["" if v is None else cell(v) for v in line])


def _lines(
    found: Iterator[Row], columns: Sequence[Column], comparisons: Sequence[Comparison]
) -> Iterator[list[Any]]:
    """The header, and then a line for each crystal; None where a value is missing."""
    beside = {c.column.name: c for c in comparisons}
    header = ["crystal", "formula", "n_atoms"]
    for column in columns:
        header.append(column.header)
        if column.name in beside:
            header.append(column._replace(name=f"{column.name}_reference").header)
    yield [*header, "seconds", "failure"]
    for row in found:
        line: list[Any] = [row.key, formula(row.given.composition), row.given.n_atoms]
        for column in columns:
            line.append(row.values.get(column.header))
            if column.name in beside:
                line.append(row.given.references.get(beside[column.name].reference))
        yield [*line, row.seconds, row.failure]


def _write_parquet(path: Path, header: Sequence[str], lines: Iterator[list]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            "a table in Parquet needs pyarrow: pip install 'matjax[parquet]', or name "
            "a table that ends with .csv"
        ) from error
    columns = list(zip(*lines, strict=True)) or [()] * len(header)
    pq.write_table(pa.table(dict(zip(header, map(list, columns), strict=True))), path)


def formula(composition: Mapping[str, int]) -> str:
    """Such as NaCl: metals first, as it is usual."""
    from ase.formula import Formula

    return Formula.from_dict(dict(composition)).format("metal")


def write_structures(path: Path, found: Iterator[Row]) -> int:
    """Writes the crystals at rest as extended XYZ; gives their number."""
    from ase.io import write

    number = 0
    with draft(path) as partial, partial.open("w", encoding="utf-8") as file:
        for row in found:
            if row.crystal is None:
                continue
            atoms = crystal_from_json(row.crystal).to_ase()
            atoms.info = {"material_id": row.key, **row.values}
            write(file, atoms, format="extxyz")
            number += 1
    return number
