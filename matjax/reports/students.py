"""Phonons of a student beside those of its teacher: table and figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.crystals import Crystal
from matjax.data import composition
from matjax.distillation import COMPARED
from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Found = Mapping[str, Mapping[str, np.ndarray]]
"""Values compared, of teacher and student before and after its training."""


def student_table(crystals: Mapping[str, Crystal], found: Found) -> dict[str, Any]:
    """Columns with what is compared, a row for each crystal."""
    columns: dict[str, Any] = {
        "crystal": list(crystals),
        "formula": [composition(crystal) for crystal in crystals.values()],
    }
    for name, unit in COMPARED.items():
        for stage, values in found.items():
            columns[f"{stage}_{name}_{unit}"] = values[name]
    return columns


def student_figure(found: Found) -> Figure:
    """Phonons of the student against the teacher's, before and after."""
    readable = {"THz": "THz", "J_per_mol_K": "J/(mol K)"}
    with style():
        figure, axes = new_figure(1, len(COMPARED), width=9.0, height=3.2)
        for ax, (name, unit) in zip(axes[0], COMPARED.items(), strict=True):
            x = found["teacher"][name]
            for stage in ("before", "after"):
                if stage in found:
                    error = np.abs(found[stage][name] - x).mean()
                    label = f"{stage}: {error:.3g}"
                    ax.plot(x, found[stage][name], "o", markersize=3, label=label)
            ax.axline(2 * [x.mean()], slope=1, color="0.7", linewidth=0.8, zorder=0)
            label = f"{name.replace('_', ' ')}, teacher ({readable[unit]})"
            ax.set(xlabel=label, ylabel="student")
            ax.legend(title="mean error")
    return figure
