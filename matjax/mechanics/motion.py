"""The compiled loop of molecular dynamics: rows of crystals that keep step.

All rows have one clock, a scalar, so that whether a frame is due is a branch and not a
choice between two computed results. A step at which the neighbor list of some row is
too small is taken by none; a row that diverges stays where it was, and the others go
on.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Float, Leaf
from matjax.graphs import Graph, NeighborList, update_neighbor_list
from matjax.mechanics.chunks import where_rows
from matjax.mechanics.ensembles import Ensemble, Integrator, kinetic_energy, scale_of
from matjax.mechanics.landscape import evaluate_row
from matjax.predictors import Evaluation, Potential
from matjax.units import BOLTZMANN, FEMTOSECOND

FRAMES = 32
"""Most frames recorded in one call."""
MAX_MOVE = 1.0
"""Å; no integrator follows an atom that goes as far as a bond in one step."""


class System(struct.PyTreeNode):
    """What does not change in a run of one crystal."""

    potential: Any
    """A :class:`matjax.predictors.Potential`; None in the rows of a batch, which share
    one."""
    graph: Graph
    neighbor_list: NeighborList
    cell: Leaf
    """The cell at scale 1."""
    masses: Leaf
    """amu; 1 for padding."""
    mobile: Leaf
    """Which nodes are atoms that move, (nodes,)."""
    ensemble: Ensemble
    dt: Leaf
    """Time step in internal units."""
    dof: int = struct.field(pytree_node=False)
    """Degrees of freedom, where the integrator's state counts them; otherwise 0."""

    def integrator(self) -> Integrator:
        """The ensemble's dynamics on this potential."""

        def surface(positions: Array, scale: Array) -> Evaluation:
            result = self.evaluate(self.held(positions), scale)[0]
            return result.replace(forces=self.driving(result.forces))

        volume = jnp.abs(jnp.linalg.det(self.cell))
        found = self.ensemble.integrator(surface, self.dt, volume, self.dof)

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            return found.init(key, positions, self.driving(momenta), masses)

        def step(state: Any) -> Any:
            state = found.step(state)
            # Langevin's noise reaches all nodes.
            return state.set(
                position=self.held(state.position),
                momentum=self.driving(state.momentum),
            )

        return found._replace(init=init, step=step)

    def held(self, positions: Array) -> Array:
        """These positions of the atoms that move, those of the start of others."""
        return jnp.where(self.mobile[:, None], positions, self.graph.positions)

    def driving(self, vectors: Array) -> Array:
        """Forces or momenta, zero on what does not move."""
        return jnp.where(self.mobile[:, None], vectors, 0)

    def evaluate(self, positions: Array, scale: Array) -> tuple[Evaluation, Array]:
        """Energy and its derivatives, and whether the neighbor list was too small."""
        neighbor_list = self.neighbors(positions, scale)
        graph = self.graph.replace(
            positions=positions, cell=(self.cell * scale)[None]
        ).with_neighbors(neighbor_list)
        result = evaluate_row(self.potential, graph.astype(self.potential.dtype))
        result = jax.tree.map(lambda leaf: leaf.astype(positions.dtype), result)
        return result, neighbor_list.overflow

    def neighbors(self, positions: Array, scale: Array) -> NeighborList:
        """The edges at these positions, in the cell times a factor."""
        return update_neighbor_list(
            self.neighbor_list, positions, self.cell * scale, self.graph.node_mask
        )


class Frames(struct.PyTreeNode):
    """What is recorded; see :class:`~matjax.mechanics.trajectory.Trajectory`."""

    positions: Leaf
    velocities: Leaf
    forces: Leaf
    cells: Leaf
    potential_energy: Leaf
    kinetic_energy: Leaf
    conserved: Leaf
    stress: Leaf


