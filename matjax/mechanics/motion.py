"""The compiled loop of molecular dynamics."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.graphs import Graph, NeighborList, update_neighbor_list
from matjax.mechanics.ensembles import Ensemble, Integrator, kinetic_energy, scale_of
from matjax.predictors import Evaluation, Potential, evaluate
from matjax.units import FEMTOSECOND

FRAMES = 32
"""Most frames recorded in one call."""
MAX_MOVE = 1.0
"""Å; no integrator follows an atom that goes as far as a bond in one step."""


class System(struct.PyTreeNode):
    """What does not change in a run."""

    potential: Potential
    graph: Graph
    neighbor_list: NeighborList
    cell: Leaf
    """The cell at scale 1."""
    masses: Leaf
    """amu."""
    mobile: Leaf | None
    """Which atoms move, (atoms,); None if all do."""
    ensemble: Ensemble
    dt: Leaf
    """Time step in internal units."""
    every: Leaf
    """Steps between frames."""
    n_fixed: int = struct.field(pytree_node=False, default=0)
    """Number of atoms that do not move."""

    def integrator(self) -> Integrator:
        """The ensemble's dynamics on this potential."""

        def surface(positions: Array, scale: Array) -> Evaluation:
            result = self.evaluate(self.held(positions), scale)[0]
            return result.replace(forces=self.driving(result.forces))

        volume = jnp.abs(jnp.linalg.det(self.cell))
        found = self.ensemble.integrator(surface, self.dt, volume)
        if self.mobile is None:
            return found

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            state = found.init(key, positions, self.driving(momenta), masses)
            if not hasattr(state, "chain"):
                return state
            dof = self.ensemble.degrees_of_freedom(len(positions), self.n_fixed)
            return state.set(chain=state.chain.set(degrees_of_freedom=dof))

        def step(state: Any) -> Any:
            state = found.step(state)
            # Langevin's noise reaches all atoms.
            return state.set(
                position=self.held(state.position),
                momentum=self.driving(state.momentum),
            )

        return found._replace(init=init, step=step)

    def held(self, positions: Array) -> Array:
        """These positions of the atoms that move, those of the start of others."""
        if self.mobile is None:
            return positions
        return jnp.where(self.mobile[:, None], positions, self.graph.positions)

    def driving(self, vectors: Array) -> Array:
        """Forces or momenta, zero on atoms that do not move."""
        if self.mobile is None:
            return vectors
        return jnp.where(self.mobile[:, None], vectors, 0)

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
    """What the compiled loop hands to the host."""

    state: Any
    """The last good one."""
    clock: Leaf
    """Its number of steps; -1 before the first evaluation."""
    frames: Frames
    """FRAMES rows."""
    n_frames: Leaf
    tried: tuple[Leaf, Leaf]
    """Positions and scale of the cell that were evaluated last."""
    good: Leaf
    """Whether the list held them, forces are finite and no atom leapt."""
    overflow: Leaf
    """Whether it was the neighbor list that was too small."""
    moved: Leaf
    """Longest way of an atom in the last step, Å."""


@jax.jit
def begin(system: System, key: Array, momenta: Array) -> Any:
    """The integrator's state at the start, its forces not yet known."""
    return system.integrator().init(key, system.graph.positions, momenta, system.masses)


@jax.jit
def advance(
    system: System, state: Any, clock: int | Array, limit: int | Array
) -> Chunk:
    """At most ``limit`` turns of the loop: a step, and a record if it is time.

    Turn 0 only records, which gives the first step its forces: the network is compiled
    for stepping and recording alone.
    """
    integrator = system.integrator()

    def step(chunk: Chunk) -> Chunk:
        state = integrator.step(chunk.state)
        # The same search as for the forces: compiled once.
        scale = scale_of(state)
        overflow = system.neighbors(state.position, scale).overflow
        steps = state.position - chunk.state.position
        moved = jnp.linalg.norm(steps, axis=1).max()
        calm = (moved < MAX_MOVE) & jnp.isfinite(state.force).all()
        good = calm & ~overflow
        return chunk.replace(
            state=jax.tree.map(lambda x, y: jnp.where(good, x, y), state, chunk.state),
            tried=(state.position, scale),
            good=good,
            overflow=overflow & (moved < MAX_MOVE),
            moved=moved,
        )

    def record(chunk: Chunk) -> Chunk:
        frame, overflow = _observe(system, integrator, chunk.state)
        return chunk.replace(
            state=chunk.state.set(force=system.driving(frame.forces)),
            frames=jax.tree.map(
                lambda rows, row: rows.at[chunk.n_frames].set(row), chunk.frames, frame
            ),
            n_frames=chunk.n_frames + ~overflow,
            good=jnp.isfinite(frame.potential_energy) & ~overflow,
            overflow=overflow,
        )

    def turn(chunk: Chunk) -> Chunk:
        now = chunk.clock + 1
        chunk = jax.lax.cond(now > 0, step, lambda same: same, chunk)
        due = chunk.good & (now % system.every == 0)
        chunk = jax.lax.cond(due, record, lambda same: same, chunk)
        return chunk.replace(clock=jnp.where(chunk.good, now, chunk.clock))

    def unfinished(chunk: Chunk) -> Array:
        return (chunk.clock < clock + limit) & chunk.good

    first = Chunk(
        state=state,
        clock=jnp.asarray(clock),
        frames=empty_frames(FRAMES, len(state.position), state.position.dtype),
        n_frames=jnp.zeros((), int),
        tried=(state.position, scale_of(state)),
        good=jnp.asarray(True),
        overflow=jnp.asarray(False),
        moved=jnp.zeros((), state.position.dtype),
    )
    return jax.lax.while_loop(unfinished, turn, first)


def _observe(
    system: System, integrator: Integrator, state: Any
) -> tuple[Frames, Array]:
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
        conserved=integrator.conserved(state, potential),
        stress=result.stress[0],
    )
    return frame, overflow


def empty_frames(n_frames: int, n_atoms: int, dtype: jnp.dtype) -> Frames:
    """Room for so many frames."""
    atoms = jnp.zeros((n_frames, n_atoms, 3), dtype)
    cells, numbers = jnp.zeros((n_frames, 3, 3), dtype), jnp.zeros(n_frames, dtype)
    return Frames(
        positions=atoms,
        velocities=atoms,
        forces=atoms,
        cells=cells,
        potential_energy=numbers,
        kinetic_energy=numbers,
        conserved=numbers,
        stress=cells,
    )
