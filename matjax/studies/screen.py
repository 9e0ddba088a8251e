"""A screen: one function of many crystals of a data file, beside reference values.

An experiment says which function of which crystals; here they are shared out, and what
comes of it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax.numpy as jnp

from matjax.data import Item, choose, read_items, small_first
from matjax.predictors import Potential
from matjax.processes import survey
from matjax.reports import (
    accuracy_figure,
    accuracy_metrics,
    accuracy_table,
    failures,
)
from matjax.studies.run import Run
from matjax.weights import load_potential


def chosen_items(
    data: str,
    properties: Sequence[str],
    *,
    limit: int | None = None,
    max_atoms: int | None = None,
    seed: int = 0,
) -> dict[str, Item]:
    """Crystals of a data file that have these properties, small ones first.

    Args:
        data: file of crystals; searched in ``MATJAX_DATA``.
        properties: whose reference values are read.
        limit: number of crystals, chosen at random; all by default.
        max_atoms: of these, those with at most so many atoms in the cell.
        seed: of the choice.
    """
    items = read_items(data, properties)
    keys = choose(items, limit, seed=seed)
    return {key: items[key] for key in small_first(keys, items, max_atoms)}


def screened(
    function: str,
    items: Mapping[str, Item],
    settings: Mapping[str, Any],
    run: Run,
    *,
    n_workers: int,
    time_limit: float | None,
) -> dict[str, dict[str, Any]]:
    """Answers of a function for all crystals, kept in the folder of the run.

    Args:
        function: ``file.py:name``, as :func:`matjax.processes.survey` has it.
        items: crystals by key.
        settings: passed with every crystal.
        run: where the answers go.
        n_workers: processes.
        time_limit: seconds for one crystal.
    """
    return survey(
        function,
        {key: item.to_json() for key, item in items.items()},
        run.path("crystals.jsonl"),
        settings=settings,
        n_workers=n_workers,
        time_limit=time_limit,
        progress=run.progress,
    )


def report(
    answers: Mapping[str, Mapping[str, Any]],
    items: Mapping[str, Item],
    units: Mapping[str, str],
    run: Run,
    *,
    per_atom: Sequence[str] = (),
) -> dict[str, float | int]:
    """Writes table, parity plots and list of failures, and gives the mean errors.

    Args:
        answers: of a survey.
        items: with the reference values.
        units: of each property, as names of columns end.
        run: where the files go.
        per_atom: properties of the cell whose errors by atom are given as well.

    Raises:
        ValueError: if no crystal has a result.
    """
    if not answers:
        raise ValueError("at least one crystal is needed; none is left: allow larger")
    run.save_table("crystals", accuracy_table(answers, items, units))
    failed = failures(answers)
    run.save_text("failures.txt", "".join(f"{line}\n" for line in failed))
    if len(failed) == len(answers):
        raise ValueError(f"no crystal has a result; the first: {failed[0]}")
    run.save_figure("parity", accuracy_figure(answers, items, units))
    return accuracy_metrics(answers, items, units, per_atom=per_atom)


@lru_cache(maxsize=1)
def screening_potential(name: str, precision: str) -> Potential:
    """A potential by name or file, loaded once in a process.

    Args:
        name: see :func:`matjax.load_potential`.
        precision: ``float32`` or ``float64``.
    """
    return load_potential(name, dtype=jnp.dtype(precision))