class Chunk(struct.PyTreeNode):
    """What the compiled loop hands to the host: (rows, ...), but for two numbers."""

    states: Any
    """The last good ones."""
    clock: Leaf
    """Steps that the batch has taken, (); -1 before the first evaluation."""
    ends: Leaf
    """Steps that each row has taken: fewer where it has diverged."""
    alive: Leaf
    """Which rows go on."""
    frames: Frames
    """(FRAMES, rows, ...); those of a row that has diverged mean nothing from there."""
    n_frames: Leaf
    """()."""
    tried: Any
    """States after the last step, whether or not it could be taken."""
    overflow: Leaf
    """Whether the neighbor list was too small for one that is alive."""
    calm: Leaf
    """Whether forces and energy are finite there and no atom leapt."""
    moved: Leaf
    """Longest way of an atom in the last step of a row that was alive, Å."""

    @property
    def fits(self) -> Array:
        """Whether all neighbor lists were large enough, ()."""
        return ~jnp.any(self.overflow)


def maxwell_boltzmann(
    key: Array,
    masses: Float[Array, "atoms"],
    temperature: float | Array,
    *,
    drift: bool | Array = False,
) -> Float[Array, "atoms 3"]:
    """Random momenta of a temperature (K), sqrt(amu eV); with drift, of any sum."""
    masses = masses[:, None]
    noise = jax.random.normal(key, (len(masses), 3), masses.dtype)
    momenta = jnp.sqrt(masses * BOLTZMANN * temperature) * noise
    total = jnp.where(drift, 0, momenta.sum(axis=0))
    return momenta - masses / masses.sum() * total


@jax.jit
def begin(
    rows: System, key: Array, numbers: Array, velocities: Array, drawn: Array
) -> Any:
    """The integrators' states at the start, their forces not yet known.

    Args:
        rows: of the batch, without the potential.
        key: of the run, raw. The velocities of row k come from ``fold_in(key, 2 k)``
            and its noise from ``fold_in(key, 2 k + 1)``, so that they depend neither
            on the batch nor on its padding.
        numbers: k of each row.
        velocities: (rows, nodes, 3), Å/fs, where they are given.
        drawn: which rows draw theirs.
    """

    def one(row: System, number: Array, given: Array, is_drawn: Array) -> Any:
        atoms = row.graph.node_mask
        masses = jnp.where(atoms, row.masses, 0)
        momenta = maxwell_boltzmann(
            jax.random.fold_in(key, 2 * number),
            masses,
            row.ensemble.temperature,
            drift=jnp.any(atoms & ~row.mobile),
        )
        given = masses[:, None] * given / FEMTOSECOND
        momenta = jnp.where(is_drawn, momenta, given)
        noise = jax.random.fold_in(key, 2 * number + 1)
        integrator = row.integrator()
        return integrator.init(noise, row.graph.positions, momenta, row.masses)

    return jax.vmap(one)(rows, numbers, velocities, drawn)


@jax.jit
def advance(
    potential: Potential,
    rows: System,
    states: Any,
    ends: Array,
    alive: Array,
    clock: int | Array,
    limit: int | Array,
    every: int | Array,
) -> Chunk:
    """At most ``limit`` turns of the loop: a step, and a record if it is time.

    Turn 0 only records, which gives the first step its forces: the network is compiled
    for stepping and recording alone.

    Args:
        potential: of all rows.
        rows: systems without it.
        states: of their integrators.
        ends: steps that each row has taken.
        alive: which rows go on.
        clock: steps that these have taken; -1 before the first evaluation.
        limit: turns that the batch may take.
        every: steps between frames.
    """
    step = partial(_step, potential, rows)
    record = partial(_record, potential, rows)

    def turn(chunk: Chunk) -> Chunk:
        now = chunk.clock + 1
        chunk = jax.lax.cond(now > 0, step, lambda same: same, chunk)
        due = chunk.fits & (now % every == 0)
        chunk = jax.lax.cond(due, record, lambda same: same, chunk)
        taken = chunk.fits & chunk.alive & chunk.calm
        return chunk.replace(
            states=where_rows(taken, chunk.tried, chunk.states),
            clock=jnp.where(chunk.fits, now, chunk.clock),
            ends=jnp.where(taken, now, chunk.ends),
            alive=jnp.where(chunk.fits, taken, chunk.alive),
        )

    def unfinished(chunk: Chunk) -> Array:
        return (chunk.clock < clock + limit) & chunk.fits & jnp.any(chunk.alive)

    n_rows, n_nodes, _ = states.position.shape
    first = Chunk(
        states=states,
        clock=jnp.asarray(clock, jnp.int32),
        ends=jnp.asarray(ends),
        alive=jnp.asarray(alive),
        frames=empty_frames((FRAMES, n_rows), n_nodes, states.position.dtype),
        n_frames=jnp.zeros((), jnp.int32),
        tried=states,
        overflow=jnp.zeros(n_rows, bool),
        calm=jnp.ones(n_rows, bool),
        moved=jnp.zeros(n_rows, states.position.dtype),
    )
    return jax.lax.while_loop(unfinished, turn, first)


