"""Several codes on the same work, each in a process of its own, in turns.

A process reads a job (JSON), works once, answers with what it found, and then, for each
further line, works again and answers with the time that took (:mod:`.peer`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PEER = str(Path(__file__).with_name("peer.py"))
"""Run as a file: an interpreter that knows nothing of matjax can do so."""


class Code(NamedTuple):
    """A code that takes part."""

    job: Mapping[str, Any]
    """What its worker is told; ``code`` names it."""
    python: str = sys.executable
    """Interpreter that can import it."""
    remedy: str = "install it with pip install 'matjax[bench]'"
    """What to do where it cannot."""


def in_turns(
    worker: Path, codes: Mapping[str, Code], repeats: int, log: Path
) -> list[dict[str, Any]]:
    """Results of codes that work alternately, so that a busy machine slows all.

    Args:
        worker: file whose ``CODES`` hold what each code does, by task and name, as
            :mod:`matjax.processes.peer` wants them; they know their own interpreter's
            packages alone.
        codes: by name; all answer their job before the first turn.
        repeats: turns.
        log: file for what the processes print.

    Returns:
        For each code its answer to the job (``first``: seconds, compilation included),
        its times, ``each``, the median of them, ``seconds``, and ``peak_MB``.

    Raises:
        ImportError: if an interpreter cannot import what its code needs.
        RuntimeError: if a process ends early.
    """
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_Process(worker, name, code, log))
            for name, code in codes.items()
        ]
        for _ in range(repeats):
            for process in processes:
                process.work()
        return [process.summary() for process in processes]


class _Process:
    """A code at work in its own process."""

    def __init__(self, worker: Path, name: str, code: Code, log: Path) -> None:
        self.name, self.code, self.log = name, code, log
        self.seconds: list[float] = []
        self.peak = 0.0
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [code.python, PEER, worker],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=_environment(),
            )
        try:
            self.first = self._ask(json.dumps({**code.job, "code": name}))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def work(self) -> None:
        """Lets the code work once."""
        answer = self._ask("go")
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak_MB"]

    def summary(self) -> dict[str, Any]:
        """Median time, first time with compilation, memory, and the results."""
        return {
            **self.first,
            "code": self.name,
            "seconds": float(np.median(self.seconds)) if self.seconds else None,
            "each": self.seconds,
            "peak_MB": self.peak,
        }

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.name} has ended early; {self.log} says why")
        values = json.loads(answer)
        if "error" in values:
            raise ImportError(
                f"{self.code.python} cannot import what {self.name} needs: "
                f"{values['error']}; {self.code.remedy}"
            )
        return values


def _environment() -> dict[str, str]:
    """The workers' environment: all on the backend of this run, without a cache."""
    import jax

    environment = dict(os.environ)
    if jax.default_backend() == "cpu":
        environment["JAX_PLATFORMS"] = "cpu"
    # Time and memory of a start are those of one that compiles.
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    return environment
