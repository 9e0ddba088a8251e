"""The figure of elastic constants: a modulus by direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.mechanics import Elasticity
from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

PLANES = ("xy", "yz", "zx")

SAME_CURVE = 1e-3
"""Relative difference of moduli below which two planes are drawn as one."""


def young_figure(found: Elasticity, title: str) -> Figure:
    """Young's modulus along every direction of three planes, and that of the mean.

    Planes with one curve, such as all three of a cubic crystal, share a panel.
    """
    angle = np.linspace(0, 2 * np.pi, 361)
    curves: list[tuple[list[str], np.ndarray]] = []
    for plane in PLANES:
        values = np.asarray(found.young_along(_directions(plane, angle)))
        for planes, others in curves:
            if np.allclose(values, others, rtol=SAME_CURVE):
                planes.append(plane)
                break
        else:
            curves.append(([plane], values))
    n = len(curves)
    with style():
        figure, axes = new_figure(
            1,
            n,
            width=max(2.5 * n, 3.5),
            height=3.4,
            title=f"{title}\nYoung's modulus (GPa)",
            subplot_kw={"projection": "polar"},
            sharey=True,
        )
        for panel, (planes, values) in zip(axes[0], curves, strict=True):
            mean = np.full_like(angle, found.young)
            panel.grid(color="0.85", linewidth=0.5)
            panel.plot(angle, mean, color="0.5", ls="--", label="isotropic mean")
            panel.plot(angle, values, label="single crystal")
            panel.set_rlim(0, 1.05 * max(v.max() for _, v in curves))
            _label_polar(panel, planes, angle, [values, mean])
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2
        )
    return figure


def _directions(plane: str, angle: np.ndarray) -> np.ndarray:
    """Unit vectors of a plane such as xy, by angle from its first axis."""
    first, second = ("xyz".index(axis) for axis in plane)
    directions = np.zeros((len(angle), 3))
    directions[:, first], directions[:, second] = np.cos(angle), np.sin(angle)
    return directions


def _label_polar(
    panel: PolarAxes,
    planes: Sequence[str],
    angle: np.ndarray,
    curves: Sequence[np.ndarray],
) -> None:
    """Axes by the planes of a panel; moduli where they are farthest from the curves."""
    locator: Any = panel.yaxis.get_major_locator()
    locator.base.set_params(nbins=3)  # of the locator that the polar one wraps
    marks = np.asarray(panel.get_yticks())[:, None]
    apart = np.min([abs(curve - marks).min(axis=0) for curve in curves], axis=0)
    # Near the upper axis, where a number runs along its circle.
    upper = np.flatnonzero((angle > np.radians(60)) & (angle < np.radians(80)))
    best = upper[np.argmax(apart[upper])]
    panel.set_rlabel_position(float(np.degrees(angle[best])))
    right, top = (", ".join(dict.fromkeys(axes)) for axes in zip(*planes, strict=True))
    panel.set_thetagrids([0, 90], [right, top])
