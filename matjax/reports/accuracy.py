"""Predicted beside reference values of many crystals: table, figure and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.data import Item
from matjax.elements import symbols
from matjax.reports.drawing import new_figure, style
from matjax.reports.parity import draw_parity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Answers = Mapping[str, Mapping[str, Any]]
"""Records of a survey: ``seconds``, and ``values`` or ``error``, by crystal."""

Items = Mapping[str, Item]


def failures(answers: Answers) -> list[str]:
    """Lines ``id: reason`` of the crystals without a result."""
    return [
        f"{key}: {r['error']['kind']}: {r['error']['message'].partition(chr(10))[0]}"
        for key, r in answers.items()
        if "error" in r
    ]


def accuracy_table(
    answers: Answers, items: Items, units: Mapping[str, str]
) -> dict[str, list]:
    """Columns with predicted and reference values, and all else that was found.

    Args:
        answers: of the survey.
        items: with the reference values.
        units: of each property, as names of columns end.
    """
    extra = sorted({k for r in answers.values() for k in r.get("values", {})})
    columns: dict[str, list] = {
        "crystal": list(answers),
        "formula": [_formula(items[key].numbers) for key in answers],
        "n_atoms": [len(items[key].numbers) for key in answers],
    }
    for key, unit in units.items():
        got = [r.get("values", {}).get(key, np.nan) for r in answers.values()]
        reference = [items[name].references[key] for name in answers]
        columns[f"{key}_{unit}"] = got
        columns[f"{key}_dft_{unit}"] = reference
        columns[f"{key}_error_{unit}"] = (np.array(got) - reference).tolist()
    for key in extra:
        if key not in units:
            got = [r.get("values", {}).get(key, "") for r in answers.values()]
            columns[key] = [str(value) for value in got]
    columns["seconds"] = [r["seconds"] for r in answers.values()]
    lines = dict(line.split(": ", 1) for line in failures(answers))
    columns["failure"] = [lines.get(key, "") for key in answers]
    return columns


def accuracy_metrics(
    answers: Answers,
    items: Items,
    units: Mapping[str, str],
    *,
    per_atom: Sequence[str] = (),
) -> dict[str, float | int]:
    """Mean errors of the crystals that have a result, and their numbers.

    Args:
        answers: of the survey; at least one with a result.
        items: with the reference values.
        units: of each property, as names of metrics end.
        per_atom: properties of the cell whose errors by atom are given as well.
    """
    metrics: dict[str, float | int] = {}
    for key, unit in units.items():
        sets = [(f"{key}_{{}}_{unit}", errors(answers, items, key))]
        if key in per_atom:
            part = errors(answers, items, key, per_atom=True)
            sets.append((f"{key}_{{}}_per_atom_{unit}", part))
        for name, difference in sets:
            metrics[name.format("mae")] = float(np.abs(difference).mean())
            metrics[name.format("rmse")] = float(np.sqrt((difference**2).mean()))
            metrics[name.format("bias")] = float(difference.mean())
            metrics[name.format("median_ae")] = float(np.median(np.abs(difference)))
    good = [len(items[key].numbers) for key, r in answers.items() if "values" in r]
    metrics["n_crystals"] = len(good)
    metrics["mean_atoms"] = float(np.mean(good))
    metrics["n_failed"] = len(answers) - len(good)
    metrics["crystal_seconds"] = float(sum(r["seconds"] for r in answers.values()))
    return metrics


def errors(
    answers: Answers, items: Items, key: str, *, per_atom: bool = False
) -> np.ndarray:
    """Predicted minus reference values of the crystals that have a result."""
    deviations = [
        (r["values"][key] - items[name].references[key])
        / (len(items[name].numbers) if per_atom else 1)
        for name, r in answers.items()
        if "values" in r
    ]
    return np.array(deviations, float)


def accuracy_figure(answers: Answers, items: Items, units: Mapping[str, str]) -> Figure:
    """Predicted against reference values, one panel for each property."""
    good = [key for key, r in answers.items() if "values" in r]
    with style():
        figure, axes = new_figure(1, len(units), width=3.4 * len(units), height=3.2)
        for ax, (key, unit) in zip(axes[0], units.items(), strict=True):
            x = np.array([items[name].references[key] for name in good])
            y = np.array([answers[name]["values"][key] for name in good])
            mean = draw_parity(ax, x, y).mae
            ax.set(xlabel=f"DFT {_label(key, unit)}", ylabel="Potential")
            readable = unit.replace("_per_", "/").replace("_", " ")
            ax.set_title(f"{len(good)} crystals, mean error {mean:.3g} {readable}")
    return figure


def _formula(numbers: Sequence[int]) -> str:
    """Chemical formula of a cell, elements by atomic number."""
    kinds, counts = np.unique(np.array(numbers, dtype=int), return_counts=True)
    names = symbols(kinds)
    return "".join(
        name + (str(count) if count > 1 else "")
        for name, count in zip(names, counts.tolist(), strict=True)
    )


def _label(key: str, unit: str) -> str:
    """Such as: heat capacity (J/(mol K))."""
    above, per, below = unit.partition("_per_")
    below = below.replace("_", " ")
    below = f"({below})" if " " in below else below
    return f"{key.replace('_', ' ')} ({above}{'/' if per else ''}{below})"
