"""Time and memory of neighbor lists, potentials and training, beside other codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from pydantic import Field

from matjax.config import ExperimentConfig
from matjax.plot import new_figure, style
from matjax.runs import Run
from matjax.train import Example, LabeledGraphs, Loader, read_dataset
from matjax.weights import load_potential
from matjax.weights.store import PUBLISHED, fetch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORKER = Path(__file__).with_name("_benchmark_worker.py")


Code = Literal["matjax", "vesin", "matscipy"]


class Config(ExperimentConfig):
    """What is measured; each code works in a process of its own."""

    task: Literal["neighbors", "potential", "training"]
    """Neighbor lists at growing sizes, or a potential or its training beside the
    nequix package."""
    n_repeats: int = Field(default=11, ge=1)
    """Timings of each; medians are reported."""
    rattle: float = Field(default=0.1, ge=0)
    """Standard deviation of the displacements of silicon's atoms, Å."""

    n_atoms: tuple[int, ...] = (1728, 2000, 4000, 8000, 16000, 32000, 64000, 100000)
    """Sizes of the crystals in which neighbors are sought, multiples of 8."""
    cutoff: float = Field(default=6.0, gt=0)
    """Å."""
    codes: tuple[Code, ...] = ("matjax", "vesin", "matscipy")
    """Which neighbor lists to measure."""

    potential: str = "nequix-mp-1-pft"
    """Name or file of a potential."""
    n_atoms_paired: int = Field(default=128, ge=8)
    """Atoms whose energy, forces and stress both codes compute in turn."""
    peer: bool = True
    """Whether the nequix package is measured in the same run."""
    peer_python: str | None = None
    """Interpreter that can import nequix; by default the current one."""
    n_atoms_large: int = Field(default=10000, ge=0)
    """Atoms whose forces matjax computes alone, twice; 0 for none."""

    train: str = "mlearn/Si/train"
    """Data set from which training takes a batch, by name or file."""
    batch_size: int = Field(default=4, ge=1)
    """Structures in a training step."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables, a figure and numbers of the task that the config names."""
    if config.task == "neighbors":
        return measure_neighbors(config, run)
    if config.task == "training":
        return measure_training(config, run)
    return measure_potential(config, run)


def measure_neighbors(config: Config, run: Run) -> dict[str, float]:
    """Neighbor lists in growing crystals: the compiled update and host codes."""
    _require_sizes(config.n_atoms)
    rows = []
    for n_atoms in run.progress(config.n_atoms, "sizes"):
        job = {"task": "neighbors", "cutoff": config.cutoff, "n_atoms": n_atoms}
        rows += _work_in_turn(config.codes, job, config, run)
    _require_same_edges(rows)
    columns = ("code", "n_atoms", "n_edges", "seconds", "peak_MB", "before_MB")
    run.save_table("neighbors", {key: [row[key] for row in rows] for key in columns})
    run.save_figure("neighbors", _figure(rows, config.codes))

    metrics: dict[str, float] = {}
    for row in rows:
        place = f"{row['code']}_{row['n_atoms']}"
        metrics[f"{place}_s"] = row["seconds"]
        metrics[f"{place}_peak_MB"] = row["peak_MB"]
    ours = [row for row in rows if row["code"] == "matjax"]
    metrics |= {f"matjax_{r['n_atoms']}_buffers_MB": r["buffers_MB"] for r in ours}
    if len(ours) > 1:
        metrics |= _exponents(ours)
    if {"matjax", "matscipy"} <= set(config.codes):
        n_atoms = config.n_atoms[0]
        ratio = metrics[f"matjax_{n_atoms}_s"] / metrics[f"matscipy_{n_atoms}_s"]
        metrics[f"time_over_matscipy_{n_atoms}"] = ratio
    return metrics


