"""What a worker does: one function on the items of a task.

Tasks are plain data. Their function is named, by the file or the module that holds it,
and found by the worker; code that is not there does not travel.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

Item = Mapping[str, Any]
"""What a function is told of one item: anything that JSON holds."""

STARTED = "matjax-started"
"""Topic under which a worker says that it has begun a task."""


class Failure(NamedTuple):
    """Why an item has no result."""

    kind: str
    """Type of the exception; ``Died`` or ``TimeLimit`` for the worker as a whole."""
    message: str


class Task(NamedTuple):
    """Some items, and what is to be done with them."""

    number: int
    function: str
    """``file.py:name``, or ``module:name``."""
    items: Sequence[Item]
    settings: Item
    together: bool
    """Whether the function takes all items at once, as a list, and gives a list."""
    float64: bool
    """JAX's default float."""
    source: str
    """Digest of the matjax that asks."""


class MismatchError(RuntimeError):
    """A worker that cannot do this task, whatever its items are."""


def work(task: Task) -> list[dict[str, Any]]:
    """``seconds`` and ``values`` or ``error`` of each item.

    Raises:
        MismatchError: if the worker has another matjax, or lacks the function.
    """
    _require_same_source(task.source)
    function = find_function(task.function)
    _prepare(task.float64)
    _say_started(task.number)
    if task.together:
        return _together(function, task.items, task.settings)
    return [_one(function, item, task.settings) for item in task.items]


@lru_cache(maxsize=8)
def find_function(name: str) -> Callable[..., Any]:
    """The function of a file or a module.

    Raises:
        MismatchError: if there is none.
    """
    place, _, attribute = name.rpartition(":")
    try:
        if place.endswith(".py"):
            module = _loaded(Path(place))
        else:
            module = importlib.import_module(place)
        return getattr(module, attribute)
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise MismatchError(
            f"a worker cannot find {name}: {type(error).__name__}: {error}"
        ) from error


def _one(function: Callable, item: Item, settings: Item) -> dict[str, Any]:
    start = time.monotonic()
    try:
        answer: dict[str, Any] = {"values": dict(function(item, settings))}
        json.dumps(answer, allow_nan=False)
    except Exception as error:  # noqa: BLE001 (it becomes the record of the item)
        answer = {"error": failure_of(error)._asdict()}
    return {"seconds": round(time.monotonic() - start, 3), **answer}


def _together(
    function: Callable, items: Sequence[Item], settings: Item
) -> list[dict[str, Any]]:
    """As one by one; each item has its share of the time."""
    start = time.monotonic()
    answers = []
    for values in function(items, settings):
        try:
            json.dumps(values, allow_nan=False)
            answers.append({"values": values})
        except ValueError as error:
            answers.append({"error": failure_of(error)._asdict()})
    share = round((time.monotonic() - start) / len(items), 3)
    return [{"seconds": share, **answer} for answer in answers]


def failure_of(error: BaseException) -> Failure:
    """An exception as a record holds it."""
    return Failure(type(error).__name__, str(error))


@lru_cache(maxsize=8)
def _loaded(path: Path) -> Any:
    """The module of a file that need not lie on the path of imports."""
    name = f"matjax_worker_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _require_same_source(asked: str) -> None:
    from matjax.source import source_digest

    if asked != source_digest():
        raise MismatchError(
            "workers must have the same matjax as the command; this one's source files "
            "differ: install the same version for both, and start the workers again"
        )


@lru_cache(maxsize=1)
def _prepare(float64: bool) -> None:
    """Sets precision and caches of a worker that another command has started.

    Those of this machine have them from their environment, which goes before.
    """
    from matjax.compilation import prepare

    prepare(float64=float64)


def _say_started(number: int) -> None:
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # called outside of a worker
        return
    worker.log_event(STARTED, {"task": number, "worker": worker.address})
