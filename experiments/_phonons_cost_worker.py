"""Phonons of one crystal by one route, in a process whose peak of memory is its own.

Started by ``phonons_cost.py``. Reads a job (JSON), compiles what it needs, and answers
with frequencies at the job's wave vectors, and what they took after that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from matjax.crystals import Crystal, crystal_from_json
from matjax.force_constants.sampling import SampledResponse
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import finite_displacements
from matjax.predictors import Potential
from matjax.processes.peer import answer, own_output, peak_memory
from matjax.weights import load_potential

REPEATS = 5
"""Times that a route is measured; the shortest counts, as other work disturbs."""

ENOUGH = 10.0
"""Seconds after which it is not measured once more."""

Work = Callable[[], tuple[np.ndarray, dict[str, Any]]]


def main() -> None:
    """Answer one job."""
    answers = own_output()
    job = json.loads(sys.stdin.readline())
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_compilation_cache_dir", job["cache"])
    potential = load_potential(job["potential"]).astype("float64")
    crystal = crystal_from_json(job)
    start = perf_counter()
    work = ROUTES[job["route"]](job, potential, crystal)
    prepared = perf_counter() - start
    forget_peak()
    times: list[float] = []
    frequencies, details = np.empty(0), {}
    while len(times) < REPEATS and sum(times) < ENOUGH:
        start = perf_counter()
        frequencies, details = work()
        times.append(perf_counter() - start)
    result = {
        "seconds": min(times),
        "peak_MB": peak_memory(),
        "prepared_s": prepared,
        "frequencies": frequencies.tolist(),
        **details,
    }
    answer(answers, **result)


def exact(job: dict[str, Any], potential: Potential, crystal: Crystal) -> Work:
    """Force constants at every wave vector by themselves."""
    vibrations = phonons(potential, crystal)  # compiles
    q = np.array(job["q"])
    return lambda: (np.asarray(vibrations.frequencies(q)), {})


def default(job: dict[str, Any], potential: Potential, crystal: Crystal) -> Work:
    """Exact at as few of these wave vectors as predict the others."""
    q = np.array(job["q"])
    phonons(potential, crystal, symmetry=True)  # compiles

    def work() -> tuple[np.ndarray, dict[str, Any]]:
        exact = phonons(potential, crystal, symmetry=True)
        vibrations = exact.sampled(q, tolerance=job["tolerance"])
        details = {"measured_THz": vibrations.interpolation_error}
        if isinstance(vibrations.source, SampledResponse):
            details["n_exact"] = int(np.sum(vibrations.source.is_exact))
        return np.asarray(vibrations.frequencies(q)), details

    return work


def tolerance(job: dict[str, Any], potential: Potential, crystal: Crystal) -> Work:
    """A grid, refined until the measured error is below the tolerance."""
    phonons(potential, crystal, symmetry=True)  # compiles

    def work() -> tuple[np.ndarray, dict[str, Any]]:
        vibrations = phonons(potential, crystal, tolerance=job["tolerance"])
        details = {
            "grid": vibrations.grid,
            "measured_THz": vibrations.interpolation_error,
        }
        return np.asarray(vibrations.frequencies(np.array(job["q"]))), details

    return work


def supercell(job: dict[str, Any], potential: Potential, crystal: Crystal) -> Work:
    """Finite displacements by phonopy, forces through ASE."""
    size = (job["size"],) * 3

    def work() -> tuple[np.ndarray, dict[str, Any]]:
        displacements = finite_displacements(
            potential, crystal, size, distance=job["distance"]
        )
        details = {"n_displacements": displacements.n_displacements}
        return np.asarray(displacements.frequencies(np.array(job["q"]))), details

    work()  # compiles; every displacement may have a bucket of its own
    return work


ROUTES: dict[str, Callable[[dict[str, Any], Potential, Crystal], Work]] = {
    "exact": exact,
    "default": default,
    "tolerance": tolerance,
    "supercell": supercell,
}


def forget_peak() -> None:
    """Begin to watch for the peak of memory anew, where the system can."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


if __name__ == "__main__":
    main()