def measure_potential(config: Config, run: Run) -> dict[str, float]:
    """A potential by matjax and by the nequix package, and forces of many atoms."""
    sizes = [config.n_atoms_paired, config.n_atoms_large]
    _require_sizes([n for n in sizes if n])
    job = {
        "task": "potential",
        "potential": config.potential,
        "weights": _weights(config) if config.peer else None,
        "n_atoms": config.n_atoms_paired,
        "forces_alone": False,
    }
    # The peer first: if it is missing, that shows before anything is compiled.
    codes = ("nequix", "matjax") if config.peer else ("matjax",)
    run.log.info("energy, forces, stress of %d atoms", config.n_atoms_paired)
    rows = _work_in_turn(codes, job, config, run)
    metrics = {
        f"{row['code']}_{key}": row[column]
        for row in rows
        for key, column in (("s", "seconds"), ("peak_MB", "peak_MB"))
    }
    if config.peer:
        metrics |= _comparison(*rows)
    if config.n_atoms_large:
        job = {**job, "n_atoms": config.n_atoms_large, "forces_alone": True}
        run.log.info("forces of %d atoms", config.n_atoms_large)
        once = config.model_copy(update={"n_repeats": 1})
        (large,) = _work_in_turn(("matjax",), job, once, run)
        rows.append(large)
        metrics["matjax_large_s"] = large["seconds"]
        metrics["matjax_large_peak_MB"] = large["peak_MB"]
    columns = ("code", "n_atoms", "seconds", "first", "peak_MB", "before_MB")
    run.save_table("potential", {key: [row[key] for row in rows] for key in columns})
    return metrics


def measure_training(config: Config, run: Run) -> dict[str, float]:
    """Training steps of both codes on the same batch, and how fast batches come."""
    metrics, batch = _loading(config, run)
    job = {
        "task": "training",
        "potential": config.potential,
        "weights": _weights(config) if config.peer else None,
        **batch,
        "n_steps": 1000,
        "average_decay": 0.999,
        "delta": 0.1,
        "optimizer": {
            "learning_rate": 1e-4,
            "warmup": 0.0,
            "final": 1.0,
            "weight_decay": 1e-3,
            "clip": 100.0,
        },
    }
    codes = ("nequix", "matjax") if config.peer else ("matjax",)
    run.log.info("training steps of %d structures", config.batch_size)
    rows = _work_in_turn(codes, job, config, run)
    columns = ("code", "seconds", "first", "peak_MB", "before_MB", "loss")
    run.save_table("training", {key: [row[key] for row in rows] for key in columns})
    for row in rows:
        code = row["code"]
        metrics[f"{code}_structures_per_s"] = config.batch_size / row["seconds"]
        metrics[f"{code}_step_s"] = row["seconds"]
        metrics[f"{code}_first_step_s"] = row["first"]
        metrics[f"{code}_peak_MB"] = row["peak_MB"]
    if config.peer:
        theirs, ours = rows
        metrics["throughput_over_nequix"] = theirs["seconds"] / ours["seconds"]
        metrics["peak_over_nequix"] = ours["peak_MB"] / theirs["peak_MB"]
        metrics["loss_relative_difference"] = abs(ours["loss"] / theirs["loss"] - 1)
    return metrics


def _loading(config: Config, run: Run) -> tuple[dict[str, float], dict[str, Any]]:
    """Structures in a second that are put together, and a file of the first batch."""
    labels = ("energy", "forces")
    data = read_dataset(config.train, labels)
    graphs = LabeledGraphs(data, load_potential(config.potential).cutoff, labels=labels)
    start = perf_counter()
    loader = Loader(graphs, batch_size=config.batch_size, seed=config.seed, prefetch=0)
    found = perf_counter()
    batches = iter(loader)
    for _ in range(loader.steps_per_epoch):
        next(batches)
    seconds = perf_counter() - found
    chosen = set(loader.sources(0))
    path = run.path("batch.extxyz")
    frames = [_labeled(e) for e in data.examples if e.source in chosen]
    ase.io.write(path, frames)
    metrics = {
        "neighbors_structures_per_s": len(data) / (found - start),
        "loader_structures_per_s": loader.steps_per_epoch * config.batch_size / seconds,
    }
    return metrics, {"frames": str(path), "n_atoms": sum(map(len, frames))}


def _labeled(example: Example) -> ase.Atoms:
    atoms = example.crystal.to_ase()
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=example.labels["energy"],
        forces=np.asarray(example.labels["forces"]),
    )
    return atoms


def _comparison(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, float]:
    difference = np.abs(np.array(ours["forces"]) - np.array(theirs["forces"]))
    energies = abs(ours["energy"] - theirs["energy"])
    return {
        "time_over_nequix": ours["seconds"] / theirs["seconds"],
        "peak_over_nequix": ours["peak_MB"] / theirs["peak_MB"],
        "max_force_difference_eV_per_A": float(difference.max()),
        "energy_difference_eV_per_atom": energies / ours["n_atoms"],
    }


