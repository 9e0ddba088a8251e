"""What a worker of :mod:`matjax.processes.workers` runs: lines of JSON in and out.

The first line names a function and the settings, each further one an item; each is
answered by a line. Nothing of matjax is imported here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO


def main() -> None:
    """Be a worker: answer questions until there are no more."""
    answers = _own_output()
    first = json.loads(sys.stdin.readline())
    path, _, name = first["function"].rpartition(":")
    function = getattr(_load(Path(path)), name)
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        try:
            answer = {
                "values": dict(function(json.loads(line)["item"], first["settings"]))
            }
            json.dumps(answer, allow_nan=False)
        except Exception as error:  # noqa: BLE001 (it becomes the record of the item)
            answer = {"error": {"kind": type(error).__name__, "message": str(error)}}
        _answer(answers, answer)


def _load(path: Path) -> Any:
    """The module of a file that need not lie on the path of imports."""
    name = f"matjax_worker_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _own_output() -> TextIO:
    """The output that answers go to; what others print goes to the error output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
