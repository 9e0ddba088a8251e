"""What ``many_crystals.py`` measures: relaxations of many crystals by several codes.

:mod:`matjax.processes.peer` runs this file, for a peer by the peer's interpreter:
nothing of matjax is imported unless matjax is the code. Each time that a code works, it
relaxes the next portion of the crystals, and adds a line for each to a file of results.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]
"""What a code does when asked, and what it tells about the outcome."""


def portions(job: dict[str, Any]) -> Iterator[list[Any]]:
    """The crystals as ASE's ``Atoms``, a portion at a time."""
    import ase.io

    frames: Any = ase.io.read(job["frames"], ":")
    size = -(-len(frames) // job["n_portions"])
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def record(job: dict[str, Any], rows: list[dict[str, Any]]) -> int:
    """Adds results to the file of this code; their number."""
    with open(job["results"].format(code=job["code"]), "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return len(rows)


def matjax_batches(job: dict[str, Any]) -> Work:
    """All crystals of a portion in one call."""
    import jax

    import matjax as mj
    from matjax.mechanics import stepping

    jax.config.update("jax_enable_x64", job["precision"] == "float64")
    waiting = portions(job)

    def work() -> int:
        potential = matjax_potential(job)
        crystals = [mj.Crystal.from_ase(atoms) for atoms in next(waiting)]
        found = mj.relax(
            potential,
            crystals,
            fmax=job["fmax"],
            smax=job["smax"],
            max_steps=job["max_steps"],
        )
        rows = [
            {
                "energy": r.energy / r.crystal.n_atoms,
                "steps": r.steps,
                "converged": bool(r.converged),
            }
            for r in found
        ]
        return record(job, rows)

    def describe(n: int) -> dict[str, Any]:
        return {"n": n, "compilations": stepping.advance._cache_size()}

    return work, describe


def matjax_potential(job: dict[str, Any]) -> Any:
    """The potential of the job by matjax."""
    from matjax.models.potentials import LennardJones
    from matjax.predictors import Potential
    from matjax.weights import load_potential

    if job["potential"] != "lennard-jones":
        return load_potential(job["potential"])
    return Potential.create(LennardJones(**job["lennard_jones"]))


def ase_with(calculator: Callable[[dict[str, Any]], Any], optimizer: str) -> Callable:
    """ASE's optimizer on a calculator, one crystal after the other."""

    def start(job: dict[str, Any]) -> Work:
        import ase.optimize
        import numpy as np
        from ase.filters import FrechetCellFilter

        waiting, found = portions(job), []

        def one(atoms: Any) -> dict[str, Any]:
            atoms.calc = found[0]
            follow = getattr(ase.optimize, optimizer)
            search = follow(FrechetCellFilter(atoms), logfile=None)
            converged = search.run(fmax=job["fmax"], steps=job["max_steps"])
            energy = float(np.asarray(atoms.get_potential_energy())) / len(atoms)
            return {
                "energy": energy,
                "steps": search.nsteps,
                "converged": bool(converged),
            }

        def work() -> int:
            if not found:
                found.append(calculator(job))
            return record(job, [one(atoms) for atoms in next(waiting)])

        return work, lambda n: {"n": n}

    return start


def matjax_calculator(job: dict[str, Any]) -> Any:
    """Our potential as ASE knows it."""
    import jax

    from matjax.predictors import ase_calculator

    jax.config.update("jax_enable_x64", job["precision"] == "float64")
    return ase_calculator(matjax_potential(job))


def nequix_calculator(job: dict[str, Any]) -> Any:
    """The calculator of the nequix package."""
    from importlib.util import find_spec

    from nequix.calculator import NequixCalculator  # pyright: ignore

    # Its fused kernels need a GPU and another package.
    fused = find_spec("openequivariance") is not None
    return NequixCalculator(model_path=job["weights"], use_kernel=fused)


def torch_sim_batches(job: dict[str, Any]) -> Work:
    """All crystals of a portion by torch-sim, with its Lennard-Jones potential."""
    import torch  # pyright: ignore
    import torch_sim as ts  # pyright: ignore
    from torch_sim.models.lennard_jones import LennardJonesModel  # pyright: ignore

    waiting = portions(job)
    dtype = getattr(torch, job["precision"])

    def work() -> int:
        given = job["lennard_jones"]
        model = LennardJonesModel(
            sigma=given["sigma"],
            epsilon=given["epsilon"],
            cutoff=given["cutoff"],
            compute_forces=True,
            compute_stress=True,
            device=torch.device("cpu"),
            dtype=dtype,
        )
        atoms = next(waiting)
        done = ts.optimize(
            system=atoms,
            model=model,
            optimizer=ts.frechet_cell_fire,
            convergence_fn=ts.generate_force_convergence_fn(
                force_tol=job["fmax"], include_cell_forces=True
            ),
            max_steps=job["max_steps"],
        )
        energies = (done.energy / torch.bincount(done.batch)).tolist()
        return record(job, [{"energy": e, "steps": -1} for e in energies])

    return work, lambda n: {"n": n}


CODES = {
    ("relax", "matjax"): matjax_batches,
    ("relax", "ase_fire_matjax"): ase_with(matjax_calculator, "FIRE"),
    ("relax", "ase_lbfgs_matjax"): ase_with(matjax_calculator, "LBFGS"),
    ("relax", "ase_fire_nequix"): ase_with(nequix_calculator, "FIRE"),
    ("relax", "ase_lbfgs_nequix"): ase_with(nequix_calculator, "LBFGS"),
    ("relax", "torch_sim"): torch_sim_batches,
}
"""Several codes on the same crystals, each in a process of its own."""
