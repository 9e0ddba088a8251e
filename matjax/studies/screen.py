"""What a screen leaves behind, and its numbers in short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from matjax.reports import ColumnValues, overview_figure
from matjax.screening.columns import HULL, all_columns, find_column
from matjax.screening.pipeline import Screened
from matjax.screening.table import (
    Comparison,
    above_hull,
    rows,
    write_structures,
    write_table,
)
from matjax.screening.tally import Tally
from matjax.studies.run import Run

TOLD = ("steps", "max_force", "max_stress")
"""Columns that a figure of results leaves out."""


def save_screen(
    run: Run,
    screen: Screened,
    columns: Sequence[str],
    *,
    compare: Mapping[str, str],
    competing: Screened | None = None,
    kind: str = "csv",
    title: str = "",
) -> dict[str, float | int]:
    """Writes table, structures at rest and figure; gives numbers and errors.

    Args:
        run: where the files go.
        screen: entries and records.
        columns: names of the columns.
        compare: columns that are held against values given with the crystals.
        competing: phases that span the hull, too.
        kind: of the table, ``csv`` or ``parquet``.
        title: of the figure.

    Raises:
        ValueError: if no crystal has a result.
    """
    hull = above_hull(screen, competing) if HULL.name in columns else None
    comparisons = [Comparison(find_column(n), r) for n, r in compare.items()]
    found = partial(rows, screen, hull)
    shown = all_columns(columns)
    write_table(run.path(f"table.{kind}"), found(), shown, comparisons)
    if not write_structures(run.path("structures.extxyz"), found()):
        first = next((row.failure for row in found()), "the source holds none")
        raise ValueError(f"no crystal has a result; the first: {first}")
    tally = Tally.of(found(), shown, comparisons)
    drawn = [numbers for numbers in tally.columns if numbers.column.name not in TOLD]
    figure = overview_figure(
        {n.column.name: ColumnValues(n.values, n.column.unit) for n in drawn},
        references={
            n.column.name: n.references for n in drawn if n.references is not None
        },
        outcomes=tally.outcomes,
        title=title,
    )
    run.save_figure("overview", figure)
    return tally.metrics()
