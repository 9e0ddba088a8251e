"""Where experiments and their configurations lie, and how a name finds them.

An experiment is one file ``experiments/<name>.py`` with a class ``Config``, a subclass
of :class:`matjax.config.ExperimentConfig`, and a function ``main(config, run)`` that
returns metrics. Configurations are ``configs/<experiment>/<name>.yaml``. Both lie
beside the package in a checkout, and inside it in a wheel.

A name always means one of these. Anybody else's experiment is code that runs with the
rights of whoever starts it: it is found by the path of its ``.py`` alone, and that path
is said before it runs.
"""

from __future__ import annotations

import ast
import importlib.util
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from matjax.config import ConfigError, ExperimentConfig, nearest, read_yaml

PACKAGE = Path(__file__).resolve().parents[1]

log = logging.getLogger("matjax.studies.catalog")

FORMER = {
    "phonons/cost": "phonons_cost/six_crystals",
    "phonons/matcalc_cv": "screen/heat_capacities",
    "matcalc_cv/binaries": "screen/heat_capacities",
    "elastic/matcalc": "screen/moduli",
    "matcalc_elastic/binaries": "screen/moduli",
    "benchmark/training": "benchmark_training/nequip",
    "benchmark/training_cgcnn": "benchmark_training/cgcnn",
    "potential/distill": "distill/rock_salt",
    "potential/finetune_phonons": "distill/finetune_phonons",
    "potential/dft_phonons": "distill/dft_phonons",
}
"""Names that configurations had before each lay in the folder of its experiment."""


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

    @property
    def reference(self) -> str:
        """What a configuration names the experiment by: its name, or its path."""
        path = self.experiment.resolve()
        return path.stem if _is_ours(path) else str(path)


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
    if not name.strip(" ./"):
        raise ConfigError(
            f"the name of a configuration or an experiment is needed; received {name!r}"
        )
    name = FORMER.get(name, name)
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
    for ending in (".py", ".yaml"):
        if Path(name + ending).is_file():
            raise FileNotFoundError(
                f"no configuration {name!r} is part of matjax; a file of your own is "
                f"run by its path: matjax run {name}{ending}"
            )
    raise FileNotFoundError(f"no configuration {name!r}; {_nearest_name(path)}")


def load_experiment(path: Path) -> ModuleType:
    """The module of an experiment's file; one that is not ours is announced first.

    Raises:
        ConfigError: if the file does not hold an experiment, or fails when it is
            loaded.
    """
    name = f"matjax_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: a Python file is needed")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks up names of annotations there
    is_ours = _is_ours(path)
    if not is_ours:
        log.info("running the code of %s", path.resolve())
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if is_ours:
            raise
        raise ConfigError(f"{path} cannot be loaded: {_cause(error)}") from error
    schema = getattr(module, "Config", None)
    if not (isinstance(schema, type) and issubclass(schema, ExperimentConfig)):
        raise ConfigError(
            f"{path}: an experiment needs a class Config(ExperimentConfig)"
        )
    if not callable(getattr(module, "main", None)):
        raise ConfigError(f"{path}: an experiment needs a function main(config, run)")
    return module


def returned_metrics(returned: Any, experiment: Path) -> Mapping[str, Any]:
    """What an experiment's ``main`` has returned.

    Raises:
        ConfigError: if that is not a mapping from names to numbers.
    """
    if not (
        isinstance(returned, Mapping) and all(isinstance(key, str) for key in returned)
    ):
        raise ConfigError(
            f"{experiment}: main(config, run) must return its metrics, a mapping from "
            f"names to numbers, such as {{}}; it returned {type(returned).__name__}"
        )
    return returned


def _is_ours(experiment: Path) -> bool:
    return experiment.resolve() in {p.resolve() for p in experiments().values()}


def _cause(error: BaseException) -> str:
    """One line on code that does not load."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} in line {error.lineno}"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _study_of_file(path: Path) -> Study:
    """A Python file with its defaults, or a configuration with its experiment."""
    if path.suffix == ".py":
        return Study(path, path.stem, {}, path)
    values = read_yaml(path)
    values.pop("environment", None)  # of a run's config.yaml, which can be run again
    experiment = values.pop("experiment", path.resolve().parent.name)
    if not isinstance(experiment, str):
        raise ConfigError(
            f"{path}: experiment must be a name or the path of a .py; received "
            f"{experiment!r}"
        )
    return Study(
        _experiment_file(experiment, path),
        _name_of_file(path) or f"{Path(experiment).stem}/{path.stem}",
        values,
        path,
    )


def _name_of_file(path: Path) -> str | None:
    """The name under which a configuration of matjax is known."""
    known = {file.resolve(): name for name, file in configs().items()}
    return known.get(path.resolve())


def _experiment_file(experiment: str, config: Path) -> Path:
    """The experiment that a configuration names, or the one of its folder."""
    if experiment in experiments():
        return experiments()[experiment]
    folder = config.resolve().parent
    if experiment.endswith(".py"):
        if (folder / experiment).is_file():
            return folder / experiment
        raise ConfigError(
            f"{config}: it names the experiment {experiment}, and there is no file "
            f"{folder / experiment}"
        )
    beside = [f"{experiment}.py", f"../../experiments/{experiment}.py"]
    for path in beside if experiment else []:
        if (folder / path).is_file():
            raise ConfigError(
                f"{config}: {experiment!r} is no experiment of matjax; one of your own "
                f"is named by its path from this file: experiment: ./{path}"
            )
    raise ConfigError(
        f"{config}: a configuration lies in configs/<experiment>/ or names its "
        f"experiment by a key 'experiment'; there is no experiment {experiment!r}; "
        + nearest(experiment, experiments())
    )


def _nearest_name(path: Path) -> str:
    """The nearest names; those of the same folder first, then all."""
    word = path.with_suffix("").as_posix().removeprefix("configs/")
    return nearest(word, [*configs(), *experiments()])
