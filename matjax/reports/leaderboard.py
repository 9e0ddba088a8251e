"""Networks side by side: one table, one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matjax.reports.drawing import new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASELINES = ("mean", "boosting")
"""What is no network: the mean of the training data, boosting on the composition."""

ERROR, OF_ENSEMBLE = "test_mae", "ensemble_test_mae"


def ranked(results: Mapping[str, Any]) -> dict[str, list]:
    """Columns of a table of networks, the smallest error first.

    Args:
        results: numbers by keys such as ``cgcnn/test_mae``; others are left out.

    Raises:
        ValueError: if there is no error of any network.
    """
    rows: dict[str, dict[str, float]] = {}
    for key, value in results.items():
        network, slash, quantity = key.partition("/")
        if slash:
            rows.setdefault(network, {})[quantity] = value
    rows = {name: row for name, row in rows.items() if ERROR in row}
    if not rows:
        raise ValueError(
            f"results hold no error of a network, such as cgcnn/{ERROR}; there are "
            f"{sorted(results)[:5]}"
        )
    names = sorted(
        rows, key=lambda name: rows[name].get(OF_ENSEMBLE, rows[name][ERROR])
    )
    quantities = list(dict.fromkeys(q for name in names for q in rows[name]))
    quantities.sort(key=lambda q: (q != ERROR, q != OF_ENSEMBLE))
    columns: dict[str, list] = {"network": names}
    for quantity in quantities:
        columns[quantity] = [rows[name].get(quantity, math.nan) for name in names]
    return columns


def leaderboard_figure(
    board: Mapping[str, Sequence], what: str, unit: str, *, title: str = ""
) -> Figure:
    """Errors as bars, those of ensembles as points; simple predictors are gray.

    Args:
        board: as :func:`ranked` makes it.
        what: was predicted.
        unit: of the errors.
        title: of the figure.
    """
    names = list(board["network"])
    with style():
        height = 0.9 + 0.26 * len(names)
        figure, axes = new_figure(1, 1, width=5.0, height=height, title=title)
        ax = axes.flat[0]
        colors = ["0.75" if name in BASELINES else "C0" for name in names]
        ax.barh(names, board[ERROR], color=colors, height=0.65)
        for name, error, ensemble in zip(
            names,
            board[ERROR],
            board.get(OF_ENSEMBLE, [math.nan] * len(names)),
            strict=True,
        ):
            label = f" {error:.3g}"
            if not math.isnan(ensemble):
                ax.plot(ensemble, name, "o", color="C1", markersize=4)
                label += f" (ensemble {ensemble:.3g})"
            ax.text(error, name, label, va="center", fontsize="small")
        ax.invert_yaxis()
        ax.margins(x=0.3)
        inside = f" ({unit})" if unit else ""
        ax.set_xlabel(f"mean absolute error of {what}{inside}" if what else "MAE")
    return figure
