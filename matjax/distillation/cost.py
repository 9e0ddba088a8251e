"""What columns cost on the primitive cell and on a supercell: time and memory.

Measured in a process of its own, where nothing else is at work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json, make_supercell
from matjax.graphs import Shape, Shapes
from matjax.predictors import evaluate
from matjax.processes import all_values, survey
from matjax.progress import Progress
from matjax.train import (
    ColumnExample,
    ColumnLoader,
    OptimizerConfig,
    Term,
    TrainState,
    common_shape,
    make_optimizer,
    make_train_step,
    potential_predictions,
)
from matjax.weights import load_potential

CRYSTALS = 3
"""The smallest that are trained on; the median of what they cost counts."""

REPEATS = 5
"""Times that a call is measured after its compilation; the shortest counts."""

ENOUGH = 20.0
"""Seconds after which it is not measured once more."""

Settings = Mapping[str, Any]

_COMPILED: dict[Any, Any] = {}


def column_costs(
    teacher: str,
    student: Path,
    crystals: Mapping[str, Crystal],
    records: Path,
    *,
    n_atoms: int,
    precision: str,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Medians over some crystals of what columns and evaluations take.

    Args:
        teacher: name or file of a potential.
        student: file of another one, whose columns are measured.
        crystals: of which the smallest are taken.
        records: JSON Lines file; made anew.
        n_atoms: of supercells, at least.
        precision: of both potentials, ``float32`` or ``float64``.
        seed: of the q of columns.
        progress: shows the crystals as they end.
    """
    chosen = sorted(crystals, key=lambda k: crystals[k].n_atoms)[:CRYSTALS]
    cutoff = load_potential(student, dtype=jnp.float32).cutoff
    records.unlink(missing_ok=True)  # a training that went on has another potential
    answers = survey(
        f"{__file__}:cost",
        {k: crystal_to_json(crystals[k]) for k in chosen},
        records,
        settings={
            "teacher": teacher,
            "student": str(student),
            "precision": precision,
            "n_atoms": n_atoms,
            "degree": common_shape([crystals[k] for k in chosen], cutoff).degree,
            "seed": seed,
        },
        progress=progress,
    )
    values = list(all_values(answers).values())
    return {key: float(np.median([v[key] for v in values])) for key in values[0]}


def cost(item: Settings, settings: Settings) -> dict[str, float | int]:
    """The answer to :func:`column_costs` for one crystal.

    One column of force constants, of the cell at some q and of its supercell at 0.
    Memory is what the compiled function needs beside its arguments and results, as XLA
    has planned it. A step of training on this column is measured likewise. Student and
    teacher are timed on the supercell: energy, forces and stress.
    """
    cell = crystal_from_json(item)
    large = make_supercell(cell, _repeats(settings["n_atoms"], cell.n_atoms)).crystal
    q = np.random.default_rng(settings["seed"]).uniform(-0.5, 0.5, 3)
    costs: dict[str, float | int] = {"cost_supercell_atoms": large.n_atoms}
    for kind, crystal, at in (("primitive", cell, q), ("supercell", large, 0 * q)):
        for key, value in _column(crystal, at, settings).items():
            what, _, unit = key.rpartition("_")
            costs[f"{what}_{kind}_{unit}"] = value
            small = costs[f"{what}_primitive_{unit}"]
            costs[f"{what}_ratio"] = value / small
    times = {who: _evaluation(who, large, settings) for who in ("teacher", "student")}
    costs |= {f"{who}_evaluation_s": seconds for who, seconds in times.items()}
    return {**costs, "evaluation_time_ratio": times["teacher"] / times["student"]}


def _repeats(wanted: int, n_atoms: int) -> list[int]:
    """The most even supercell of at least so many atoms."""
    repeats = [1, 1, 1]
    while n_atoms * np.prod(repeats) < wanted:
        repeats[int(np.argmin(repeats))] += 1
    return repeats


def _column(crystal: Crystal, q: np.ndarray, settings: Settings) -> dict[str, float]:
    """The column of the first atom along x: its value, and a step of training."""
    dtype = np.dtype(settings["precision"])
    predict, step, state = _functions(settings["student"], settings["precision"])
    u = np.zeros((1, 2, crystal.n_atoms, 3))
    u[0, 0, 0, 0] = 1.0
    loader = ColumnLoader(
        [ColumnExample(crystal, q[None], u, np.zeros_like(u), {}, source="cost")],
        load_potential(settings["student"], dtype=dtype).cutoff,
        batch_size=1,
        n_columns=1,
        dtype=dtype,
        shapes=Shapes((Shape(crystal.n_atoms, settings["degree"], 1),), padding=0.0),
    )
    batch = jax.device_put(loader.batch(0))
    value_s, value_mb = _measured(predict, state.params, batch)
    step_s, step_mb = _measured(step, state, batch)
    return {
        "column_time_s": value_s,
        "column_memory_MB": value_mb,
        "step_time_s": step_s,
        "step_memory_MB": step_mb,
    }


def _evaluation(who: str, crystal: Crystal, settings: Settings) -> float:
    """Seconds."""
    dtype = jnp.dtype(settings["precision"])
    potential = load_potential(settings[who], dtype=dtype)
    graph = potential.graph(crystal, n_nodes=crystal.n_atoms, degree=settings["degree"])
    return _measured(jax.jit(evaluate), potential, graph)[0]


@lru_cache(maxsize=1)
def _functions(name: str, precision: str) -> tuple[Any, Any, TrainState]:
    """A column, a step of training on it, and the state before that."""
    potential = load_potential(name, dtype=jnp.dtype(precision))
    predict = potential_predictions(potential.model, ("columns",))
    optimizer = make_optimizer(OptimizerConfig(name="sgd"), 1)
    step = make_train_step(predict, [Term("columns", 1.0, "mae")], optimizer)
    state = TrainState.create(potential.params, optimizer)
    return jax.jit(jax.vmap(predict, (None, 0))), jax.jit(step), state


def _measured(function: Callable, *arguments: Any) -> tuple[float, float]:
    """Shortest time of a call, s, and memory beside arguments and results, MB."""
    leaves, structure = jax.tree.flatten(arguments)
    key = (str(function), structure, *(np.shape(x) for x in leaves))
    if key not in _COMPILED:
        _COMPILED[key] = function.lower(*arguments).compile()
    compiled = _COMPILED[key]
    jax.block_until_ready(compiled(*arguments))
    # Of the processor, where it does the work: what else it does then does not count.
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < ENOUGH:
        start = clock()
        jax.block_until_ready(compiled(*arguments))
        times.append(clock() - start)
    memory = compiled.memory_analysis().temp_size_in_bytes
    return min(times), memory / 2**20
