"""Properties of the crystals of a source, as one table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from matjax.crystals import Crystal
from matjax.data import entries
from matjax.errors import reason
from matjax.files import cell, draft
from matjax.graphs import Graph
from matjax.predictors import Label, Properties, PropertyPredictor
from matjax.progress import Progress
from matjax.units import unit_name
from matjax.weights import Converted, Placed, find, load_predictor, pretrained

BATCH = 64
"""Crystals evaluated at once."""

BATCH_ATOMS = 4096
"""Atoms evaluated at once, unless one crystal has more: a network of 64 features keeps
some 300 kB for each."""

WIDEST = 9
"""Numbers of a property of a crystal that a table holds; spectra are none of them."""


class Row(NamedTuple):
    """One structure of a file and what is predicted of it, or why nothing is."""

    file: str
    structure: int
    """Place in the file, from 0."""
    formula: str
    values: dict[str, float]
    """By column of :func:`columns`; without those that failed."""
    failure: str
    """Why nothing is predicted, or not everything."""


def available_predictors() -> dict[str, PropertyPredictor]:
    """Every published property network of numbers whose weights are found, by name.

    Raises:
        FileNotFoundError: if there is none.
    """
    known: dict[str, Converted | Placed] = {**pretrained(Converted)}
    known |= {n: e for n, e in pretrained(Placed).items() if e.kind == "property"}
    names = [name for name, entry in known.items() if find(entry)]
    if not names:
        load_predictor(next(iter(known)))  # says where its file may be put
    return named_predictors(names)


def named_predictors(names: Sequence[str]) -> dict[str, PropertyPredictor]:
    """Property networks by their names or files.

    Raises:
        ValueError: if one gives what a table of crystals does not hold.
    """
    found = {name: load_predictor(name) for name in names}
    for name, predictor in found.items():
        if not _fits_a_table(predictor):
            raise ValueError(
                "a table of crystals holds numbers and tensors of crystals; "
                f"{name} gives {', '.join(predictor.properties)} of atoms or along an "
                "axis: call it in Python"
            )
    return found


def _fits_a_table(predictor: PropertyPredictor) -> bool:
    return all(not x.of_atoms and prod(x.shape) <= WIDEST for x in predictor.labels)


def columns(predictors: Mapping[str, PropertyPredictor]) -> dict[str, list[str]]:
    """Names of the columns that each predictor fills, with their units.

    A number has its property's name and unit; tensors have a column for each component.
    Of a predictor with uncertainties each is followed by that of its uncertainty. What
    an earlier predictor has named carries the name of the later one too.
    """
    taken: set[str] = set()
    named: dict[str, list[str]] = {}
    for name, predictor in predictors.items():
        named[name] = []
        for label in predictor.labels:
            wanted = [*_components(label, predictor)]
            if not taken.isdisjoint(wanted):
                wanted = [f"{column} ({Path(name).stem})" for column in wanted]
            taken |= {*wanted}
            named[name] += wanted
    return named


def _components(label: Label, predictor: PropertyPredictor) -> Iterator[str]:
    """Columns of a property."""
    chance = dict(zip(predictor.properties, predictor.probability, strict=False))
    unit = "probability" if chance.get(label.name) else unit_name(label.unit)
    for index in np.ndindex(label.shape):
        place = "".join("_" + str(i) for i in index)
        yield "_".join(x for x in (label.name + place, unit) if x)
        if predictor.n_members > 1:
            yield "_".join(x for x in (f"{label.name}{place}_uncertainty", unit) if x)


def predict_files(
    parts: Sequence[str],
    predictors: Mapping[str, PropertyPredictor],
    *,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """Properties of every structure of every source, in order, as batches are done.

    What cannot be read becomes a row with the reason; a network that does not know an
    element, or fails, leaves its columns empty, and the rest goes on.

    Args:
        parts: files and queries, as :func:`~matjax.data.source_parts` gives them; all
            structures of each are taken.
        predictors: by name.
        progress: wraps the parts, such as ``tqdm.tqdm``.
    """
    rows: list[Row] = []
    waiting: list[tuple[int, Crystal]] = []
    steps = progress(parts, "predicting") if progress else parts
    for row, crystal in _structures(steps):
        if crystal is not None:
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
    path: Path, rows: Sequence[Row], predictors: Mapping[str, PropertyPredictor]
) -> None:
    """Writes the rows as CSV, with the units in the names of the columns."""
    names = [column for of_one in columns(predictors).values() for column in of_one]
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        draft(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["file", "structure", "formula", *map(cell, names), "failure"])
        for row in rows:
            # Seven digits are what the networks' float32 parameters bear.
            numbers = [f"{row.values[n]:.7g}" if n in row.values else "" for n in names]
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


def _fill(
    rows: list[Row],
    waiting: Sequence[tuple[int, Crystal]],
    predictors: Mapping[str, PropertyPredictor],
) -> None:
    """Puts the values of these crystals, or reasons of failures, into their rows."""
    crystals = dict(waiting)
    graphs: dict[tuple, Graph] = {}
    failures: dict[int, dict[str, list[str]]] = {at: {} for at in crystals}
    named = columns(predictors)
    for name, predictor in predictors.items():
        for at, answer in _answers(predictor, crystals, graphs).items():
            if isinstance(answer, Exception):
                failures[at].setdefault(reason(answer), []).append(name)
                continue
            numbers = dict(zip(named[name], _numbers(answer), strict=True))
            rows[at] = rows[at]._replace(values={**rows[at].values, **numbers})
    for at, reasons in failures.items():
        said = [
            why if len(names) == len(predictors) else f"{', '.join(names)}: {why}"
            for why, names in reasons.items()
        ]
        rows[at] = rows[at]._replace(failure="; ".join(said))


def _answers(
    predictor: PropertyPredictor,
    crystals: Mapping[int, Crystal],
    graphs: dict[tuple, Graph],
) -> dict[int, Properties | Exception]:
    """What one predictor says of each crystal, or why it says nothing.

    Args:
        predictor: any.
        crystals: by their rows.
        graphs: those made before, which predictors of the same graph share.
    """
    answers: dict[int, Properties | Exception] = {}
    for at, crystal in crystals.items():
        try:
            predictor.require_species(crystal)
        except ValueError as error:
            answers[at] = error
    known = {at: crystal for at, crystal in crystals.items() if at not in answers}
    if not known:
        return answers
    kind = (predictor.cutoff, predictor.n_nearest, predictor.dtype, *known)
    try:
        if kind not in graphs:
            # Compiling takes longer than what is computed: few sizes, more padding.
            graphs[kind] = predictor.graph([*known.values()], n_graphs=BATCH, parts=1)
        return answers | dict(zip(known, predictor.of_graph(graphs[kind]), strict=True))
    except Exception as error:  # noqa: BLE001 (of any network; it becomes the row's)
        if len(known) == 1:
            return answers | dict.fromkeys(known, error)
    for at, crystal in known.items():  # one of them is at fault
        answers |= _answers(predictor, {at: crystal}, graphs)
    return answers


def _numbers(prediction: Properties) -> Iterator[float]:
    """Values in the order of the columns."""
    for name, value in prediction.values.items():
        each = [np.ravel(value)]
        if name in prediction.uncertainties:
            each.append(np.ravel(prediction.uncertainties[name]))
        yield from map(float, np.stack(each, axis=-1).ravel())
