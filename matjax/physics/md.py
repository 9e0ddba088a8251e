"""Molecular dynamics through jax-md's integrators, in one compiled loop.

The host looks in about every second to show progress, to notice Ctrl-C, and to enlarge
the neighbor list when the atoms have become too dense for it: the steps since its last
look are then repeated.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from tqdm import tqdm

from matjax.arrays import Array, Float
from matjax.crystals import (
    Crystal,
    Graph,
    NeighborList,
    allocate_neighbor_list,
    build_graph,
    update_neighbor_list,
)
from matjax.physics.chunks import GROWTH, SLACK, DivergenceError, next_limit
from matjax.physics.ensembles import Ensemble, Integrator, scale_of
from matjax.physics.potential import Evaluation, Potential, evaluate
from matjax.physics.trajectory import Trajectory
from matjax.units import BOLTZMANN, FEMTOSECOND

FRAMES = 32
"""Most frames recorded between two looks of the host."""


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
    progress: bool = False,
) -> Trajectory:
    """Trajectory of the atoms, its frames ``every`` steps from the start on.

    Ctrl-C ends the run, not the program: it warns and returns what was computed, with
    ``interrupted`` set.

    Args:
        potential: computes in its own precision; the motion is integrated in JAX's
            default float.
        start: a crystal; or a trajectory to go on from, exactly where the ensemble is
            of the same kind, and from its last positions and velocities otherwise.
        ensemble: :class:`NVE`, :class:`NVT`, :class:`Langevin` or :class:`NPT`.
        steps: number of steps.
        timestep: fs.
        every: steps between frames. A frame costs one more evaluation.
        velocities: of the crystal's atoms, Å/fs; by default drawn from the
            Maxwell–Boltzmann distribution at the ensemble's temperature, with total
            momentum zero.
        seed: of the velocities and of Langevin's noise.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if an argument is out of range or the potential does not know an
            element.
        DivergenceError: if a coordinate or an energy becomes infinite; its ``result``
            is the trajectory until then.
    """
    crystal = start.crystal if isinstance(start, Trajectory) else start
    _require(crystal, steps, timestep, every)
    potential.require_species(crystal)
    run = _prepare(potential, start, ensemble, timestep, every, velocities, seed)
    interrupted = False
    with tqdm(
        total=steps, desc="molecular dynamics", disable=None if progress else True
    ) as bar:
        try:
            run.follow(steps, bar)
        except KeyboardInterrupt:
            interrupted = True
            warnings.warn(
                f"molecular dynamics interrupted after {max(run.clock, 0)} steps; what "
                "was computed by then is returned",
                stacklevel=2,
            )
    return run.result(interrupted=interrupted)


def maxwell_boltzmann(
    key: Array, masses: Float[Array, "atoms"], temperature: float
) -> Float[Array, "atoms 3"]:
    """Random momenta of a temperature (K) with total momentum zero, sqrt(amu eV)."""
    masses = masses[:, None]
    noise = jax.random.normal(key, (len(masses), 3), masses.dtype)
    momenta = jnp.sqrt(masses * BOLTZMANN * temperature) * noise
    return momenta - masses / masses.sum() * momenta.sum(axis=0)


class _System(struct.PyTreeNode):
    """What does not change in a run."""

    potential: Potential
    graph: Graph
    neighbor_list: NeighborList
    cell: Array
    """The cell at scale 1."""
    masses: Array
    ensemble: Ensemble
    dt: Array
    """Internal units of time."""
    every: Array

    def integrator(self) -> Integrator:
        def surface(positions: Array, scale: Array) -> Evaluation:
            return self.evaluate(positions, scale)[0]

        volume = jnp.abs(jnp.linalg.det(self.cell))
        return self.ensemble.integrator(surface, self.dt, volume)

    def evaluate(self, positions: Array, scale: Array) -> tuple[Evaluation, Array]:
        """Energy and its derivatives, and whether the neighbor list was too small."""
        neighbor_list = self.neighbors(positions, scale)
        graph = self.graph.replace(
            positions=positions, cell=(self.cell * scale)[None]
        ).with_neighbors(neighbor_list)
        result = evaluate(self.potential, graph.astype(self.potential.dtype))
        result = jax.tree.map(lambda leaf: leaf.astype(positions.dtype), result)
        return result, neighbor_list.overflow

    def neighbors(self, positions: Array, scale: Array) -> NeighborList:
        return update_neighbor_list(
            self.neighbor_list, positions, self.cell * scale, self.graph.node_mask
        )


class _Frame(struct.PyTreeNode):
    """What is recorded; see :class:`~matjax.physics.trajectory.Trajectory`."""

    positions: Array
    velocities: Array
    forces: Array
    cells: Array
    potential_energy: Array
    kinetic_energy: Array
    conserved: Array
    stress: Array


class _Chunk(struct.PyTreeNode):
    """What the compiled loop hands to the host."""

    state: Any
    """The last good one."""
    clock: Array
    """Its number of steps; -1 before the first evaluation."""
    frames: _Frame
    """FRAMES rows."""
    n_frames: Array
    tried: tuple[Array, Array]
    """Positions and scale of the cell that were evaluated last."""
    good: Array
    """Whether the neighbor list held them and everything is finite."""
    overflow: Array


@jax.jit
def _begin(system: _System, key: Array, momenta: Array) -> Any:
    return system.integrator().init(key, system.graph.positions, momenta, system.masses)


@jax.jit
def _advance(
    system: _System, state: Any, clock: int | Array, limit: int | Array
) -> _Chunk:
    """At most ``limit`` turns of the loop: a step, and a record if it is time.

    Turn 0 only records, which gives the first step its forces: the network is compiled
    for stepping and recording alone.
    """
    integrator = system.integrator()

    def step(chunk: _Chunk) -> _Chunk:
        state = integrator.step(chunk.state)
        # The same search as for the forces: compiled once.
        scale = scale_of(state)
        overflow = system.neighbors(state.position, scale).overflow
        finite = jnp.isfinite(state.position).all() & jnp.isfinite(state.force).all()
        good = finite & ~overflow
        return chunk.replace(
            state=jax.tree.map(lambda x, y: jnp.where(good, x, y), state, chunk.state),
            tried=(state.position, scale),
            good=good,
            overflow=overflow,
        )

    def record(chunk: _Chunk) -> _Chunk:
        frame, overflow = _observe(system, integrator, chunk.state)
        return chunk.replace(
            state=chunk.state.set(force=frame.forces),
            frames=jax.tree.map(
                lambda rows, row: rows.at[chunk.n_frames].set(row), chunk.frames, frame
            ),
            n_frames=chunk.n_frames + ~overflow,
            good=jnp.isfinite(frame.potential_energy) & ~overflow,
            overflow=overflow,
        )

    def turn(chunk: _Chunk) -> _Chunk:
        now = chunk.clock + 1
        chunk = jax.lax.cond(now > 0, step, lambda same: same, chunk)
        due = chunk.good & (now % system.every == 0)
        chunk = jax.lax.cond(due, record, lambda same: same, chunk)
        return chunk.replace(clock=jnp.where(chunk.good, now, chunk.clock))

    def unfinished(chunk: _Chunk) -> Array:
        return (chunk.clock < clock + limit) & chunk.good

    first = _Chunk(
        state=state,
        clock=jnp.asarray(clock),
        frames=_empty_frames(FRAMES, len(state.position), state.position.dtype),
        n_frames=jnp.zeros((), int),
        tried=(state.position, scale_of(state)),
        good=jnp.asarray(True),
        overflow=jnp.asarray(False),
    )
    return jax.lax.while_loop(unfinished, turn, first)


def _observe(
    system: _System, integrator: Integrator, state: Any
) -> tuple[_Frame, Array]:
    scale = scale_of(state)
    result, overflow = system.evaluate(state.position, scale)
    potential = result.energy[0]
    frame = _Frame(
        positions=state.position,
        velocities=state.momentum / state.mass * FEMTOSECOND,
        forces=result.forces,
        cells=system.cell * scale,
        potential_energy=potential,
        kinetic_energy=jnp.sum(state.momentum**2 / state.mass) / 2,
        conserved=integrator.conserved(state, potential),
        stress=result.stress[0],
    )
    return frame, overflow


class _Run:
    """The dynamics as the host sees them between chunks."""

    def __init__(
        self, system: _System, crystal: Crystal, state: Any, begun: float
    ) -> None:
        self.system = system
        self.crystal = crystal
        self.state = state
        self.begun = begun
        self.clock = -1
        self.frames = [_empty_frames(0, crystal.n_atoms, system.dt.dtype)]
        self.slack = SLACK

    def follow(self, steps: int, bar: tqdm) -> None:
        """Take the steps, unless the motion diverges."""
        limit = 1
        most = FRAMES * int(self.system.every)
        while self.clock < steps:
            limit = min(limit, steps - self.clock)
            start = time.perf_counter()
            chunk = _advance(self.system, self.state, self.clock, limit)
            chunk = jax.block_until_ready(chunk)
            limit = next_limit(limit, time.perf_counter() - start, most)
            bar.update(int(chunk.clock) - max(self.clock, 0))
            self.keep(chunk)
            if chunk.good:
                continue
            if not (chunk.overflow and np.isfinite(chunk.tried[0]).all()):
                raise DivergenceError(
                    "coordinates and energies must stay finite; those of step "
                    f"{self.clock + 1} are not: start from a relaxed crystal, or take "
                    "a shorter timestep",
                    self.result(),
                )
            self.enlarge(*chunk.tried)

    def keep(self, chunk: _Chunk) -> None:
        n_frames = int(chunk.n_frames)
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:n_frames], chunk.frames)
        self.state, self.clock = chunk.state, int(chunk.clock)
        self.frames = [*self.frames, rows]

    def enlarge(self, positions: Array, scale: Array) -> None:
        self.slack *= GROWTH
        self.system = self.system.replace(
            neighbor_list=allocate_neighbor_list(
                self.at(positions, scale),
                self.system.potential.cutoff,
                slack=self.slack,
                n_nodes=self.crystal.n_atoms,
            )
        )

    def at(self, positions: Array, scale: Array) -> Crystal:
        cell = np.asarray(self.system.cell, np.float64) * float(scale)
        fractional = np.asarray(positions, np.float64) @ np.linalg.inv(cell)
        return self.crystal.replace(fractional=fractional, cell=cell)

    def result(self, *, interrupted: bool = False) -> Trajectory:
        rows = jax.tree.map(lambda *leaves: np.concatenate(leaves), *self.frames)
        steps, dt = max(self.clock, 0), float(self.system.dt) / FEMTOSECOND
        frame_times = np.arange(len(rows.cells)) * int(self.system.every) * dt
        return Trajectory(
            crystal=self.at(self.state.position, scale_of(self.state)),
            ensemble=self.system.ensemble,
            state=self.state,
            steps=steps,
            time=self.begun + steps * dt,
            interrupted=interrupted,
            times=self.begun + frame_times,
            **{field.name: getattr(rows, field.name) for field in fields(rows)},
        )


def _prepare(
    potential: Potential,
    start: Crystal | Trajectory,
    ensemble: Ensemble,
    timestep: float,
    every: int,
    velocities: Array | None,
    seed: int,
) -> _Run:
    earlier = start if isinstance(start, Trajectory) else None
    crystal = earlier.crystal if earlier else start
    dtype = jnp.zeros(()).dtype
    same = earlier is not None and type(earlier.ensemble) is type(ensemble)
    scale = float(scale_of(earlier.state)) if same else 1.0
    masses = jnp.asarray(crystal.masses, dtype)
    n_atoms = crystal.n_atoms
    system = _System(
        potential=potential,
        graph=build_graph(crystal, potential.cutoff, n_nodes=n_atoms),
        neighbor_list=allocate_neighbor_list(
            crystal, potential.cutoff, n_nodes=n_atoms
        ),
        cell=jnp.asarray(np.asarray(crystal.cell) / scale, dtype),
        masses=masses,
        ensemble=ensemble,
        # jax-md rounds some of its time steps to float32, so all of them are.
        dt=jnp.asarray(np.float32(timestep * FEMTOSECOND), dtype),
        every=jnp.asarray(every),
    )
    if same and velocities is None:
        state = earlier.state
    else:
        if velocities is None and earlier is not None:
            velocities = earlier.end_velocities
        key, noise = jax.random.split(jax.random.key(seed))
        momenta = maxwell_boltzmann(key, masses, ensemble.temperature)
        if velocities is not None:
            momenta = masses[:, None] * jnp.asarray(velocities, dtype) / FEMTOSECOND
        state = _begin(system, noise, momenta)
    return _Run(system, crystal, state, earlier.time if earlier else 0.0)


def _require(crystal: Crystal, steps: int, timestep: float, every: int) -> None:
    if crystal.n_atoms < 2:
        raise ValueError(
            "at least two atoms must move against each other; received one: make a "
            "supercell"
        )
    if steps < 1 or every < 1:
        raise ValueError(
            f"steps and every must be positive; received {steps=}, {every=}"
        )
    if not timestep > 0:
        raise ValueError(f"a timestep must be positive; received {timestep} fs")


def _empty_frames(n_frames: int, n_atoms: int, dtype: jnp.dtype) -> _Frame:
    atoms = jnp.zeros((n_frames, n_atoms, 3), dtype)
    cells, numbers = jnp.zeros((n_frames, 3, 3), dtype), jnp.zeros(n_frames, dtype)
    return _Frame(
        positions=atoms,
        velocities=atoms,
        forces=atoms,
        cells=cells,
        potential_energy=numbers,
        kinetic_energy=numbers,
        conserved=numbers,
        stress=cells,
    )
