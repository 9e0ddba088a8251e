"""One function on many items, in processes of their own, with records that survive.

Each result is one line of a JSON Lines file, appended as soon as it is there. A run
that is killed continues where it was; an item that fails, takes its process with it or
exceeds its time becomes a line that says why, and the others go on.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from matjax.progress import Progress

Item = Mapping[str, Any]
"""What a function is told of one item: anything that JSON holds."""

PROCESS = str(Path(__file__).with_name("process.py"))
"""Run as a file: a worker imports what its function needs, and no more."""

START = 300.0
"""Seconds that a process may take to import what it needs."""


class Failure(NamedTuple):
    """Why an item has no result."""

    kind: str
    """Type of the exception; ``Died`` or ``TimeLimit`` for the process as a whole."""
    message: str


def survey(
    function: str,
    items: Mapping[str, Item],
    records: Path,
    *,
    settings: Item | None = None,
    n_workers: int = 1,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Records of a function applied to each item, by key, in the order of the items.

    A record holds ``key``, ``seconds`` and either ``values``, what the function has
    returned, or ``error`` with ``kind`` and ``message``. Items that have a record
    already, failed ones too, are not computed again: delete their lines to do so.

    Args:
        function: ``file.py:name`` of a function of an item and the settings that
            returns a mapping JSON can hold.
        items: by key, in the order in which they are started.
        records: JSON Lines file, made or continued.
        settings: passed with every item; those of a file that is continued must agree.
        n_workers: processes, each with one thread, its own compiled functions and the
            persistent compilation cache of this process.
        time_limit: seconds for one item, compilation included; none by default.
        progress: shows the items as they end.

    Raises:
        ValueError: if there is no such function, or the records were made with other
            settings.
        RuntimeError: if the processes cannot be started.
    """
    if n_workers < 1:
        raise ValueError(f"at least one worker is needed; received {n_workers}")
    settings = dict(settings or {})
    _require_function(function)
    all_records = _continue(records, settings)
    waiting: queue.SimpleQueue[tuple[str, Item]] = queue.SimpleQueue()
    for key, item in items.items():
        if key not in all_records:
            waiting.put((key, item))
    pool = _Pool(function, settings, records, waiting, time_limit)
    ended = pool.run(min(n_workers, waiting.qsize()))
    ended = progress(ended, "crystals", total=waiting.qsize()) if progress else ended
    for record in ended:
        all_records[record["key"]] = record
    return {key: all_records[key] for key in items}


def read_answers(records: Path) -> dict[str, dict[str, Any]]:
    """The records of a file by key; a line cut short by a crash is left out."""
    return {r["key"]: r for r in _lines(records) if "key" in r}


