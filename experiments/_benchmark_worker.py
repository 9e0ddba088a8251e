"""One code at work in a process of its own, so that its peak of memory is its own.

Started by ``benchmark.py``, for a peer by the peer's interpreter: nothing of matjax is
imported unless matjax is the code. :mod:`matjax.survey.peers` says what is asked.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TextIO


class Worker(NamedTuple):
    """What a code does when asked, and what it tells about the outcome."""

    work: Callable[[], Any]
    describe: Callable[[Any], dict[str, Any]]


Codes = Mapping[tuple[str, str], Callable[[dict[str, Any]], Worker]]


def main(codes: Codes) -> None:
    """Answer one job."""
    answers = own_output()
    job = json.loads(sys.stdin.readline())
    try:
        worker = codes[job["task"], job["code"]](job)
    except ImportError as error:
        answer(answers, error=str(error))
        return
    before = peak_memory()
    start = perf_counter()
    first = worker.work()
    seconds = perf_counter() - start
    answer(answers, first=seconds, before_MB=before, **worker.describe(first))
    del first
    for _ in sys.stdin:
        start = perf_counter()
        worker.work()
        answer(answers, seconds=perf_counter() - start, peak_MB=peak_memory())


def own_output() -> TextIO:
    """The output that answers go to; what libraries print goes to the error output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def answer(answers: TextIO, **values: Any) -> None:
    """Write a line."""
    answers.write(json.dumps(values) + "\n")
    answers.flush()


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB (2²⁰ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started this process.
        peak = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def silicon(job: dict[str, Any]) -> Any:
    """Rattled silicon of exactly ``n_atoms`` atoms in the most cubic supercell."""
    from ase.build import bulk

    n_cells = job["n_atoms"] // 8
    shape, shortest = (1, 1, n_cells), inf
    for a in range(1, round(n_cells ** (1 / 3)) + 2):
        for b in range(a, n_cells // a + 1):
            c = n_cells // (a * b)
            if a * b * c == n_cells and a + b + c < shortest:
                shape, shortest = (a, b, c), a + b + c
    atoms = bulk("Si", a=5.431, cubic=True).repeat(shape)
    atoms.rattle(job["rattle"], seed=job["seed"])
    return atoms


def matjax_neighbors(job: dict[str, Any]) -> Worker:
    """The compiled update; its allocation on the host counts as memory."""
    import jax
    import jax.numpy as jnp

    from matjax.crystals import Crystal
    from matjax.graphs import allocate_neighbor_list, update_neighbor_list

    jax.config.update("jax_enable_x64", job["precision"] == "float64")
    crystal = Crystal.from_ase(silicon(job))
    empty = allocate_neighbor_list(crystal, job["cutoff"], n_nodes=crystal.n_atoms)
    positions, cell = jnp.asarray(crystal.positions), jnp.asarray(crystal.cell)
    mask = jnp.ones(crystal.n_atoms, bool)
    compiled = update_neighbor_list.lower(empty, positions, cell, mask).compile()
    plan: Any = compiled.memory_analysis()
    buffers = plan.temp_size_in_bytes + plan.output_size_in_bytes

    def describe(updated: Any) -> dict[str, Any]:
        if updated.overflow:
            raise RuntimeError("the neighbor list overflows where it was allocated")
        return {"n_edges": int(updated.mask.sum()), "buffers_MB": buffers / 2**20}

    return Worker(
        lambda: jax.block_until_ready(compiled(empty, positions, cell, mask)), describe
    )


def vesin_neighbors(job: dict[str, Any]) -> Worker:
    """What :func:`matjax.crystals.neighbor_search` is built on."""
    import vesin

    atoms = silicon(job)
    search = vesin.NeighborList(cutoff=job["cutoff"], full_list=True, sorted=False)
    return Worker(
        lambda: search.compute(
            atoms.positions, atoms.cell.array, atoms.pbc, quantities="ijS"
        ),
        lambda found: {"n_edges": len(found[0])},
    )


def matscipy_neighbors(job: dict[str, Any]) -> Worker:
    """The same edges by matscipy."""
    from matscipy.neighbours import neighbour_list

    atoms = silicon(job)
    return Worker(
        lambda: neighbour_list("ijS", atoms, job["cutoff"]),
        lambda found: {"n_edges": len(found[0])},
    )


def matjax_potential(job: dict[str, Any]) -> Worker:
    """Energy, forces and stress, or forces alone, of a prepared graph."""
    import jax

    from matjax.crystals import Crystal
    from matjax.graphs import build_graph
    from matjax.predictors import evaluate, forces
    from matjax.weights import load_potential

    jax.config.update("jax_enable_x64", job["precision"] == "float64")
    potential = load_potential(job["potential"])
    crystal = Crystal.from_ase(silicon(job))
    graph = build_graph(
        crystal, potential.cutoff, n_nodes=crystal.n_atoms, dtype=potential.dtype
    )
    if job["forces_alone"]:
        compiled = jax.jit(forces)
        return Worker(
            lambda: jax.block_until_ready(compiled(potential, graph)),
            lambda found: {"forces": found.tolist()},
        )
    compiled = jax.jit(evaluate)
    return Worker(
        lambda: jax.block_until_ready(compiled(potential, graph)),
        lambda found: {
            "energy": float(found.energy[0]),
            "forces": found.forces.tolist(),
        },
    )


def nequix_potential(job: dict[str, Any]) -> Worker:
    """Energy, forces and stress by the nequix package, of a graph it has prepared."""
    import equinox as eqx  # pyright: ignore
    import jax
    from nequix.calculator import NequixCalculator  # pyright: ignore
    from nequix.data import dict_to_graphstuple, preprocess_graph  # pyright: ignore

    # Its fused kernels need a GPU and another package.
    fused = find_spec("openequivariance") is not None
    calculator = NequixCalculator(model_path=job["weights"], use_kernel=fused)
    atoms = silicon(job)
    graph = dict_to_graphstuple(
        preprocess_graph(atoms, calculator.atom_indices, calculator.cutoff, False)
    )
    graph = calculator._pad_graph_jax(graph)
    compiled = eqx.filter_jit(calculator.model)
    return Worker(
        lambda: jax.block_until_ready(compiled(graph)),
        lambda found: {
            "energy": float(found[0][0]),
            "forces": found[1][: len(atoms)].tolist(),
        },
    )


CODES: Codes = {
    ("neighbors", "matjax"): matjax_neighbors,
    ("neighbors", "vesin"): vesin_neighbors,
    ("neighbors", "matscipy"): matscipy_neighbors,
    ("potential", "matjax"): matjax_potential,
    ("potential", "nequix"): nequix_potential,
}

if __name__ == "__main__":
    main(CODES)
