"""Tables and figures of comparisons of networks, from their files of results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from matjax.config import ConfigError, ExperimentConfig
from matjax.reports import leaderboard_figure, ranked
from matjax.studies import Run


class Config(ExperimentConfig):
    """Which files."""

    results: tuple[str, ...] = Field(min_length=1)
    """``metrics.json`` of comparisons (``properties_compare``), or files of the same
    keys: NETWORK/test_mae and others."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table and a figure of each file; the smallest error of each."""
    best: dict[str, float] = {}
    for path in map(Path, config.results):
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
            board = ranked(results)
        except (ValueError, AttributeError) as error:
            raise ConfigError(
                f"{path}: results of a comparison are JSON with keys such "
                f"as cgcnn/test_mae: {error}"
            ) from error
        name = path.parent.name if path.stem == "metrics" else path.stem
        run.save_table(name, board)
        run.save_figure(name, leaderboard_figure(board, "", "", title=name))
        best[f"{name}_best_test_mae"] = min(board["test_mae"])
    return best
