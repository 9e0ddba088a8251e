"""Time and memory of neighbor lists and of potentials, beside other codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from matjax.config import ExperimentConfig
from matjax.processes import Code, in_turns
from matjax.reports import neighbor_cost_figure
from matjax.studies import Run
from matjax.weights.store import nequix_file

WORKER = Path(__file__).with_name("_benchmark_worker.py")


Searcher = Literal["matjax", "vesin", "matscipy"]


class Config(ExperimentConfig):
    """What is measured; each code works in a process of its own."""

    task: Literal["neighbors", "potential"]
    """Neighbor lists at growing sizes, or a potential beside the nequix package."""
    n_repeats: int = Field(default=11, ge=1)
    """Timings of each; medians are reported."""
    rattle: float = Field(default=0.1, ge=0)
    """Standard deviation of the displacements of silicon's atoms, Å."""

    n_atoms: tuple[int, ...] = (1728, 2000, 4000, 8000, 16000, 32000, 64000, 100000)
    """Sizes of the crystals in which neighbors are sought, multiples of 8."""
    cutoff: float = Field(default=6.0, gt=0)
    """Å."""
    codes: tuple[Searcher, ...] = ("matjax", "vesin", "matscipy")
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


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Tables, a figure and numbers of the task that the config names."""
    if config.task == "neighbors":
        return measure_neighbors(config, run)
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
    run.save_figure("neighbors", neighbor_cost_figure(rows, config.codes))

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
        "weights": str(nequix_file(config.potential)) if config.peer else None,
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
        (large,) = _work_in_turn(("matjax",), job, config, run, repeats=1)
        rows.append(large)
        metrics["matjax_large_s"] = large["seconds"]
        metrics["matjax_large_peak_MB"] = large["peak_MB"]
    columns = ("code", "n_atoms", "seconds", "first", "peak_MB", "before_MB")
    run.save_table("potential", {key: [row[key] for row in rows] for key in columns})
    return metrics


def _comparison(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, float]:
    difference = np.abs(np.array(ours["forces"]) - np.array(theirs["forces"]))
    energies = abs(ours["energy"] - theirs["energy"])
    return {
        "time_over_nequix": ours["seconds"] / theirs["seconds"],
        "peak_over_nequix": ours["peak_MB"] / theirs["peak_MB"],
        "max_force_difference_eV_per_A": float(difference.max()),
        "energy_difference_eV_per_atom": energies / ours["n_atoms"],
    }


def _work_in_turn(
    names: Sequence[str],
    job: Mapping[str, Any],
    config: Config,
    run: Run,
    *,
    repeats: int | None = None,
) -> list[dict[str, Any]]:
    """Results of codes that work alternately."""
    common = config.model_dump(include={"seed", "rattle", "precision"})
    codes = {name: Code({**common, **job}) for name in names}
    if "nequix" in codes:
        remedy = (
            f"{codes['nequix'].remedy}, name its interpreter by peer_python=PATH, or "
            "set peer=false"
        )
        python = config.peer_python or sys.executable
        codes["nequix"] = codes["nequix"]._replace(python=python, remedy=remedy)
    rows = in_turns(WORKER, codes, repeats or config.n_repeats, run.path("workers.log"))
    return [{**row, "n_atoms": job["n_atoms"]} for row in rows]


def _require_sizes(sizes: Sequence[int]) -> None:
    wrong = [n for n in sizes if n < 8 or n % 8]
    if wrong:
        raise ValueError(
            f"numbers of atoms must be multiples of the 8 of silicon's cubic cell; "
            f"received {wrong}"
        )


def _require_same_edges(rows: Sequence[Mapping[str, Any]]) -> None:
    for n_atoms in {row["n_atoms"] for row in rows}:
        counts = {r["code"]: r["n_edges"] for r in rows if r["n_atoms"] == n_atoms}
        # Codes that round differently may part on a pair exactly at the cutoff.
        if max(counts.values()) - min(counts.values()) > 1e-6 * max(counts.values()):
            raise ValueError(f"{n_atoms} atoms: the codes find other edges: {counts}")


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
