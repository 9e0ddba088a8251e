"""Properties of the crystals in many files, as one table."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from matjax.crystals import Crystal, read_all
from matjax.physics import PropertyPredictor
from matjax.progress import Progress
from matjax.weights import PROPERTIES, find_property, load_predictor

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


def structure_files(path: Path) -> list[Path]:
    """The file, or the files of a folder by name; hidden ones and folders left out.

    Raises:
        FileNotFoundError: if there is neither.
        ValueError: if the folder has no file.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"no such file or folder: {path}")
    files = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
    if not files:
        raise ValueError(f"{path} holds no file; structure files are needed")
    return files


def available_predictors() -> list[PropertyPredictor]:
    """Every published property network whose weights are found.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = [name for name, p in PROPERTIES.items() if find_property(p.file)]
    if not found:
        load_predictor(next(iter(PROPERTIES)))  # says where its file may be put
    return [load_predictor(name) for name in found]


def predict_files(
    files: Sequence[Path],
    predictors: Sequence[PropertyPredictor],
    *,
    progress: Progress | None = None,
) -> list[Row]:
    """Properties of every structure of every file, in order.

    What cannot be read, or holds an element that a network does not know, becomes a
    row with the reason, and the rest goes on.

    Args:
        files: of any format that ASE reads; all structures of each are taken.
        predictors: of different properties.
        progress: wraps the files, such as ``tqdm.tqdm``.
    """
    rows: list[Row] = []
    waiting: list[tuple[int, Crystal]] = []
    steps = progress(files, "predicting") if progress else files
    for row, crystal in _structures(steps):
        unknown = "" if crystal is None else _unknown_element(crystal, predictors)
        rows.append(row._replace(failure=row.failure or unknown))
        if crystal is None or unknown:
            continue
        n_atoms = crystal.n_atoms + sum(c.n_atoms for _, c in waiting)
        if waiting and (len(waiting) == BATCH or n_atoms > BATCH_ATOMS):
            _fill(rows, waiting, predictors)
            waiting = []
        waiting.append((len(rows) - 1, crystal))
    _fill(rows, waiting, predictors)
    return rows


def write_table(
    path: Path, rows: Sequence[Row], predictors: Sequence[PropertyPredictor]
) -> None:
    """Write the rows as CSV, with the units in the names of the columns."""
    columns = {
        name: f"{name}_{unit.replace('/', '_per_')}"
        for predictor in predictors
        for name, unit in zip(predictor.properties, predictor.units, strict=True)
    }
    draft = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "structure", "formula", *columns.values(), "failure"])
        for row in rows:
            # Seven digits are what the networks' float32 parameters bear.
            numbers = [f"{row.values[n]:.7g}" if row.values else "" for n in columns]
            head = (row.file, row.structure, row.formula)
            writer.writerow([*head, *numbers, row.failure])
    os.replace(draft, path)


def _structures(files: Iterable[Path]) -> Iterator[tuple[Row, Crystal | None]]:
    """A row for each structure, still without values; or for a file with a failure."""
    for path in files:
        try:
            crystals = read_all(path)
        except (ValueError, OSError) as error:
            yield Row(path.name, 0, "", {}, _one_line(error)), None
            continue
        for number, crystal in enumerate(crystals):
            formula = crystal.to_ase().get_chemical_formula("metal")
            yield Row(path.name, number, formula, {}, ""), crystal


def _unknown_element(crystal: Crystal, predictors: Sequence[PropertyPredictor]) -> str:
    try:
        for predictor in predictors:
            predictor.require_species(crystal)
    except ValueError as error:
        return _one_line(error)
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
    except ValueError as error:
        if len(waiting) > 1:  # one of them is at fault
            for item in waiting:
                _fill(rows, [item], predictors)
            return
        at = waiting[0][0]
        rows[at] = rows[at]._replace(failure=_one_line(error))
        return
    for i, (at, _) in enumerate(waiting):
        mine = {name: float(value[i]) for name, value in values.items()}
        rows[at] = rows[at]._replace(values=mine)


def _values(
    crystals: list[Crystal], predictors: Sequence[PropertyPredictor]
) -> dict[str, np.ndarray]:
    """Values by property; predictors that see the same graph share it."""
    graphs, values = {}, {}
    for predictor in predictors:
        model = predictor.model
        places = getattr(model, "n_nearest", None)
        kind = (model.cutoff, places, model.species, predictor.dtype)
        if kind not in graphs:
            # Compiling takes longer than what is computed: few sizes, more padding.
            graphs[kind] = predictor.graph(crystals, n_graphs=BATCH, parts=1)
        values |= predictor.of_graph(graphs[kind])
    return values


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
