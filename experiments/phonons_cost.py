"""Time, memory and accuracy of phonons by exact response and by supercells.

What is asked for are the frequencies along the standard path and on the default mesh,
as in the study ``phonons``. Routes: ``exact``, every wave vector by itself;
``default``, that of the study, exact at some of them and predicted at others;
``tolerance``, a grid for any wave vector; and phonopy's finite displacements in
supercells.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from matjax.config import ExperimentConfig
from matjax.crystals import Crystal, crystal_to_json
from matjax.force_constants import band_path, mesh_divisions, regular_mesh
from matjax.mechanics import relax
from matjax.reports import phonon_cost_figure
from matjax.studies import Prototype, Run, described_crystal
from matjax.weights import load_potential

WORKER = Path(__file__).with_name("_phonons_cost_worker.py")


class Config(ExperimentConfig):
    """Which crystals, and what is held against the exact frequencies."""

    crystals: dict[str, str | Prototype]
    """Files or structure types, by name; relaxed in the potential first."""
    potential: str = "nequix-mp-1-pft"
    """Name or file of a potential."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force after the relaxation, eV/Å."""
    tolerance: float = Field(default=0.1, gt=0)
    """Error allowed to the routes that predict or interpolate, THz."""
    sizes: tuple[int, ...] = (2, 3, 4)
    """Supercells n × n × n of phonopy's finite displacements. While none of them meets
    the tolerance, larger ones follow."""
    max_atoms: int = Field(default=1300, ge=1)
    """Most atoms of a supercell that follows."""
    distance: float = Field(default=0.01, gt=0)
    """Length of these displacements, Å."""


OURS = ("default", "tolerance")
"""Routes of exact response within a tolerance."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table, a figure, and in how many crystals the default route is cheaper."""
    potential = load_potential(config.potential)
    rows: list[dict[str, Any]] = []
    keys = ("crystal", "route", "seconds", "peak_MB", "prepared_s", "error_THz")
    for name, description in run.progress(list(config.crystals.items()), "crystals"):
        relaxed = relax(
            potential, described_crystal(description), fmax=config.fmax, symmetry=True
        )
        if not relaxed.converged:
            run.log.warning("%s has not come to rest", name)
        crystal = relaxed.crystal
        mesh = regular_mesh(crystal, mesh_divisions(crystal))
        q = np.concatenate([band_path(crystal).q, mesh.q])
        for row in _routes(crystal, q, config, run):
            rows.append({"crystal": name, **row})
            run.log.info(
                "%(crystal)s, %(route)s: %(seconds).2f s, %(peak_MB).0f MB, "
                "error %(error_THz).3f THz",
                rows[-1],
            )
            run.save_table("cost", {key: [row[key] for row in rows] for key in keys})
    run.save_figure("cost", phonon_cost_figure(rows, config.tolerance))
    return _metrics(rows, config)


def _routes(
    crystal: Crystal, q: np.ndarray, config: Config, run: Run
) -> Iterator[dict[str, Any]]:
    """What each route answers, and its error."""
    exact = _work("exact", crystal, q, config, run)
    expected = np.array(exact["frequencies"])
    yield {"route": "exact", "error_THz": 0.0, **exact}

    def compared(route: str) -> dict[str, Any]:
        answer = _work(route, crystal, q, config, run)
        error = np.abs(np.array(answer["frequencies"]) - expected).max()
        return {"route": route, "error_THz": float(error), **answer}

    for route in OURS:
        yield compared(route)
    smallest, size = np.inf, 0
    sizes = list(config.sizes)
    while sizes:
        size = sizes.pop(0)
        row = compared(f"supercell_{size}")
        yield row
        smallest = min(smallest, row["error_THz"])
        larger = crystal.n_atoms * (size + 1) ** 3
        if not sizes and smallest > config.tolerance and larger <= config.max_atoms:
            sizes.append(size + 1)


def _work(
    route: str, crystal: Crystal, q: np.ndarray, config: Config, run: Run
) -> dict[str, Any]:
    """What one process answers."""
    import jax

    kind, _, size = route.partition("_")
    job = {
        "route": kind,
        "size": int(size or 1),
        "potential": config.potential,
        **crystal_to_json(crystal),
        "q": q.tolist(),
        "tolerance": config.tolerance,
        "distance": config.distance,
        "cache": jax.config.jax_compilation_cache_dir,  # pyright: ignore
    }
    log = run.path("workers.log")
    with log.open("a") as errors:
        done = subprocess.run(
            [sys.executable, WORKER],
            input=json.dumps(job) + "\n",
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
    if done.returncode or not done.stdout:
        raise RuntimeError(f"{route} has ended early; {log} says why")
    return json.loads(done.stdout)


def _metrics(rows: list[dict[str, Any]], config: Config) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for row in rows:
        place = f"{row['crystal']}_{row['route']}"
        metrics[f"{place}_s"] = row["seconds"]
        metrics[f"{place}_peak_MB"] = row["peak_MB"]
        metrics[f"{place}_error_THz"] = row["error_THz"]
        if row["route"] == "exact":
            n_q = len(row["frequencies"])
            metrics[f"{row['crystal']}_n_q"] = n_q
            metrics[f"{place}_s_per_q"] = row["seconds"] / n_q
        if "n_exact" in row:
            metrics[f"{place}_n_exact"] = row["n_exact"]
    faster = smaller = reached = 0
    for name in config.crystals:
        mine = [row for row in rows if row["crystal"] == name]
        ours = next(row for row in mine if row["route"] == "default")
        peer = _peer(mine, config.tolerance)
        faster += ours["seconds"] <= peer["seconds"]
        smaller += ours["peak_MB"] <= peer["peak_MB"]
        reached += peer["error_THz"] <= config.tolerance
    return {
        **metrics,
        "tolerance_THz": config.tolerance,
        "n_crystals": len(config.crystals),
        "n_within_tolerance_by_supercell": reached,
        "n_no_slower_than_supercell": faster,
        "n_no_more_memory_than_supercell": smaller,
    }


def _peer(rows: list[dict[str, Any]], tolerance: float) -> dict[str, Any]:
    """The smallest supercell within the tolerance, or else the largest at all.

    One that met the tolerance would then take longer still.
    """
    supercells = [row for row in rows if row["route"].startswith("supercell")]
    accurate = [row for row in supercells if row["error_THz"] <= tolerance]
    return accurate[0] if accurate else supercells[-1]
