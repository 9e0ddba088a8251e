"""What the process of one code runs, so that its peak of memory is its own.

Started by :mod:`matjax.processes.turns` with the file of the codes, for a peer by the
peer's interpreter: nothing of matjax is imported here. The file has a mapping ``CODES``
from task and name of a code to a function of the job, which returns what does the work
and what tells of the outcome.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]
"""What a code does when asked, and what it tells about the outcome."""

Codes = Mapping[tuple[str, str], Callable[[dict[str, Any]], Work]]


def main(file: Path) -> None:
    """Answers one job with a code of the file."""
    answers = own_output()
    codes = _codes(file)
    job = json.loads(sys.stdin.readline())
    try:
        work, describe = codes[job["task"], job["code"]](job)
    except ImportError as error:
        answer(answers, error=str(error))
        return
    before = peak_memory()
    start = perf_counter()
    first = work()
    seconds = perf_counter() - start
    answer(answers, first=seconds, before_MB=before, **describe(first))
    del first
    for _ in sys.stdin:
        start = perf_counter()
        work()
        answer(answers, seconds=perf_counter() - start, peak_MB=peak_memory())


def own_output() -> TextIO:
    """The output that answers go to; what libraries print goes to the error output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def answer(answers: TextIO, **values: Any) -> None:
    """Write a line."""
    answers.write(json.dumps(values) + "\n")
    answers.flush()


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB (2²⁰ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started this process.
        peak = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _codes(file: Path) -> Codes:
    name = f"matjax_peer_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.CODES


if __name__ == "__main__":
    main(Path(sys.argv[1]))
