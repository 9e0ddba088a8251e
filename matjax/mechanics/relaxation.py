"""Relaxation of atoms and cell to a minimum of the enthalpy.

The loop is compiled; the host looks in about every second to show progress, to notice
Ctrl-C, and to enlarge the neighbor list when the crystal has become too dense for it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.crystals import Crystal, space_group, symmetrized
from matjax.errors import DivergenceError
from matjax.mechanics.chunks import (
    SLACK,
    next_limit,
    next_slack,
    roomy_neighbor_list,
    watched,
)
from matjax.mechanics.fire import FireState, fire_init, fire_step
from matjax.mechanics.landscape import Landscape, Point, make_landscape
from matjax.mechanics.lbfgs import LBFGSState, lbfgs_init, lbfgs_step
from matjax.predictors import Potential
from matjax.progress import Progress

State = FireState | LBFGSState


class Method(NamedTuple):
    """A relaxation algorithm: pure functions over an explicit state."""

    init: Callable[[Landscape, Point], Any]
    step: Callable[[Landscape, Any], tuple[Any, Point]]


METHODS: dict[str, Method] = {
    "fire": Method(fire_init, fire_step),
    "lbfgs": Method(lbfgs_init, lbfgs_step),
}

CHUNK = 50
"""Most steps between two looks of the host."""


@dataclass(frozen=True)
class Relaxation:
    """A relaxed crystal, or the last good one, and the way to it."""

    crystal: Crystal
    energy: float
    """eV."""
    forces: np.ndarray
    """(atoms, 3), eV/Å."""
    stress: np.ndarray
    """(3, 3), eV/Å³, tension positive."""
    max_force: float
    """Largest force on an atom that may move, eV/Å."""
    max_stress: float
    """Largest component of stress plus pressure that may strain the cell, eV/Å³."""
    steps: int
    """Number of steps taken."""
    converged: bool
    """Whether the largest force and stress are below their thresholds."""
    interrupted: bool
    """Whether Ctrl-C ended the relaxation."""
    energies: np.ndarray
    """Energy after each step, the start first, (steps + 1,), eV."""
    max_forces: np.ndarray
    """Largest force after each step, (steps + 1,), eV/Å."""
    max_stresses: np.ndarray
    """Largest stress after each step, (steps + 1,), eV/Å³."""


def relax(
    potential: Potential,
    crystal: Crystal,
    *,
    fmax: float = 1e-3,
    smax: float = 1e-5,
    cell: bool = True,
    method: str = "lbfgs",
    max_steps: int = 500,
    symmetry: bool = False,
    symprec: float = 1e-3,
    fixed: Array | list | None = None,
    pressure: float = 0.0,
    progress: Progress | bool = False,
) -> Relaxation:
    """The crystal at a minimum of E + pV, reached by following forces and stress.

    Ctrl-C ends the relaxation, not the program: it warns and returns what was reached,
    with ``interrupted`` set.

    Args:
        potential: computes in its own precision; coordinates are kept in JAX's default
            float.
        crystal: the start; coordinates may lie outside the cell, where they stay.
        fmax: largest force on an atom at the end, eV/Å.
        smax: largest component of stress plus pressure at the end, eV/Å³. A residual
            stress σ leaves an error σ/3B in lengths: 1e-5 is 2e-5 Å for silicon.
        cell: whether the cell relaxes too, in its periodic directions.
        method: ``lbfgs`` takes fewer steps; ``fire`` is more forgiving far from a
            minimum.
        max_steps: evaluations of the potential after that of the start.
        symmetry: whether atoms and cell start from the exactly symmetric places of
            the crystal's space group, and forces and stress are projected on its
            invariants, so that the relaxation cannot leave it.
        symprec: Å, tolerance of the search for that group.
        fixed: truth values, (atoms,): which atoms keep their fractional coordinates; or
            (atoms, 3): along which cell vectors. By default those of the crystal;
            ``np.zeros(n_atoms, bool)`` frees all.
        pressure: eV/Å³ (divide GPa by ``units.GPA``), positive when it compresses.
        progress: whether to show a bar, or what wraps the steps, such as ``tqdm``.

    Raises:
        ValueError: if the crystal cannot be relaxed (two atoms on one place, an element
            that the potential does not know), or an argument is out of range.
        DivergenceError: if an energy is not finite.
    """
    _require(crystal, method, fmax, smax, pressure)
    crystal = symmetrized(crystal, symprec) if symmetry else crystal
    landscape = make_landscape(
        potential,
        crystal,
        cell=cell,
        pressure=pressure,
        symmetry=space_group(crystal, symprec) if symmetry else None,
        fixed=fixed,
    )
    state = METHODS[method].init(landscape, landscape.start())
    path = _Path(crystal, landscape, state)
    thresholds = jnp.asarray([fmax, smax], landscape.graph.cell.dtype)
    steps = _follow(path, method, thresholds, max_steps)
    shown = watched(steps, "relax", total=max_steps, progress=progress)
    interrupted = _interrupted(shown, path)
    return path.result(
        converged=bool(_converged(path.state.point, thresholds)),
        interrupted=interrupted,
    )


def _interrupted(steps: Iterable[None], path: _Path) -> bool:
    """Whether Ctrl-C ended the steps; a warning then tells how many were taken."""
    try:
        for _ in steps:
            pass
    except KeyboardInterrupt:
        warnings.warn(
            f"relaxation interrupted after {path.steps} steps; the crystal reached by "
            "then is returned",
            stacklevel=3,
        )
        return True
    return False


class _Chunk(struct.PyTreeNode):
    """What the compiled loop hands to the host."""

    state: State
    n_steps: Leaf
    history: Leaf
    """(CHUNK, 3): energy, largest force, largest stress."""
    tried: Leaf
    """Coordinates that were evaluated last."""
    good: Leaf
    """Whether they lie within the neighbor list and have a finite enthalpy."""
    overflow: Leaf


class _Path:
    """The relaxation as the host sees it between chunks."""

    def __init__(self, crystal: Crystal, landscape: Landscape, state: State) -> None:
        self.crystal = crystal
        self.landscape = landscape
        self.state = state
        self.history = [np.zeros((0, 3))]

    @property
    def evaluations(self) -> int:
        """Points evaluated and kept in the history."""
        return sum(map(len, self.history))

    @property
    def steps(self) -> int:
        """Evaluations after that of the start."""
        return max(0, self.evaluations - 1)

    def extend(self, chunk: _Chunk) -> None:
        """Add the steps of a chunk."""
        rows = np.asarray(chunk.history)[: int(chunk.n_steps)]
        self.state, self.history = chunk.state, [*self.history, rows]

    def at(self, coordinates: Array) -> Crystal:
        """The crystal at a place of the landscape."""
        _, cell = self.landscape.place(coordinates)
        moved = np.asarray(coordinates, np.float64)[: self.crystal.n_atoms]
        start = np.asarray(self.crystal.cell, np.float64)
        return self.crystal.replace(
            fractional=np.asarray(self.crystal.fractional, np.float64)
            + moved @ np.linalg.inv(start),
            cell=np.asarray(cell, np.float64),
        )

    def enlarge(self, chunk: _Chunk, slack: float) -> None:
        """Make room for the point that did not fit, or raise if none would do."""
        if not (chunk.overflow and np.isfinite(chunk.tried).all()):
            raise self.diverged()
        try:
            neighbor_list = roomy_neighbor_list(
                self.at(chunk.tried),
                self.landscape.potential.cutoff,
                slack=slack,
                n_nodes=self.landscape.graph.n_nodes,
            )
        except ValueError as error:  # two atoms have met
            raise self.diverged() from error
        self.landscape = self.landscape.replace(neighbor_list=neighbor_list)

    def diverged(self) -> DivergenceError:
        """The error of a relaxation that has left all bounds."""
        return DivergenceError(
            "energy, forces and stress must be finite and atoms apart; those of step "
            f"{self.evaluations} are not (0 is the start): start from a better "
            "crystal, or try method='fire'",
            self.result(),
        )

    def result(
        self, *, converged: bool = False, interrupted: bool = False
    ) -> Relaxation:
        point = self.state.point
        energies, max_forces, max_stresses = np.concatenate(self.history).T
        return Relaxation(
            crystal=self.at(point.coordinates),
            energy=float(point.energy),
            forces=np.asarray(point.forces)[: self.crystal.n_atoms],
            stress=np.asarray(point.stress),
            max_force=float(point.max_force),
            max_stress=float(point.max_stress),
            steps=self.steps,
            converged=converged,
            interrupted=interrupted,
            energies=energies,
            max_forces=max_forces,
            max_stresses=max_stresses,
        )


def _follow(
    path: _Path, method: str, thresholds: Array, max_steps: int
) -> Iterator[None]:
    """Advance the path until it converges or has used up its steps; yields for each."""
    limit, slack = 1, SLACK
    while not _converged(path.state.point, thresholds):
        limit = min(limit, max_steps + 1 - path.evaluations)
        if limit == 0:
            return
        start = time.perf_counter()
        chunk = _advance(path.landscape, path.state, limit, thresholds, method=method)
        chunk = jax.block_until_ready(chunk)
        elapsed = time.perf_counter() - start
        path.extend(chunk)
        yield from repeat(None, int(chunk.n_steps))
        limit = next_limit(limit, elapsed, CHUNK)
        if not chunk.good:
            slack = next_slack(slack, progress=bool(chunk.n_steps > 0))
            path.enlarge(chunk, slack)


@partial(jax.jit, static_argnames="method")
def _advance(
    landscape: Landscape,
    state: State,
    limit: int | Array,
    thresholds: Array,
    *,
    method: str,
) -> _Chunk:
    """At most ``limit`` steps; a step that cannot be judged is not taken."""

    def unfinished(chunk: _Chunk) -> Array:
        arrived = _converged(chunk.state.point, thresholds)
        return (chunk.n_steps < limit) & chunk.good & ~arrived

    def step(chunk: _Chunk) -> _Chunk:
        state, trial = METHODS[method].step(landscape, chunk.state)
        good = trial.finite & ~trial.overflow
        state = jax.tree.map(lambda x, y: jnp.where(good, x, y), state, chunk.state)
        row = _row(state.point)
        return _Chunk(
            state=state,
            n_steps=chunk.n_steps + good,
            history=jnp.asarray(chunk.history).at[chunk.n_steps].set(row),
            tried=trial.coordinates,
            good=good,
            overflow=trial.overflow,
        )

    coordinates = state.point.coordinates
    first = _Chunk(
        state=state,
        n_steps=jnp.asarray(0),
        history=jnp.zeros((CHUNK, 3), coordinates.dtype),
        tried=coordinates,
        good=jnp.asarray(True),
        overflow=jnp.asarray(False),
    )
    return jax.lax.while_loop(unfinished, step, first)


def _row(point: Point) -> Array:
    return jnp.stack([point.energy, point.max_force, point.max_stress])


def _converged(point: Point, thresholds: Array) -> Array:
    return (point.max_force < thresholds[0]) & (point.max_stress < thresholds[1])


def _require(
    crystal: Crystal, method: str, fmax: float, smax: float, pressure: float
) -> None:
    if method not in METHODS:
        raise ValueError(
            f"method must be one of {sorted(METHODS)}; received {method!r}"
        )
    if not (fmax > 0 and smax > 0):
        raise ValueError(f"thresholds must be positive; received {fmax=}, {smax=}")
    if pressure and not all(crystal.pbc):
        raise ValueError(
            "a pressure needs a volume, that is three periodic directions; received "
            f"pbc={crystal.pbc}"
        )
