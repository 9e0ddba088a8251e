"""Surveys on a scheduler of one's own: workers come, go and differ, it dies itself."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import matjax
from matjax.processes import read_answers, survey, workers

FUNCTIONS = """
    import time

    def slow(item, settings):
        from distributed import get_worker

        time.sleep(settings["sleep"])
        return {"x": item["x"], "worker": get_worker().address}
"""


@pytest.fixture
def function(tmp_path):
    path = tmp_path / "functions.py"
    path.write_text(textwrap.dedent(FUNCTIONS))
    return f"{path}:slow"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def dask(*words: str, **environment: str):
    """A command of Dask in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def scheduler(port: int):
    place = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    return dask("scheduler", *place)


def worker(address: str, host: str = "127.0.0.1", **environment: str):
    place = [address, "--host", host, "--nthreads", "1", "--no-dashboard"]
    return dask("worker", *place, "--no-nanny", **environment)


def test_workers_on_two_hosts_take_part_and_a_lost_one_loses_nothing(
    tmp_path, function
):
    records = tmp_path / "records.jsonl"
    items = {str(x): {"x": x} for x in range(12)}
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with (
        scheduler(port),
        worker(address) as first,
        worker(address, "127.0.0.2"),
    ):
        with workers(scheduler=address) as client:
            client.wait_for_workers(2, timeout=60)

        def kill() -> None:
            while len(read_answers(records)) < 4:
                time.sleep(0.05)
            first.send_signal(signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        found = survey(
            function, items, records, settings={"sleep": 0.3}, scheduler=address
        )
    assert [record["values"]["x"] for record in found.values()] == list(range(12))
    assert len(records.read_text().splitlines()) == 13  # and the settings
    hosts = {r["values"]["worker"].split(":")[1] for r in found.values()}
    assert hosts == {"//127.0.0.1", "//127.0.0.2"}


@pytest.mark.slow
def test_a_lost_scheduler_is_told_and_the_survey_goes_on_later(
    tmp_path, function, monkeypatch
):
    monkeypatch.setattr("matjax.processes.cluster.CONNECT", 3.0)
    records = tmp_path / "records.jsonl"
    items = {str(x): {"x": x} for x in range(6)}
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"

    def go_on():
        return survey(
            function, items, records, settings={"sleep": 0.3}, scheduler=address
        )

    with scheduler(port) as process, worker(address):

        def kill() -> None:
            while len(read_answers(records)) < 2:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(ConnectionError, match=r"scheduler has gone.*this command"):
            go_on()
    before = read_answers(records)
    assert 2 <= len(before) < 6
    with scheduler(port), worker(address):
        found = go_on()
    assert [record["values"]["x"] for record in found.values()] == list(range(6))
    assert {key: found[key] for key in before} == before


@pytest.mark.slow
def test_a_worker_with_another_matjax_is_refused(tmp_path, function):
    copy = tmp_path / "other"
    package = Path(matjax.__file__).parent
    ignored = shutil.ignore_patterns("_bundled", "__pycache__")
    shutil.copytree(package, copy / "matjax", ignore=ignored)
    with (copy / "matjax" / "units.py").open("a") as file:
        file.write("\n# another version\n")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    records = tmp_path / "records.jsonl"
    with (
        scheduler(port),
        worker(address, PYTHONPATH=str(copy)),
        pytest.raises(RuntimeError, match=r"same matjax.*differ"),
    ):
        survey(function, {"a": {"x": 1}}, records, scheduler=address)
    assert not read_answers(records)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, function, monkeypatch):
    monkeypatch.setattr("matjax.processes.cluster.CONNECT", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ValueError, match=rf"no Dask scheduler.*{address}.*dask worker"):
        survey(
            function,
            {"a": {"x": 1}},
            tmp_path / "records.jsonl",
            scheduler=address,
        )
