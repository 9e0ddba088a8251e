"""Exact phonons of a few crystals by many potentials, beside each other and DFT."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.crystals import Crystal, make_supercell
from matjax.data.sources import find_data
from matjax.errors import reason
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import read_phonopy
from matjax.mechanics import relax
from matjax.predictors import Potential, evaluate
from matjax.reports import leaderboard_figure, ranked
from matjax.reports.leaderboard import ERROR
from matjax.studies import Prototype, Run, described_crystal
from matjax.weights import load_potential


class Config(ExperimentConfig):
    """Which potentials, of which crystals."""

    potentials: tuple[str, ...] = Field(min_length=1)
    """Names or files. What a potential lacks (elements, weights) is said, and the
    others go on."""
    crystals: dict[str, str | Prototype]
    """By name: a structure type or a file; or a folder of phonopy's files, by path or
    by name in MATJAX_DATA, whose frequencies are what the others are held against."""
    mesh: tuple[PositiveInt, PositiveInt, PositiveInt] = (2, 2, 2)
    """Wave vectors that are compared, Γ among them, without the field of long waves."""
    fmax: float = Field(default=1e-4, gt=0)
    """Largest force after the relaxation, eV/Å."""
    timed_atoms: PositiveInt = 64
    """Atoms of the supercell, about, in which a step is timed."""


class Row(NamedTuple):
    """One potential and one crystal."""

    crystal: str
    potential: str
    volume_A3_per_atom: float
    lowest_THz: float
    highest_THz: float
    highest_error_THz: float
    mean_error_THz: float
    microseconds_per_atom_and_step: float
    seconds_per_exact_q: float


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table, a figure, and errors of each potential."""
    rows: list[Row] = []
    starts = {name: _start(what, config) for name, what in config.crystals.items()}
    for name in run.progress(list(config.potentials), "potentials"):
        try:
            potential = load_potential(name)
        except (FileNotFoundError, ValueError) as error:
            run.log.warning("%s is left out: %s", name, reason(error))
            continue
        for label, (crystal, expected) in starts.items():
            try:
                row = _row(label, name, potential, crystal, expected, config)
            except ValueError as error:
                run.log.warning("%s, %s: %s", name, label, reason(error))
                continue
            rows.append(row)
            columns = {k: [getattr(r, k) for r in rows] for k in Row._fields}
            run.save_table("phonons", columns)
        jax.clear_caches()
    numbers = {
        f"{row.potential}/{row.crystal}_{key}": getattr(row, key)
        for row in rows
        for key in Row._fields[2:]
        if np.isfinite(getattr(row, key))
    }
    means: dict[str, float] = {}
    for name in {row.potential for row in rows}:
        errors = [row.mean_error_THz for row in rows if row.potential == name]
        errors = [error for error in errors if np.isfinite(error)]
        if errors:
            means[f"{name}/{ERROR}"] = float(np.mean(errors))
    if means:
        held = [label for label, (_, e) in starts.items() if e is not None]
        title = f"against {', '.join(held)} by files"
        figure = leaderboard_figure(ranked(means), "a frequency", "THz", title=title)
        run.save_figure("phonons", figure)
    return numbers


def _start(what: Any, config: Config) -> tuple[Crystal, np.ndarray | None]:
    """A crystal, and its frequencies (q, modes), THz, where files tell them."""
    if isinstance(what, str):
        path = find_data(what)
        if path.is_dir():
            # Without Born charges: potentials of short range have no field either.
            vibrations = read_phonopy(path, polar=False)
            q = regular_mesh(vibrations.crystal, config.mesh).q
            return vibrations.crystal, np.asarray(vibrations.frequencies(q))
        what = str(path)
    return described_crystal(what), None


def _row(
    label: str,
    name: str,
    potential: Potential,
    crystal: Crystal,
    expected: np.ndarray | None,
    config: Config,
) -> Row:
    """Phonons of one potential at its own cell."""
    relaxed = relax(potential, crystal, fmax=config.fmax, symmetry=True)
    if not relaxed.converged:
        raise ValueError("the crystal has not come to rest")
    q = regular_mesh(relaxed.crystal, config.mesh).q
    vibrations = phonons(potential, relaxed.crystal)
    found = np.asarray(vibrations.frequencies(q))
    begun = time.monotonic()
    vibrations.frequencies(q + 1e-3)
    per_q = (time.monotonic() - begun) / len(q)
    of_mesh = [np.nan, np.nan]
    if expected is not None:
        of_mesh = [abs(found.max() - expected.max()), np.abs(found - expected).mean()]
    return Row(
        crystal=label,
        potential=name,
        volume_A3_per_atom=float(relaxed.crystal.volume) / relaxed.crystal.n_atoms,
        lowest_THz=float(found.min()),
        highest_THz=float(found.max()),
        highest_error_THz=float(of_mesh[0]),
        mean_error_THz=float(of_mesh[1]),
        microseconds_per_atom_and_step=1e6
        * _seconds_per_atom(potential, relaxed.crystal, config.timed_atoms),
        seconds_per_exact_q=per_q,
    )


def _seconds_per_atom(potential: Potential, crystal: Crystal, n_atoms: int) -> float:
    """Time of energy, forces and stress in a supercell, by atom; compiled before."""
    n = max(1, round((n_atoms / crystal.n_atoms) ** (1 / 3)))
    graph = potential.graph(make_supercell(crystal, np.diag([n, n, n])).crystal)
    step = jax.jit(evaluate)
    jax.block_until_ready(step(potential, graph))
    times = []
    for _ in range(5):
        begun = time.monotonic()
        jax.block_until_ready(step(potential, graph))
        times.append(time.monotonic() - begun)
    return float(np.median(times)) / (crystal.n_atoms * n**3)
