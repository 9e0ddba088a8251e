"""Workers: processes of this machine, or those of a Dask scheduler elsewhere.

The workers of this machine listen on its loopback alone. Dask's own processes exchange
pickles, so that whoever reaches a scheduler can run code there: one on a network needs
TLS (https://distributed.dask.org/en/stable/tls.html).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

START = 300.0
"""Seconds that workers of this machine may take to come up."""

CONNECT = 15.0
"""Seconds after which a scheduler that does not answer counts as unreachable."""

SETTINGS = {
    # What a worker holds is compiled functions: there is nothing to spill, and one that
    # were paused would be so for ever.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # An item that takes its worker with it is tried again by itself.
    "distributed.scheduler.allowed-failures": 0,
}


@contextmanager
def workers(
    n_workers: int | None = 1, scheduler: str | None = None, output: Path | None = None
) -> Iterator[Client]:
    """A client of workers of this machine, or of those of a scheduler.

    Args:
        n_workers: processes on this machine, each with one thread, its own compiled
            functions and the caches of this process. With None one for each core where
            JAX computes on them, and one where it has another device.
        scheduler: address such as ``tcp://HOST:8786``; then no process is started.
        output: file for what the workers of this machine print.

    Raises:
        ValueError: if no worker is wanted, or the scheduler cannot be reached.
        RuntimeError: if the processes cannot be started.
    """
    if n_workers is not None and n_workers < 1:
        raise ValueError(f"at least one worker is needed; received {n_workers}")
    import dask
    import distributed  # noqa: F401 (its own settings first, which are to be kept)

    # Dask tells of every worker that is lost, which records do too.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    patience = {"distributed.comm.timeouts.connect": f"{CONNECT:g}s"}
    with dask.config.set({**SETTINGS, **patience}):
        if scheduler is None:
            with _of_this_machine(n_workers, output) as client:
                yield client
        else:
            with _connected(scheduler) as client:
                yield client


@contextmanager
def _of_this_machine(n_workers: int | None, output: Path | None) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    # Dask types everything as what it is inside of a coroutine.
    start: Any = LocalCluster
    with (
        start(
            n_workers=n_workers or 1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            # Dask serves its health there; of several clusters each takes a free port.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            env=_environment(),
        ) as cluster,
        Client(cluster) as client,
    ):
        _wait_for(client, n_workers or 1)
        if n_workers is None and backends(client) == {"cpu"}:
            # Asked of a worker: this process shall not take a device for itself.
            n_workers = os.cpu_count() or 1
            cluster.scale(n_workers)
            _wait_for(client, n_workers)
        if output is not None:
            from matjax.processes.output import Output

            output.parent.mkdir(parents=True, exist_ok=True)
            client.register_plugin(Output(str(output.absolute())))
        yield client


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(scheduler, timeout=CONNECT)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(
            f"no Dask scheduler answers at {scheduler} ({error or 'time is out'}): "
            "start one with `dask scheduler`, workers with `dask worker ADDRESS`, and "
            "name the address that it prints"
        ) from error
    with client:
        yield client


def _wait_for(client: Client, n_workers: int) -> None:
    try:
        client.wait_for_workers(n_workers, timeout=START)
    except TimeoutError as error:
        raise RuntimeError(
            f"{n_workers} workers have not started within {START:g} s"
        ) from error


def backends(client: Client) -> set[str]:
    """Where JAX computes in the workers, such as ``cpu``."""
    found: Any = client.run(_backend)
    return set(found.values())


def n_threads(client: Client) -> int:
    """Tasks that the workers can be at, at once."""
    found: Any = client.nthreads()
    return sum(found.values())


def _backend() -> str:
    import jax

    return jax.default_backend()


def _environment() -> dict[str, str]:
    """What workers have in theirs: this process's settings of JAX, and one thread."""
    from matjax.compilation import child_environment

    environment = child_environment()
    flags = environment.get("XLA_FLAGS", "")
    environment |= {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": f"{flags} --xla_cpu_multi_thread_eigen=false".strip(),
    }
    for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = "1"
    return environment