def all_values(records: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The values of each record.

    Raises:
        ValueError: if an item has failed.
    """
    for key, record in records.items():
        if "error" in record:
            raise ValueError(f"every item must succeed; {key}: {record['error']}")
    return {key: record["values"] for key, record in records.items()}


class _Pool:
    """Threads that each keep one process at work, and replace it when it has died."""

    def __init__(
        self,
        function: str,
        settings: Item,
        records: Path,
        waiting: queue.SimpleQueue[tuple[str, Item]],
        time_limit: float | None,
    ) -> None:
        self.first = json.dumps({"function": function, "settings": settings})
        self.records = records
        self.waiting = waiting
        self.time_limit = time_limit
        self.ended: queue.SimpleQueue[dict | BaseException | None]
        self.ended = queue.SimpleQueue()
        self.stopping = threading.Event()

    def run(self, n_workers: int) -> Iterator[dict[str, Any]]:
        """Records as they end."""
        threads = [
            threading.Thread(target=self._guarded, daemon=True)
            for _ in range(n_workers)
        ]
        for thread in threads:
            thread.start()
        n_alive = len(threads)
        try:
            while n_alive:
                record = self.ended.get()
                if isinstance(record, BaseException):
                    raise record
                if record is None:
                    n_alive -= 1
                    continue
                _append(self.records, record)
                yield record
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()

    def _guarded(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 (raised again by the main thread)
            self.ended.put(error)
        self.ended.put(None)

    def _work(self) -> None:
        worker = None
        try:
            while not self.stopping.is_set():
                try:
                    key, item = self.waiting.get_nowait()
                except queue.Empty:
                    return
                worker = worker or _Worker(self.first, self.records, self.stopping)
                start = time.monotonic()
                answer = worker.ask({"item": item}, self.time_limit)
                if isinstance(answer, Failure):
                    worker.close()
                    worker = None
                    answer = {"error": answer._asdict()}
                if self.stopping.is_set():
                    return
                seconds = round(time.monotonic() - start, 3)
                self.ended.put({"key": key, "seconds": seconds, **answer})
        finally:
            if worker is not None:
                worker.close()


class _Worker:
    """A process that answers one line of JSON with another."""

    def __init__(self, first: str, records: Path, stopping: threading.Event) -> None:
        self.stopping = stopping
        self.log = records.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", PROCESS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
            )
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        ready = self.ask(json.loads(first), START)
        if isinstance(ready, Failure):
            self.close()
            raise RuntimeError(
                f"a worker did not start ({ready.message}); {self.log} says more"
            )

    def ask(self, question: Item, limit: float | None) -> dict[str, Any] | Failure:
        """The answer, or why there is none."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        end = None if limit is None else time.monotonic() + limit
        while not self.stopping.is_set():
            try:
                line = self.answers.get(timeout=0.2)
            except queue.Empty:
                if end is not None and time.monotonic() > end:
                    return Failure("TimeLimit", f"took more than {limit:g} s")
                continue
            if line:
                return json.loads(line)
            return Failure("Died", _cause_of_death(self.process.wait()))
        return Failure("Died", "stopped")

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")


def _cause_of_death(code: int) -> str:
    if code >= 0:
        return f"the process ended with exit code {code}"
    hint = " (out of memory?)" if code == -signal.SIGKILL else ""
    return f"the process was ended by {signal.Signals(-code).name}{hint}"


def _environment() -> dict[str, str]:
    """The environment of a worker: this process's settings of JAX, and one thread."""
    import jax

    environment = dict(os.environ)
    config: Any = jax.config
    environment["JAX_ENABLE_X64"] = str(int(config.jax_enable_x64))
    cache = config.jax_compilation_cache_dir
    if cache is not None:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    flags = environment.get("XLA_FLAGS", "")
    environment["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = "1"
    return environment


def _require_function(function: str) -> None:
    path, _, name = function.rpartition(":")
    if not (name.isidentifier() and Path(path).is_file()):
        raise ValueError(
            f"a function is named file.py:name, the file existing; received {function}"
        )


def _continue(records: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Records so far, of a file that starts with the settings they were made with."""
    settings = json.loads(json.dumps(settings))
    first = next(_lines(records), None)
    if first is None:
        records.parent.mkdir(parents=True, exist_ok=True)
        records.unlink(missing_ok=True)
        _append(records, {"settings": settings})
        return {}
    made_with = first.get("settings")
    if made_with != settings:
        raise ValueError(
            f"{records} can be continued with the settings it was made with, "
            f"{made_with}; received {settings}: choose another folder"
        )
    return read_answers(records)


def _lines(records: Path) -> Iterator[dict[str, Any]]:
    if not records.exists():
        return
    text = records.read_text(encoding="utf-8", errors="replace")
    for line in text.split("\n"):
        with suppress(ValueError, RecursionError):  # cut short by a crash, or damaged
            record = json.loads(line)
            if isinstance(record, dict):
                yield record


def _append(records: Path, record: Item) -> None:
    """One line more, in one write, on a line of its own after one cut short."""
    line = json.dumps(record) + "\n"
    with records.open("a+b") as file:
        if file.tell() and not _ends_with_newline(file):
            line = "\n" + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