def _step(potential: Potential, rows: System, chunk: Chunk) -> Chunk:
    """The states after one more step, to be judged."""

    def one(row: System, state: Any) -> tuple[Any, Array]:
        row = row.replace(potential=potential)
        state = row.integrator().step(state)
        # The same search as for the forces: compiled once.
        return state, row.neighbors(state.position, scale_of(state)).overflow

    tried, overflow = jax.vmap(one)(rows, chunk.states)
    ways = jnp.linalg.norm(tried.position - chunk.states.position, axis=-1)
    moved = ways.max(axis=-1)
    near = moved < MAX_MOVE
    return chunk.replace(
        tried=tried,
        overflow=chunk.alive & overflow & near,
        calm=near & jnp.isfinite(tried.force).all(axis=(1, 2)),
        moved=jnp.where(chunk.alive, moved, chunk.moved),
    )


def _record(potential: Potential, rows: System, chunk: Chunk) -> Chunk:
    """A frame of the states to be judged, and their forces."""

    def one(row: System, state: Any) -> tuple[Frames, Array]:
        return _observe(row.replace(potential=potential), state)

    frame, overflow = jax.vmap(one)(rows, chunk.tried)
    overflow = chunk.alive & overflow
    forces = jax.vmap(System.driving)(rows, frame.forces)
    return chunk.replace(
        tried=chunk.tried.set(force=forces),
        frames=jax.tree.map(
            lambda frames, row: frames.at[chunk.n_frames].set(row), chunk.frames, frame
        ),
        n_frames=chunk.n_frames + ~jnp.any(overflow),
        overflow=overflow,
        calm=chunk.calm & jnp.isfinite(frame.potential_energy),
    )


def _observe(system: System, state: Any) -> tuple[Frames, Array]:
    scale = scale_of(state)
    result, overflow = system.evaluate(state.position, scale)
    potential = result.energy[0]
    frame = Frames(
        positions=state.position,
        velocities=state.momentum / state.mass * FEMTOSECOND,
        forces=result.forces,
        cells=system.cell * scale,
        potential_energy=potential,
        kinetic_energy=kinetic_energy(state),
        conserved=system.integrator().conserved(state, potential),
        stress=result.stress[0],
    )
    return frame, overflow


def empty_frames(lead: tuple[int, ...], n_nodes: int, dtype: jnp.dtype) -> Frames:
    """Room for frames, of leading axes that all leaves have."""
    nodes = jnp.zeros((*lead, n_nodes, 3), dtype)
    cells, numbers = jnp.zeros((*lead, 3, 3), dtype), jnp.zeros(lead, dtype)
    return Frames(
        positions=nodes,
        velocities=nodes,
        forces=nodes,
        cells=cells,
        potential_energy=numbers,
        kinetic_energy=numbers,
        conserved=numbers,
        stress=cells,
    )
