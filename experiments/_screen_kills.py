"""A screen whose client, workers and scheduler are killed in turn, at random moments.

    python experiments/_screen_kills.py FOLDER N_KILLS SOURCE [key=value ...]

Once undisturbed and once killed, both on a scheduler of this machine with two workers,
one of them at another address of its loopback. What is killed is started again, the
client with the same command. At the end every crystal must have one record, and the
tables must be the same.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

HOSTS = ("127.0.0.1", "127.0.0.2")

IGNORED = ("seconds",)
"""Columns that no two runs share."""


class Cluster:
    """A scheduler, two workers and the client of a screen."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder, self.command = folder, command
        with socket.socket() as listener:
            listener.bind((HOSTS[0], 0))
            self.port = listener.getsockname()[1]
        self.address = f"tcp://{HOSTS[0]}:{self.port}"
        self.processes: dict[str, subprocess.Popen] = {}
        for name in ("scheduler", "worker 0", "worker 1", "client"):
            self.start(name)

    def start(self, name: str) -> None:
        """Starts one of them, or starts it again."""
        words = {
            "scheduler": ["-m", "distributed.cli.dask_scheduler"],
            "worker": ["-m", "distributed.cli.dask_worker", self.address],
            "client": ["-m", "matjax", *self.command, "--scheduler", self.address],
        }[name.partition(" ")[0]]
        if name == "scheduler":
            words += ["--host", HOSTS[0], "--port", str(self.port), "--no-dashboard"]
        elif name != "client":
            words += ["--host", HOSTS[int(name[-1])], "--nthreads", "1", "--no-nanny"]
            words += ["--no-dashboard", "--death-timeout", "120"]
        with (self.folder / "processes.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-P", *words],
                stdout=log,
                stderr=log,
                env={**os.environ, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"},
            )

    def keep(self) -> bool:
        """Starts again what has ended without being done; whether the client is."""
        client = self.processes["client"].poll()
        if client == 0:
            return True
        for name, process in self.processes.items():
            if process.poll() is not None:
                self.start(name)
        return False

    def kill(self, name: str) -> None:
        """Kills one of them."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def close(self) -> None:
        """Ends all."""
        for process in self.processes.values():
            process.kill()
            process.wait()


def screen(folder: Path, words: Sequence[str], n_kills: int) -> dict[str, float]:
    """Runs a screen to its end; seconds, and what was killed."""
    folder.mkdir(parents=True)
    table = folder / "table.csv"
    command = ["screen", *words, "--out", str(table)]
    rng = random.Random(0)
    victims = ["client", "worker 0", "scheduler", "worker 1"] * n_kills
    records = folder / "table" / "crystals.jsonl"
    start = time.monotonic()
    cluster = Cluster(folder, command)
    killed: Counter[str] = Counter()
    try:
        pause = rng.uniform(5, 40)
        last = None
        while not cluster.keep():
            time.sleep(0.5)
            if last is None:  # the first record: everything is at work
                last = time.monotonic() if _n_lines(records) > 1 else None
            elif sum(killed.values()) < n_kills and time.monotonic() - last > pause:
                name = victims[sum(killed.values())]
                sys.stderr.write(f"{_n_lines(records) - 1} records: {name} is killed\n")
                cluster.kill(name)
                killed[name.partition(" ")[0]] += 1
                last, pause = time.monotonic(), rng.uniform(5, 40)
    finally:
        cluster.close()
    return {
        "seconds": time.monotonic() - start,
        **{f"{k}_kills": n for k, n in killed.items()},
    }


def main(folder: Path, n_kills: int, words: Sequence[str]) -> None:
    """Prints what was found, as JSON; fails if a crystal was lost."""
    calm = screen(folder / "calm", words, 0)
    killed = screen(folder / "killed", words, n_kills)
    keys, tables = [], []
    for name in ("calm", "killed"):
        lines = (folder / name / "table" / "crystals.jsonl").read_text().splitlines()
        keys.append([json.loads(line)["key"] for line in _whole(lines)[1:]])
        with (folder / name / "table.csv").open(encoding="utf-8") as file:
            tables.append(list(csv.DictReader(file)))
    assert all(len(set(k)) == len(k) for k in keys), "a crystal has two records"
    assert set(keys[0]) == set(keys[1]), "a crystal was lost"
    worst: dict[str, float] = {}
    for a, b in zip(*tables, strict=True):
        for column in a.keys() - set(IGNORED):
            worst[column] = max(worst.get(column, 0.0), _apart(a[column], b[column]))
    found = {
        "n_crystals": len(keys[0]),
        "calm_s": calm["seconds"],
        "killed_s": killed.pop("seconds"),
        **killed,
        "largest_relative_differences": {k: v for k, v in worst.items() if v},
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _apart(a: str, b: str) -> float:
    """Relative difference of two cells; 1 where one is no number."""
    if a == b:
        return 0.0
    try:
        x, y = float(a), float(b)
    except ValueError:
        return 1.0
    return abs(x - y) / max(abs(x), abs(y))


def _n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _whole(lines: Sequence[str]) -> list[str]:
    found = []
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            continue
        found.append(line)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
