"""Where experiments and their configurations lie, and how a name finds them.

An experiment is one file ``experiments/<name>.py`` with a class ``Config``, a subclass
of :class:`matjax.config.ExperimentConfig`, and a function ``main(config, run)`` that
returns metrics. Configurations are ``configs/<experiment>/<name>.yaml``. Both lie
beside the package in a checkout, and inside it in a wheel.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from matjax.config import ConfigError, ExperimentConfig, nearest, read_yaml

PACKAGE = Path(__file__).resolve().parent


class Study(NamedTuple):
    """An experiment together with the file values of one configuration of it."""

    experiment: Path
    """The experiment's Python file."""
    name: str
    """``<experiment>/<configuration>``, or the experiment's name alone."""
    values: dict[str, Any]
    """Content of the configuration file; empty for the defaults."""
    source: Path
    """The file that errors are about."""


def root() -> Path:
    """The folder that holds ``experiments`` and ``configs``: checkout or wheel."""
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "experiments").is_dir():
        return checkout
    return PACKAGE / "_bundled"


def experiments() -> dict[str, Path]:
    """File of each experiment, by name."""
    return {p.stem: p for p in sorted((root() / "experiments").glob("[!_]*.py"))}


def configs() -> dict[str, Path]:
    """File of each configuration, by ``<experiment>/<name>``."""
    folder = root() / "configs"
    return {
        p.relative_to(folder).with_suffix("").as_posix(): p
        for p in sorted(folder.glob("*/*.yaml"))
    }


def summary(experiment: Path) -> str:
    """First line of an experiment's docstring, read without running the file."""
    document = ast.get_docstring(ast.parse(experiment.read_text(encoding="utf-8")))
    return (document or "").partition("\n")[0]


def find_study(name: str) -> Study:
    """The study that a path or a name means.

    Args:
        name: path of a YAML or Python file; or ``<experiment>/<configuration>``; or
            an experiment's name, for its defaults.

    Raises:
        FileNotFoundError: naming the nearest that exist.
        ConfigError: if a configuration does not say which experiment it is for.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml", ".py"):
        if not path.is_file():
            raise FileNotFoundError(f"no file {name}; {_nearest_name(path)}")
        return _study_of_file(path)
    if name in configs():
        return _study_of_file(configs()[name])
    if name in experiments():
        return Study(experiments()[name], name, {}, experiments()[name])
    if path.is_file():
        raise ConfigError(f"{name} is not a configuration: a .yaml or .py is needed")
    raise FileNotFoundError(f"no configuration {name!r}; {_nearest_name(path)}")


def load_experiment(path: Path) -> ModuleType:
    """The module of an experiment's file.

    Raises:
        ConfigError: if the file does not hold an experiment.
    """
    name = f"matjax_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: a Python file is needed")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks up names of annotations there
    spec.loader.exec_module(module)
    schema = getattr(module, "Config", None)
    if not (isinstance(schema, type) and issubclass(schema, ExperimentConfig)):
        raise ConfigError(
            f"{path}: an experiment needs a class Config(ExperimentConfig)"
        )
    if not callable(getattr(module, "main", None)):
        raise ConfigError(f"{path}: an experiment needs a function main(config, run)")
    return module


def _study_of_file(path: Path) -> Study:
    """A Python file with its defaults, or a configuration with its experiment."""
    if path.suffix == ".py":
        return Study(path, path.stem, {}, path)
    values = read_yaml(path)
    values.pop("environment", None)  # of a run's config.yaml, which can be run again
    folder = path.resolve().parent
    experiment = str(values.pop("experiment", folder.name))
    return Study(
        _experiment_file(experiment, path),
        f"{Path(experiment).stem}/{path.stem}",
        values,
        path,
    )


def _experiment_file(experiment: str, config: Path) -> Path:
    """The experiment that a configuration names, or the one of its folder."""
    folder = config.resolve().parent
    if experiment.endswith(".py"):
        candidates = [folder / experiment]
    else:
        candidates = [folder.parent.parent / "experiments" / f"{experiment}.py"]
        candidates += [experiments()[experiment]] if experiment in experiments() else []
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ConfigError(
        f"{config}: a configuration lies in configs/<experiment>/ or names its "
        f"experiment by a key 'experiment'; there is no experiment {experiment!r}; "
        + nearest(experiment, experiments())
    )


def _nearest_name(path: Path) -> str:
    """The nearest names; those of the same folder first, then all."""
    word = path.with_suffix("").as_posix().removeprefix("configs/")
    return nearest(word, [*configs(), *experiments()])
