"""Molecular dynamics through jax-md's integrators, in one compiled loop.

The host looks in about every second to show progress, to notice Ctrl-C, and to enlarge
the neighbor list when the atoms have become too dense for it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import fields
from itertools import repeat
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.errors import DivergenceError
from matjax.graphs import build_graph
from matjax.mechanics.chunks import (
    SLACK,
    next_limit,
    next_slack,
    roomy_neighbor_list,
    watched,
)
from matjax.mechanics.ensembles import NPT, NVT, Ensemble, scale_of
from matjax.mechanics.motion import (
    FRAMES,
    MAX_MOVE,
    Chunk,
    System,
    advance,
    begin,
    empty_frames,
)
from matjax.mechanics.trajectory import Trajectory
from matjax.predictors import Potential
from matjax.progress import Progress
from matjax.units import BOLTZMANN, FEMTOSECOND


def molecular_dynamics(
    potential: Potential,
    start: Crystal | Trajectory,
    ensemble: Ensemble,
    *,
    steps: int,
    timestep: float = 1.0,
    every: int = 10,
    velocities: Float[Array, "atoms 3"] | None = None,
    seed: int = 0,
    progress: Progress | bool = False,
) -> Trajectory:
    """Trajectory of the atoms, its frames ``every`` steps from the start on.

    Ctrl-C ends the run, not the program: it warns and returns what was computed, with
    ``interrupted`` set.

    Args:
        potential: computes in its own precision; the motion is integrated in JAX's
            default float.
        start: a crystal, whose ``fixed`` atoms stay; or a trajectory to go on from,
            exactly where the ensemble is of the same kind, and from its last positions
            and velocities otherwise.
        ensemble: :class:`NVE`, :class:`NVT`, :class:`Langevin` or :class:`NPT`.
        steps: number of steps.
        timestep: fs.
        every: steps between frames. A frame costs one more evaluation.
        velocities: of the crystal's atoms, Å/fs; by default drawn from the
            Maxwell–Boltzmann distribution at the ensemble's temperature, with total
            total momentum zero. Those of fixed atoms are zero.
        seed: of the velocities and of Langevin's noise.
        progress: whether to show a bar, or what wraps the steps, such as ``tqdm``.

    Raises:
        ValueError: if an argument is out of range, the potential does not know an
            element, or atoms are fixed in a way that the ensemble cannot keep.
        DivergenceError: if a coordinate or an energy becomes infinite; its ``result``
            is the trajectory until then.
    """
    earlier = start if isinstance(start, Trajectory) else None
    crystal = start.crystal if isinstance(start, Trajectory) else start
    _require_steps(steps, every, timestep)
    _require_ensemble(ensemble)
    _require_crystal(crystal, ensemble, velocities)
    potential.require_species(crystal)
    begun = earlier.time if earlier else 0.0
    kept = earlier if earlier and type(earlier.ensemble) is type(ensemble) else None
    scale = float(scale_of(kept.state)) if kept else 1.0
    system = _system(potential, crystal, ensemble, timestep, every, scale)
    if kept and velocities is None:
        state = kept.state
    else:
        if earlier and velocities is None:
            velocities = earlier.end_velocities
        state = _start(system, velocities, seed)
    run = _Run(system, crystal, state, (begun, timestep))
    interrupted = False
    try:
        for _ in watched(
            run.follow(steps), "molecular dynamics", total=steps, progress=progress
        ):
            pass
    except KeyboardInterrupt:
        interrupted = True
        warnings.warn(
            f"molecular dynamics interrupted after {max(run.clock, 0)} steps; what was "
            "computed by then is returned",
            stacklevel=2,
        )
    return run.result(interrupted=interrupted)


def maxwell_boltzmann(
    key: Array,
    masses: Float[Array, "atoms"],
    temperature: float | Array,
    *,
    drift: bool = False,
) -> Float[Array, "atoms 3"]:
    """Random momenta of a temperature (K), sqrt(amu eV); with drift, of any sum."""
    masses = masses[:, None]
    noise = jax.random.normal(key, (len(masses), 3), masses.dtype)
    momenta = jnp.sqrt(masses * BOLTZMANN * temperature) * noise
    if drift:
        return momenta
    return momenta - masses / masses.sum() * momenta.sum(axis=0)


class _Run:
    """The dynamics as the host sees them between chunks."""

    def __init__(
        self, system: System, crystal: Crystal, state: Any, clockwork: tuple
    ) -> None:
        self.system = system
        self.crystal = crystal
        self.state = state
        self.begun, self.timestep = clockwork
        self.clock = -1
        self.frames = [empty_frames(0, crystal.n_atoms, system.dt.dtype)]
        self.slack = SLACK

    def follow(self, steps: int) -> Iterator[None]:
        """Take the steps, unless the motion diverges; yields for each."""
        limit, most = 1, FRAMES * int(self.system.every)
        while self.clock < steps:
            limit = min(limit, steps - self.clock)
            start = time.perf_counter()
            chunk = advance(self.system, self.state, self.clock, limit)
            chunk = jax.block_until_ready(chunk)
            limit = next_limit(limit, time.perf_counter() - start, most)
            taken = int(chunk.clock) - self.clock
            self.keep(chunk)
            if not chunk.good:
                self.enlarge(chunk, progress=taken > 0)
            yield from repeat(None, taken)

    def keep(self, chunk: Chunk) -> None:
        """Add what a chunk has recorded."""
        n_frames = int(chunk.n_frames)
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:n_frames], chunk.frames)
        self.frames = [*self.frames, rows]
        self.state, self.clock = chunk.state, int(chunk.clock)

    def enlarge(self, chunk: Chunk, *, progress: bool) -> None:
        """Make room for the positions that did not fit, or raise if none would do."""
        if not chunk.overflow:
            raise self.diverged(chunk)
        self.slack = next_slack(self.slack, progress=progress)
        try:
            neighbor_list = roomy_neighbor_list(
                self.at(*chunk.tried),
                self.system.potential.cutoff,
                slack=self.slack,
                n_nodes=self.crystal.n_atoms,
            )
        except ValueError as error:  # two atoms have met
            raise self.diverged(chunk) from error
        self.system = self.system.replace(neighbor_list=neighbor_list)

    def diverged(self, chunk: Chunk) -> DivergenceError:
        """The error of a motion that has left all bounds."""
        return DivergenceError(
            "forces must stay finite, atoms apart, and their steps below "
            f"{MAX_MOVE} Å; in step {self.clock + 1} an atom moved by "
            f"{float(chunk.moved):.3g} Å: start from a relaxed crystal, or take a "
            "shorter timestep",
            self.result(),
        )

    def at(self, positions: Array, scale: Array) -> Crystal:
        """The crystal with its atoms and its cell there."""
        cell = np.asarray(self.system.cell, np.float64) * float(scale)
        fractional = np.asarray(positions, np.float64) @ np.linalg.inv(cell)
        return self.crystal.replace(fractional=fractional, cell=cell)

    def result(self, *, interrupted: bool = False) -> Trajectory:
        """What was computed until now."""
        rows = jax.tree.map(lambda *leaves: np.concatenate(leaves), *self.frames)
        steps, every = max(self.clock, 0), int(self.system.every)
        return Trajectory(
            crystal=self.at(self.state.position, scale_of(self.state)),
            ensemble=self.system.ensemble,
            state=self.state,
            steps=steps,
            time=self.begun + steps * self.timestep,
            interrupted=interrupted,
            times=self.begun + np.arange(len(rows.cells)) * (every * self.timestep),
            **{field.name: getattr(rows, field.name) for field in fields(rows)},
        )


def _system(
    potential: Potential,
    crystal: Crystal,
    ensemble: Ensemble,
    timestep: float,
    every: int,
    scale: float,
) -> System:
    dtype = jnp.zeros(()).dtype
    n_atoms = crystal.n_atoms  # no padding: jax-md counts and averages over all rows
    return System(
        potential=potential,
        graph=build_graph(crystal, potential.cutoff, n_nodes=n_atoms),
        neighbor_list=roomy_neighbor_list(
            crystal, potential.cutoff, slack=SLACK, n_nodes=n_atoms
        ),
        cell=jnp.asarray(np.asarray(crystal.cell) / scale, dtype),
        masses=jnp.asarray(crystal.masses, dtype),
        mobile=None if crystal.fixed is None else ~jnp.asarray(crystal.fixed),
        ensemble=ensemble,
        # jax-md rounds some of its time steps to float32, so all of them are.
        dt=jnp.asarray(np.float32(timestep * FEMTOSECOND), dtype),
        every=jnp.asarray(every),
        n_fixed=0 if crystal.fixed is None else int(np.sum(crystal.fixed)),
    )


def _start(system: System, velocities: Array | None, seed: int) -> Any:
    key, noise = jax.random.split(jax.random.key(seed))
    masses = system.masses
    if velocities is None:
        temperature, drift = system.ensemble.temperature, system.mobile is not None
        momenta = maxwell_boltzmann(key, masses, temperature, drift=drift)
    else:
        momenta = masses[:, None] * jnp.asarray(velocities, masses.dtype) / FEMTOSECOND
    return begin(system, noise, momenta)


def _require_steps(steps: int, every: int, timestep: float) -> None:
    if steps < 1 or every < 1:
        raise ValueError(
            f"steps and every must be positive; received {steps=}, {every=}"
        )
    if not (np.isfinite(timestep) and timestep > 0):
        raise ValueError(f"a timestep must be positive; received {timestep} fs")


def _require_ensemble(ensemble: Ensemble) -> None:
    values = {
        field.name: float(getattr(ensemble, field.name))
        for field in fields(ensemble)
        if field.name != "kind"
    }
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite; received {value}")
    if values["temperature"] < 0:
        raise ValueError(
            f"a temperature must not be negative; received {ensemble.temperature} K"
        )
    if isinstance(ensemble, NVT | NPT) and not values["temperature"] > 0:
        # The chain's masses are proportional to it.
        raise ValueError(
            "the temperature must be positive for a Nosé–Hoover thermostat; received "
            "0 K: relax the crystal, or use Langevin(0.0) to cool it"
        )
    for name in ("time", "barostat_time"):
        if not values.get(name, 1.0) > 0:
            raise ValueError(f"{name} must be positive; received {values[name]} fs")


def _require_crystal(
    crystal: Crystal, ensemble: Ensemble, velocities: Array | None
) -> None:
    fixed = crystal.fixed
    if crystal.n_atoms < 2:
        raise ValueError(
            "at least two atoms must move against each other; received one: make a "
            "supercell"
        )
    if isinstance(ensemble, NPT) and not all(crystal.pbc):
        raise ValueError(
            "constant pressure needs three periodic directions; received "
            f"pbc={crystal.pbc}"
        )
    if fixed is not None and (fixed.ndim == 2 or fixed.all() or ensemble.kind == "NPT"):
        raise ValueError(
            "molecular dynamics keeps whole atoms fixed, not all of them, and not "
            f"while the cell changes; received {ensemble.kind} and fixed atoms "
            f"{np.unique(np.nonzero(fixed)[0]).tolist()}: free them with "
            "crystal.replace(fixed=None), or choose which stay"
        )
    if velocities is None:
        return
    given = np.asarray(velocities)
    if given.shape != (crystal.n_atoms, 3) or not np.isfinite(given).all():
        raise ValueError(
            f"velocities must be finite, three for each of {crystal.n_atoms} atoms "
            f"(Å/fs); received shape {given.shape}"
        )
