"""Relaxations in a minute, of many crystals at once and of one after the other.

Each code has a process of its own; they work in turns, each on the same portion of the
crystals, so that a busy machine slows all. What is compiled counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import ase.io
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.crystals.io import read_atoms
from matjax.data.sources import find_data
from matjax.processes import Code, in_turns
from matjax.studies import Run
from matjax.weights.store import nequix_file

WORKER = Path(__file__).with_name("_many_crystals_worker.py")

Name = Literal[
    "matjax",
    "ase_fire_matjax",
    "ase_lbfgs_matjax",
    "ase_fire_nequix",
    "ase_lbfgs_nequix",
    "torch_sim",
]


class Config(ExperimentConfig):
    """Which crystals, and by which codes."""

    precision: Literal["float32", "float64"] = "float32"
    """Of all codes; the peer's calculator knows this one alone."""
    potential: str = "nequix-mp-1-pft"
    """Name of a potential, or lennard-jones."""
    lennard_jones: dict[str, float] = Field(
        default_factory=lambda: {"sigma": 3.405, "epsilon": 0.0104, "cutoff": 8.5}
    )
    """Å and eV, of that potential; argon by default."""
    data: str = "matcalc/wbm-random-pbe52-equilibrium-2025.1.extxyz.gz"
    """File of crystals; searched in ``MATJAX_DATA``."""
    n_crystals: PositiveInt = 200
    """Chosen at random by the seed."""
    max_atoms: PositiveInt = 12
    """Most atoms in a cell of these."""
    rattle: float = Field(default=0.0, ge=0)
    """Standard deviation of the displacements from which they start, Å; by default as
    the file has them. Displaced ones may come to rest in other minima."""
    codes: tuple[Name, ...] = (
        "matjax",
        "ase_lbfgs_matjax",
        "ase_fire_matjax",
        "ase_lbfgs_nequix",
        "ase_fire_nequix",
    )
    """Which codes take part."""
    n_portions: PositiveInt = 2
    """Turns in which the crystals are relaxed."""
    fmax: float = Field(default=0.02, gt=0)
    """Largest force at the end, eV/Å."""
    smax: float = Field(default=5e-4, gt=0)
    """Largest component of the stress at the end, eV/Å³; of matjax alone. ASE's filter
    holds V σ / N below ``fmax``, which is as much in a crystal of 40 Å³ by atom."""
    max_steps: PositiveInt = 500
    """Steps at most."""
    peer_python: str | None = None
    """Interpreter that can import the peers; by default the current one."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table of all codes, and how much faster the first one is."""
    frames = run.path("start.extxyz")
    n = _write_start(config, frames)
    results = run.folder.absolute() / "results_{code}.jsonl"
    common = config.model_dump(
        include={
            *("potential", "lennard_jones", "n_portions", "fmax", "smax"),
            *("max_steps", "precision"),
        }
    )
    job = {
        **common,
        "task": "relax",
        "frames": str(frames.absolute()),
        "results": str(results),
        "weights": _weights(config),
    }
    codes = {name: _code(name, job, config) for name in config.codes}
    rows = in_turns(WORKER, codes, config.n_portions - 1, run.path("workers.log"))
    table: dict[str, list] = {}
    reference = _results(results, config.codes[-1])
    for row in rows:
        seconds = row["first"] + sum(row["each"])
        found = _results(results, row["code"])
        values = {
            "code": row["code"],
            "seconds": seconds,
            "relaxations_per_minute": 60 * n / seconds,
            "first_portion_s": row["first"],
            "mean_steps": float(np.mean([r["steps"] for r in found])),
            "converged": sum(r.get("converged", False) for r in found),
            "peak_MB": row["peak_MB"],
            **_difference(found, reference),
        }
        for key, value in values.items():
            table.setdefault(key, []).append(value)
    run.save_table("many_crystals", table)
    return _metrics(table, n)


def _metrics(table: Mapping[str, Sequence[Any]], n: int) -> dict[str, float]:
    metrics: dict[str, float] = {"n_crystals": n}
    codes = table["code"]
    for key, values in table.items():
        if key != "code":
            metrics |= {f"{c}_{key}": v for c, v in zip(codes, values, strict=True)}
    ours = table["seconds"][0]
    for code, seconds in zip(codes[1:], table["seconds"][1:], strict=True):
        metrics[f"speed_over_{code}"] = seconds / ours
    return metrics


def _difference(
    found: Sequence[Mapping[str, Any]], reference: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Energies at rest against those of the last code, meV/atom."""
    pairs = zip(found, reference, strict=True)
    meV = 1e3 * np.array([a["energy"] - b["energy"] for a, b in pairs])
    return {
        "median_energy_difference_meV_per_atom": float(np.median(meV)),
        "highest_energy_difference_meV_per_atom": float(meV.max()),
        "lowest_energy_difference_meV_per_atom": float(meV.min()),
        "n_higher_by_1_meV_per_atom": int((meV > 1).sum()),
        "n_lower_by_1_meV_per_atom": int((meV < -1).sum()),
    }


def _write_start(config: Config, path: Path) -> int:
    """Crystals as all codes find them; their number."""
    frames = read_atoms(find_data(config.data))
    small = [atoms for atoms in frames if len(atoms) <= config.max_atoms]
    rng = np.random.default_rng(config.seed)
    chosen = [small[k] for k in rng.permutation(len(small))[: config.n_crystals]]
    for atoms in chosen:
        atoms.calc = None
        atoms.info = {}
        atoms.positions += rng.normal(scale=config.rattle, size=(len(atoms), 3))
    ase.io.write(path, chosen, format="extxyz")
    return len(chosen)


def _code(name: str, job: Mapping[str, Any], config: Config) -> Code:
    if not name.endswith(("nequix", "torch_sim")):
        return Code(job)
    python = config.peer_python or sys.executable
    remedy = "install it, name its interpreter by peer_python=PATH, or leave it out"
    return Code(job, python, remedy)


def _weights(config: Config) -> str | None:
    peers = any(name.endswith("nequix") for name in config.codes)
    return str(nequix_file(config.potential)) if peers else None


def _results(path: Path, code: str) -> list[dict[str, Any]]:
    text = Path(str(path).format(code=code)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
