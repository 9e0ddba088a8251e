"""Properties of the crystals of a source, as one table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from matjax.crystals import Crystal
from matjax.data import entries
from matjax.errors import reason
from matjax.files import cell, draft
from matjax.graphs import Graph
from matjax.predictors import PropertyPredictor
from matjax.progress import Progress
from matjax.units import unit_name
from matjax.weights import Converted, find, load_predictor, pretrained

BATCH = 64
"""Crystals evaluated at once."""

BATCH_ATOMS = 4096
"""Atoms evaluated at once, unless one crystal has more: a network of 64 features keeps
some 300 kB for each."""


class Row(NamedTuple):
    """One structure of a file and what is predicted of it, or why nothing is."""

    file: str
    structure: int
    """Place in the file, from 0."""
    formula: str
    values: dict[str, float]
    """By property; empty after a failure."""
    failure: str


def available_predictors() -> list[PropertyPredictor]:
    """Every published property network whose weights are found.

    Raises:
        FileNotFoundError: if there is none.
    """
    known = pretrained(Converted)
    names = [name for name, entry in known.items() if find(entry)]
    if not names:
        load_predictor(next(iter(known)))  # says where its file may be put
    return [load_predictor(name) for name in names]


def predict_files(
    parts: Sequence[str],
    predictors: Sequence[PropertyPredictor],
    *,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """Properties of every structure of every source, in order, as batches are done.

    What cannot be read, or holds an element that a network does not know, or makes a
    network fail, becomes a row with the reason, and the rest goes on.

    Args:
        parts: files and queries, as :func:`~matjax.data.source_parts` gives them; all
            structures of each are taken.
        predictors: of different properties.
        progress: wraps the parts, such as ``tqdm.tqdm``.
    """
    rows: list[Row] = []
    waiting: list[tuple[int, Crystal]] = []
    steps = progress(parts, "predicting") if progress else parts
    for row, crystal in _structures(steps):
        if crystal is not None:
            row = row._replace(failure=_unknown_element(crystal, predictors))
        if crystal is not None and not row.failure:
            n_atoms = crystal.n_atoms + sum(c.n_atoms for _, c in waiting)
            if waiting and (len(waiting) == BATCH or n_atoms > BATCH_ATOMS):
                _fill(rows, waiting, predictors)
                yield from rows
                rows, waiting = [], []
            waiting.append((len(rows), crystal))
        rows.append(row)
    _fill(rows, waiting, predictors)
    yield from rows


def write_table(
    path: Path, rows: Sequence[Row], predictors: Sequence[PropertyPredictor]
) -> None:
    """Writes the rows as CSV, with the units in the names of the columns."""
    columns = {
        name: f"{name}_{unit_name(unit)}"
        for predictor in predictors
        for name, unit in zip(predictor.properties, predictor.units, strict=True)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        draft(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["file", "structure", "formula", *columns.values(), "failure"])
        for row in rows:
            # Seven digits are what the networks' float32 parameters bear.
            numbers = [f"{row.values[n]:.7g}" if row.values else "" for n in columns]
            head = (cell(row.file), row.structure, cell(row.formula))
            writer.writerow([*head, *numbers, cell(row.failure)])


def _structures(parts: Iterable[str]) -> Iterator[tuple[Row, Crystal | None]]:
    """A row for each structure, still without values; or for one with a failure."""
    for part in parts:
        for entry in entries(part):
            file, _, number = entry.source.rpartition("#")
            row = Row(file, int(number), "", {}, entry.refusal)
            if entry.crystal is not None:
                formula = entry.crystal.to_ase().get_chemical_formula("metal")
                row = row._replace(formula=formula)
            yield row, entry.crystal


def _unknown_element(crystal: Crystal, predictors: Sequence[PropertyPredictor]) -> str:
    try:
        for predictor in predictors:
            predictor.require_species(crystal)
    except ValueError as error:
        return reason(error)
    return ""


def _fill(
    rows: list[Row],
    waiting: list[tuple[int, Crystal]],
    predictors: Sequence[PropertyPredictor],
) -> None:
    """Put the values of these crystals, or the reason of a failure, into their rows."""
    if not waiting:
        return
    try:
        values = _values([crystal for _, crystal in waiting], predictors)
    except Exception as error:  # noqa: BLE001 (of any network; it becomes the row's)
        if len(waiting) > 1:  # one of them is at fault
            for item in waiting:
                _fill(rows, [item], predictors)
            return
        at = waiting[0][0]
        rows[at] = rows[at]._replace(failure=reason(error))
        return
    for (at, _), mine in zip(waiting, values, strict=True):
        rows[at] = rows[at]._replace(values=mine)


def _values(
    crystals: list[Crystal], predictors: Sequence[PropertyPredictor]
) -> list[dict[str, float]]:
    """Values of each crystal by property; predictors of the same graph share it."""
    graphs: dict[tuple, Graph] = {}
    values: list[dict[str, float]] = [{} for _ in crystals]
    for predictor in predictors:
        kind = (
            *(predictor.cutoff, predictor.n_nearest),
            *(predictor.species, predictor.dtype),
        )
        if kind not in graphs:
            # Compiling takes longer than what is computed: few sizes, more padding.
            graphs[kind] = predictor.graph(crystals, n_graphs=BATCH, parts=1)
        for row, prediction in zip(
            values, predictor.of_graph(graphs[kind]), strict=True
        ):
            row |= {name: float(value) for name, value in prediction.values.items()}
    return values
