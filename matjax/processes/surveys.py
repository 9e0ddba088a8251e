"""One function on many items, shared out over workers, with records that survive.

Each result is a line of a file, appended as soon as it is there. A survey that is
killed continues where it was. An item that fails, takes its worker with it or exceeds
its time becomes a line that says why, and the others go on; a worker that is lost is
replaced, and what it was at is done again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matjax.processes.cluster import n_threads, workers
from matjax.processes.records import Record, Records
from matjax.processes.tasks import (
    STARTED,
    Failure,
    Item,
    MismatchError,
    Task,
    find_function,
    work,
)
from matjax.progress import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

LOOK = 0.5
"""Seconds between two looks at what does not end."""

ATTEMPTS = 2
"""Workers that an item may take with it; another may have been lost for its own
reasons."""

GONE = 20.0
"""Seconds without a connection after which a scheduler counts as lost."""


def survey(
    function: str,
    items: Mapping[str, Item],
    records: Path,
    *,
    settings: Item | None = None,
    n_workers: int = 1,
    scheduler: str | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Record]:
    """Records of a function applied to each item, by key, in the order of the items.

    A record holds ``key``, ``seconds`` and either ``values``, what the function has
    returned, or ``error`` with ``kind`` and ``message``. Items that have a record
    already, failed ones too, are not computed again: delete their lines to do so.

    Args:
        function: ``file.py:name`` or ``module:name`` of a function of an item and the
            settings that returns a mapping JSON can hold.
        items: by key, in the order in which they are started.
        records: JSON Lines file, made or continued.
        settings: passed with every item; those of a file that is continued must agree.
        n_workers: processes; see :func:`matjax.processes.workers`.
        scheduler: address of a Dask scheduler, whose workers are then used.
        time_limit: seconds for one item, compilation included; none by default.
        progress: shows the items as they end.

    Raises:
        ValueError: if there is no such function, the records were made with other
            settings, or the scheduler cannot be reached.
        RuntimeError: if workers cannot be started, or have another matjax.
    """
    file = Records(records, settings)
    _require_function(function)
    waiting = [(key, item) for key, item in items.items() if key not in file]
    if waiting:
        output = records.with_suffix(".log")
        with workers(min(n_workers, len(waiting)), scheduler, output) as client:
            ended = surveyed(
                function,
                waiting,
                file,
                client,
                settings=settings or {},
                time_limit=time_limit,
            )
            shown = progress(ended, "items", total=len(waiting)) if progress else ended
            for _ in shown:
                pass
    return {key: file[key] for key in items}


def surveyed(
    function: str,
    items: Iterable[tuple[str, Item]],
    records: Records,
    client: Client,
    *,
    settings: Item,
    batch: int | None = None,
    time_limit: float | None = None,
) -> Iterator[Record]:
    """Records of the items, which have none yet, as they are appended to the file.

    Items are read as workers become free, and records are not kept.

    Args:
        function: as in :func:`survey`; with a batch, of a list of items, giving a list.
        items: key and item of each.
        records: to which each is appended.
        client: of the workers; see :func:`matjax.processes.workers`.
        settings: passed with every item.
        batch: number of items that a worker is given at once.
        time_limit: seconds for one item.

    Raises:
        RuntimeError: if a worker has another matjax, or lacks the function.
        ConnectionError: if the scheduler is lost.
    """
    engine = _Engine(client, function, settings, batch is not None, time_limit)
    waiting = iter(items)
    for record in engine.run(lambda: list(islice(waiting, batch or 1))):
        records.append(record)
        yield record


@dataclass
class _Batch:
    """Items on their way through a worker."""

    items: list[tuple[str, Item]]
    attempts: int = 0
    """Workers that have been lost at it."""
    number: int = -1
    began: float | None = None
    worker: str = ""


@dataclass
class _Engine:
    """Keeps every worker at one task, and answers what becomes of them."""

    client: Client
    function: str
    settings: Item
    together: bool
    time_limit: float | None
    active: dict[Future, _Batch] = field(default_factory=dict)
    again: deque[_Batch] = field(default_factory=deque)
    """Batches that are to be tried once more."""

    def run(self, more: Any) -> Iterator[Record]:
        """Records as they end.

        Args:
            more: gives the next items, an empty list when there are none.
        """
        from distributed import wait

        numbers = count()
        self.client.subscribe_topic(STARTED, self._started)
        exhausted, connected = False, time.monotonic()
        try:
            while True:
                connected = self._connection(connected)
                places = self._places()
                while len(self.active) < places:
                    batch = self._next(more) if not exhausted or self.again else None
                    if batch is None:
                        exhausted = True
                        break
                    batch.number = next(numbers)
                    self.active[self._submit(batch)] = batch
                if not self.active:
                    if exhausted and not self.again:
                        return
                    time.sleep(LOOK)  # no worker is there yet
                    continue
                with suppress(TimeoutError, CancelledError):
                    wait(list(self.active), timeout=LOOK, return_when="FIRST_COMPLETED")
                for future in [f for f in self.active if f.done()]:
                    yield from self._ended(future, self.active.pop(future))
                yield from self._overdue()
        finally:
            if self.client.status == "running":
                self.client.cancel(list(self.active))
                self.client.unsubscribe_topic(STARTED)

    def _next(self, more: Any) -> _Batch | None:
        if self.again:
            return self.again.popleft()
        items = more()
        return _Batch(items) if items else None

    def _places(self) -> int:
        """Tasks that there may be: one for each thread of a worker."""
        if self.client.status != "running":
            return 0
        with suppress(OSError, TimeoutError):
            return n_threads(self.client)
        return 0

    def _connection(self, last: float) -> float:
        """When there was a connection last.

        Raises:
            ConnectionError: if that is long ago.
        """
        now = time.monotonic()
        if self.client.status == "running":
            return now
        if now - last > GONE or self.client.status == "closed":
            raise ConnectionError(
                "the Dask scheduler has gone, and does not come back: what is finished "
                "is kept; start it and its workers again, and then this command"
            )
        return last

    def _submit(self, batch: _Batch) -> Future:
        import jax

        from matjax.source import source_digest

        task = Task(
            number=batch.number,
            function=self.function,
            items=[item for _, item in batch.items],
            settings=self.settings,
            together=self.together,
            float64=bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
            source=source_digest(),
        )
        return self.client.submit(work, task, pure=False)

    def _started(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Called by Dask's thread when a worker has begun a task."""
        said = event[1]
        for batch in list(self.active.values()):
            if batch.number == said["task"]:
                batch.began, batch.worker = time.monotonic(), said["worker"]

    def _ended(self, future: Future, batch: _Batch) -> Iterator[Record]:
        """Records of a batch that has ended, or none if it is tried again."""
        if future.status == "finished":
            for (key, _), answer in zip(batch.items, future.result(), strict=True):
                yield {"key": key, **answer}
            return
        if future.cancelled():  # its scheduler was lost
            batch.began = None
            self.again.append(batch)
            return
        error = future.exception()
        if isinstance(error, MismatchError | ImportError | AttributeError):
            raise RuntimeError(str(error)) from error
        lost = type(error).__name__ in ("KilledWorker", "NoValidWorkerError")
        if lost or len(batch.items) > 1:
            # One of them is at fault: each by itself.
            yield from self._retried(batch, Failure("Died", LOST))
            return
        assert error is not None
        yield self._failed(batch, Failure(type(error).__name__, str(error)))

    def _overdue(self) -> Iterator[Record]:
        """Takes the worker from batches that exceed their time."""
        if self.time_limit is None:
            return
        for future, batch in list(self.active.items()):
            limit = self.time_limit * len(batch.items)
            if batch.began is None or time.monotonic() - batch.began < limit:
                continue
            del self.active[future]
            future.cancel()
            self.client.restart_workers([batch.worker], raise_for_error=False)
            message = f"took more than {self.time_limit:g} s"
            batch.attempts = ATTEMPTS
            yield from self._retried(batch, Failure("TimeLimit", message))

    def _retried(self, batch: _Batch, failure: Failure) -> Iterator[Record]:
        """Tries the items of a batch one by one; or gives up a single one."""
        if len(batch.items) > 1:
            self.again.extend(_Batch([item]) for item in batch.items)
        elif batch.attempts + 1 < ATTEMPTS:
            self.again.append(_Batch(batch.items, batch.attempts + 1))
        else:
            yield self._failed(batch, failure)

    def _failed(self, batch: _Batch, failure: Failure) -> Record:
        ((key, _),) = batch.items
        began = batch.began or time.monotonic()
        seconds = round(time.monotonic() - began, 3)
        return {"key": key, "seconds": seconds, "error": failure._asdict()}


LOST = "its worker was ended twice by it (SIGKILL, such as for want of memory?)"
"""Why an item has no result that has taken workers with it."""


def _require_function(function: str) -> None:
    try:
        if not callable(find_function(function)):
            raise MismatchError(f"{function} is no function")
    except MismatchError as error:
        raise ValueError(
            "a function is named file.py:name or module:name, and must be there; "
            f"received {function}: {error}"
        ) from error
