"""What ``benchmark.py`` measures: neighbor lists and potentials by several codes.

:mod:`matjax.processes.peer` runs this file, for a peer by the peer's interpreter:
nothing of matjax is imported unless matjax is the code.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from math import inf
from typing import Any

Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]
"""What a code does when asked, and what it tells about the outcome."""


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


def matjax_neighbors(job: dict[str, Any]) -> Work:
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

    return (
        lambda: jax.block_until_ready(compiled(empty, positions, cell, mask)),
        describe,
    )


def vesin_neighbors(job: dict[str, Any]) -> Work:
    """What :func:`matjax.crystals.neighbor_search` is built on."""
    import vesin

    atoms = silicon(job)
    search = vesin.NeighborList(cutoff=job["cutoff"], full_list=True, sorted=False)
    return (
        lambda: search.compute(
            atoms.positions, atoms.cell.array, atoms.pbc, quantities="ijS"
        ),
        lambda edges: {"n_edges": len(edges[0])},
    )


def matscipy_neighbors(job: dict[str, Any]) -> Work:
    """The same edges by matscipy."""
    from matscipy.neighbours import neighbour_list

    atoms = silicon(job)
    return (
        lambda: neighbour_list("ijS", atoms, job["cutoff"]),
        lambda edges: {"n_edges": len(edges[0])},
    )


def matjax_potential(job: dict[str, Any]) -> Work:
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
        return (
            lambda: jax.block_until_ready(compiled(potential, graph)),
            lambda result: {"forces": result.tolist()},
        )
    compiled = jax.jit(evaluate)
    return (
        lambda: jax.block_until_ready(compiled(potential, graph)),
        lambda result: {
            "energy": float(result.energy[0]),
            "forces": result.forces.tolist(),
        },
    )


def nequix_potential(job: dict[str, Any]) -> Work:
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
    return (
        lambda: jax.block_until_ready(compiled(graph)),
        lambda result: {
            "energy": float(result[0][0]),
            "forces": result[1][: len(atoms)].tolist(),
        },
    )


CODES = {
    ("neighbors", "matjax"): matjax_neighbors,
    ("neighbors", "vesin"): vesin_neighbors,
    ("neighbors", "matscipy"): matscipy_neighbors,
    ("potential", "matjax"): matjax_potential,
    ("potential", "nequix"): nequix_potential,
}
