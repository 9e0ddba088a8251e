"""What a worker does with a batch of crystals: the columns that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json
from matjax.predictors import Potential
from matjax.processes.tasks import failure_of
from matjax.screening.batch import Batch
from matjax.screening.columns import Column, Missing, Value, all_columns
from matjax.screening.settings import ScreenSettings
from matjax.weights import load_potential

FUNCTION = f"{__name__}:compute"
"""This module's function as tasks name it."""

Answer = dict[str, Any]
"""``values`` and ``failures`` by column and the ``crystal`` at rest, or ``failure``."""


def compute(
    items: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[Answer]:
    """What is found of each crystal.

    Args:
        items: crystals as plain JSON.
        settings: ``columns``, and those of :class:`ScreenSettings`.
    """
    columns = all_columns(settings["columns"])
    given = {k: v for k, v in settings.items() if k in ScreenSettings.model_fields}
    screen = ScreenSettings(**given)
    potential = _loaded(screen.potential, screen.potential_precision)
    answers: dict[int, Answer] = {}
    crystals: dict[int, Crystal] = {}
    for k, item in enumerate(items):
        try:
            crystals[k] = crystal_from_json(item)
            potential.require_species(crystals[k])
        except ValueError as error:
            answers[k] = {"failure": str(error)}
    if crystals:
        batch = Batch(potential, list(crystals.values()), screen)
        found = _answers(batch, columns)
        answers |= dict(zip(crystals, found, strict=True))
    return [answers[k] for k in range(len(items))]


def _answers(batch: Batch, columns: Sequence[Column]) -> list[Answer]:
    """Columns of the crystals that have come to rest; why the others have not."""
    answers: list[Answer] = [
        {"failure": r.failure} if r.failure else {} for r in batch.relaxations
    ]
    good = [k for k, answer in enumerate(answers) if not answer]
    part = batch.only(good)
    for k, crystal in zip(good, part.crystals, strict=True):
        answers[k] |= {"values": {}, "failures": {}}
        answers[k]["crystal"] = crystal_to_json(crystal)
    for column in columns if good else ():
        for k, value in zip(good, _values(column, part), strict=True):
            if isinstance(value, Missing):
                answers[k]["failures"][column.header] = value.reason
            else:
                answers[k]["values"][column.header] = value
    return answers


def _values(column: Column, batch: Batch) -> list[Value]:
    """A value of each crystal; where a column fails as a whole, of each by itself."""
    try:
        found = list(column.values(batch))
        if len(found) != len(batch):
            raise ValueError(
                f"the column {column.name} must give one value for each crystal; of "
                f"{len(batch)} it gives {len(found)}"
            )
    except Exception as error:  # noqa: BLE001 (of any column; it becomes the record)
        if len(batch) > 1:
            rows = [batch.only([k]) for k in range(len(batch))]
            return [value for row in rows for value in _values(column, row)]
        return [Missing(" ".join(failure_of(error)))]
    return [_plain(value) for value in found]


def _plain(value: Any) -> Value:
    """A value as JSON holds it; what is not finite is missing."""
    if isinstance(value, Missing):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return Missing(f"a value must be finite; it is {value}")
    if isinstance(value, bool | int | float | str):
        return value
    return Missing(f"a value must be a number or a word; it is {type(value).__name__}")


@lru_cache(maxsize=1)
def _loaded(name: str, precision: str) -> Potential:
    return load_potential(name, dtype=jnp.dtype(precision))
