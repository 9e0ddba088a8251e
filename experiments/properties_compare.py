"""Networks for one property, trained on the same crystals, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from matjax.config import ConfigError, ExperimentConfig, build_config
from matjax.reports import leaderboard_figure, ranked
from matjax.studies import METRICS, PropertyConfig, Run, catalog, property_labels

KEPT = {
    "n_parameters": "n_parameters",
    "train_minutes": "train_minutes",
    "seconds_per_epoch": "seconds_per_epoch",
    "inference_crystals_per_s": "inference_crystals_per_s",
}
"""Numbers of one training that the comparison keeps."""


class Config(ExperimentConfig):
    """Which networks, and what is the same for all."""

    common: dict[str, Any]
    """Keys of the study ``properties``: data, label, how it is judged."""
    networks: dict[str, dict[str, Any]] = Field(min_length=1)
    """By name, keys of that study for one network alone, such as ``model`` (its
    attributes) and ``fit``."""
    folds: tuple[NonNegativeInt, ...] = ()
    """Of MatBench's five folds; errors are means over them."""
    best: NonNegativeInt = 3
    """Networks of smallest validation error of which an ensemble is trained too."""
    members: PositiveInt = 3
    """Of an ensemble."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Errors of all networks as a table and a figure, each training in its folder."""
    study = catalog.load_experiment(catalog.experiments()["properties"])
    results: dict[str, float] = {}
    validation: dict[str, float] = {}
    for number, name in enumerate(config.networks):
        rows = []
        for folder, settings in _settings(config, name, study, first=not number):
            rows.append(_trained(study, settings, run.part(folder)))
        mean = _mean(rows)
        (label,) = property_labels(settings)
        error, _ = label.metric("mae")
        validation[name] = mean[f"val_{error}"]
        results |= {f"{name}/{k}": mean[key] for k, key in KEPT.items()}
        results[f"{name}/test_mae"] = mean[f"test_{error}"]
        if not number:
            for key, value in mean.items():
                if key.startswith(f"test_{error}_of_"):
                    results[f"{key.removeprefix(f'test_{error}_of_')}/test_mae"] = value
            results |= {k: mean[k] for k in ("n_train", "n_test")}
    chosen = sorted(validation, key=lambda name: validation[name])[: config.best]
    for name in chosen if config.members > 1 else ():
        rows = [
            _trained(study, settings, run.part(folder))
            for folder, settings in _settings(config, name, study, config.members)
        ]
        mean = _mean(rows)
        results[f"{name}/ensemble_test_mae"] = mean[f"test_{error}"]
        for sigmas in (1, 2):
            key = f"inside_{sigmas}_sigma_percent"
            results[f"{name}/ensemble_{key}"] = mean[f"test_{label.name}_{key}"]
    unit = "" if label.shown else label.unit
    board = ranked(results)
    run.save_table("leaderboard", board)
    title = f"{label.name} of {config.common['train']}"
    what = label.shown[0] if label.shown else label.name
    figure = leaderboard_figure(board, what, unit, title=title)
    run.save_figure("leaderboard", figure)
    return results


def _settings(
    config: Config, name: str, study: Any, members: int = 1, *, first: bool = False
) -> Iterator[tuple[str, PropertyConfig]]:
    """Folder and settings of each training of one network."""
    own = dict(config.networks[name])
    if clash := own.keys() & {"train", "test", "label", "fold", "members", "seed"}:
        raise ConfigError(
            f"networks.{name}: {', '.join(sorted(clash))} must be the same for all "
            "networks: set it in common"
        )
    model = {"name": name, **own.pop("model", {})}
    values = {**config.common, **own, "model": model, "seed": config.seed}
    values |= {"precision": config.precision, "members": members, "baselines": first}
    for fold in config.folds or (None,):
        told = values if fold is None else {**values, "fold": fold}
        suffix = "" if fold is None else f"_fold_{fold}"
        settings = build_config(study.Config, told, source=f"networks.{name}")
        yield f"{name}{suffix}", settings


def _trained(study: Any, settings: PropertyConfig, run: Run) -> dict[str, float]:
    """Numbers of one training, which is not repeated if it has ended."""
    done = _read(run.folder / f"{settings.members}_{METRICS}")
    if run.resume and done is not None:
        return done
    # An ensemble goes on with the network that was trained alone.
    run.resume = run.resume or settings.members > 1
    run.log.info("%s", run.folder.name)
    numbers = run.save_metrics(study.main(settings, run))
    run.save_text(f"{settings.members}_{METRICS}", json.dumps(numbers, indent=2))
    return numbers


def _read(path: Path) -> dict[str, float] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the folds of what all of them have."""
    shared = [k for k in rows[0] if all(k in row for row in rows)]
    return {k: sum(row[k] for row in rows) / len(rows) for k in shared}