class Process:
    """A code at work in its own process; see ``_benchmark_worker.py``.

    Raises:
        ImportError: if the interpreter cannot import what the code needs.
        RuntimeError: if the process ends early.
    """

    def __init__(
        self, code: str, job: Mapping[str, Any], config: Config, run: Run
    ) -> None:
        self.code = code
        self.python = sys.executable
        if code == "nequix" and config.peer_python:
            self.python = config.peer_python
        self.seconds: list[float] = []
        self.peak = 0.0
        self.log = run.path("workers.log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [self.python, WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
            )
        common = config.model_dump(include={"seed", "rattle", "precision"})
        try:
            self.first = self._ask(json.dumps({**common, **job, "code": code}))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def work(self) -> None:
        """Let the code work once."""
        answer = self._ask("go")
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak_MB"]

    def summary(self) -> dict[str, Any]:
        """Median time, first time with compilation, memory, and the results."""
        seconds = float(np.median(self.seconds))
        return {
            **self.first,
            "code": self.code,
            "seconds": seconds,
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
            raise RuntimeError(f"{self.code} has ended early; {self.log} says why")
        values = json.loads(answer)
        if "error" in values:
            remedy = "install it with pip install 'matjax[bench]'"
            if self.code == "nequix":
                remedy += (
                    ", name its interpreter by peer_python=PATH, or set peer=false"
                )
            raise ImportError(
                f"{self.python} cannot import what {self.code} needs: "
                f"{values['error']}; {remedy}"
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


def _work_in_turn(
    codes: Sequence[str], job: Mapping[str, Any], config: Config, run: Run
) -> list[dict[str, Any]]:
    """Results of codes that work alternately, so that a busy machine slows all."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Process(code, job, config, run)) for code in codes
        ]
        for _ in range(config.n_repeats):
            for process in processes:
                process.work()
        return [
            {**process.summary(), "n_atoms": job["n_atoms"]} for process in processes
        ]


def _weights(config: Config) -> str:
    """File of the weights, for the peer."""
    name = config.potential
    path = fetch(PUBLISHED[name]) if name in PUBLISHED else Path(name)
    if path.suffix != ".nqx":
        raise ValueError(
            f"the nequix package reads .nqx files; received potential={name}: choose "
            f"one of {', '.join(PUBLISHED)} or set peer=false"
        )
    return str(path)


def _require_sizes(sizes: Sequence[int]) -> None:
    wrong = [n for n in sizes if n < 8 or n % 8]
    if wrong:
        raise ValueError(
            f"numbers of atoms must be multiples of the 8 of silicon's cubic cell; "
            f"received {wrong}"
        )


def _require_same_edges(rows: Sequence[Mapping[str, Any]]) -> None:
    for n_atoms in {row["n_atoms"] for row in rows}:
        found = {r["code"]: r["n_edges"] for r in rows if r["n_atoms"] == n_atoms}
        # Codes that round differently may part on a pair exactly at the cutoff.
        if max(found.values()) - min(found.values()) > 1e-6 * max(found.values()):
            raise ValueError(f"{n_atoms} atoms: the codes find other edges: {found}")


def _exponents(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Powers of the number of atoms with which time and buffers grow."""
    sizes = np.log([row["n_atoms"] for row in rows])
    return {
        f"{name}_exponent": float(np.polyfit(sizes, np.log(values), 1)[0])
        for name, values in (
            ("time", [row["seconds"] for row in rows]),
            ("buffers", [row["buffers_MB"] for row in rows]),
        )
    }


def _figure(rows: Sequence[Mapping[str, Any]], codes: Sequence[str]) -> Figure:
    """Time and peak memory of the processes against the number of atoms."""
    with style():
        figure, axes = new_figure(1, 2, width=7.0)
        for code in codes:
            mine = [row for row in rows if row["code"] == code]
            sizes = [row["n_atoms"] for row in mine]
            axes[0, 0].loglog(sizes, [row["seconds"] for row in mine], "o-", label=code)
            axes[0, 1].loglog(sizes, [row["peak_MB"] for row in mine], "o-", label=code)
            if code == "matjax":
                buffers = [row["buffers_MB"] for row in mine]
                axes[0, 1].loglog(sizes, buffers, "--", color="C0", label="its buffers")
        axes[0, 0].set(xlabel="atoms", ylabel="time (s)")
        axes[0, 1].set(xlabel="atoms", ylabel="peak memory (MB)")
        axes[0, 1].legend()
    return figure
