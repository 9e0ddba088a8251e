"""Crystals in motion, in batches whose rows keep step: the host's side.

The rows of a batch have one shape and share a compiled function. The host looks in
about every second to show progress, to notice Ctrl-C, and to enlarge the neighbor
lists when the atoms of some row have become too dense for them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import jax
import numpy as np

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.graphs import Shape, bucket
from matjax.mechanics.chunks import halved, next_limit, next_slack
from matjax.mechanics.ensembles import NPT, NVT, Ensemble, scale_of
from matjax.mechanics.motion import (
    FRAMES,
    MAX_MOVE,
    Chunk,
    Frames,
    System,
    advance,
    begin,
    empty_frames,
)
from matjax.mechanics.rows import (
    Member,
    Sizes,
    bare_graph,
    grouped,
    sizes_of,
    stacked,
)
from matjax.predictors import Potential, evaluate, slots_that_fit
from matjax.units import FEMTOSECOND

SAVING = 0.25
"""Share of edge slots that one more compiled function must save: a step of many rows is
cheap beside a compilation, and rows of one shape keep the hardware busy together."""


class Pace(NamedTuple):
    """How long a run is, and how often it is recorded."""

    steps: int
    timestep: float
    """fs."""
    every: int
    """Steps between frames."""


@dataclass(kw_only=True)
class Walker(Member):
    """One crystal on its way through time."""

    ensemble: Ensemble
    velocities: Array | None = None
    """At the start, (atoms, 3), Å/fs; None if they are to be drawn."""
    state: Any = None
    """Of the integrator, on the host; None before it begins."""
    scale: float = 1.0
    """Factor of the start's cell relative to that of the integrator."""
    row: Any = None
    """Its :class:`~matjax.mechanics.motion.System` without the potential."""
    clock: int = -1
    """Steps taken; -1 before the first evaluation."""
    frames: list[Frames] = field(default_factory=list)
    """Recorded, of all nodes of its row."""
    failure: str = ""
    """Why it does not go on."""
    begun: float = 0.0
    """Time at the start, fs."""

    @property
    def n_fixed(self) -> int:
        """Number of atoms that do not move."""
        fixed = self.crystal.fixed
        return 0 if fixed is None else int(np.sum(fixed))

    @property
    def dof(self) -> int:
        """Degrees of freedom where the integrator's state counts them; otherwise 0."""
        if not isinstance(self.ensemble, NVT | NPT):
            return 0
        return self.ensemble.degrees_of_freedom(self.crystal.n_atoms, self.n_fixed)

    def enter(self, sizes: Sizes, cutoff: float, timestep: float) -> None:
        """Makes its row, and fits its state to it; on the host."""
        dtype = jax.dtypes.canonicalize_dtype(float)
        crystal, n_nodes = self.crystal, sizes.n_nodes
        padding = (0, n_nodes - crystal.n_atoms)
        mobile = np.ones(crystal.n_atoms, bool)
        if crystal.fixed is not None:
            mobile = ~np.asarray(crystal.fixed)
        self.n_nodes = n_nodes
        self.row = System(
            potential=None,
            graph=bare_graph(crystal, n_nodes),
            neighbor_list=sizes.neighbor_list(cutoff, crystal.pbc),
            cell=np.asarray(np.asarray(crystal.cell) / self.scale, dtype),
            masses=np.pad(
                np.asarray(crystal.masses, dtype), padding, constant_values=1
            ),
            mobile=np.pad(mobile, padding),
            ensemble=jax.tree.map(lambda x: np.asarray(x, dtype), self.ensemble),
            # jax-md rounds some of its time steps to float32, so all of them are.
            dt=np.asarray(np.float32(timestep * FEMTOSECOND), dtype),
            dof=self.dof,
        )
        if self.state is not None:
            self.state = resized(self.state, n_nodes)

    def at(self, state: Any) -> Crystal:
        """The crystal with its atoms and its cell where a state has them."""
        cell = np.asarray(self.row.cell, np.float64) * float(scale_of(state))
        positions = np.asarray(state.position, np.float64)[: self.crystal.n_atoms]
        fractional = positions @ np.linalg.inv(cell)
        return self.crystal.replace(fractional=fractional, cell=cell)

    def recorded(self) -> Frames:
        """All frames, of its atoms."""
        n = self.crystal.n_atoms
        if not self.frames:
            empty = empty_frames((0,), n, jax.dtypes.canonicalize_dtype(float))
            return jax.tree.map(np.asarray, empty)
        found = jax.tree.map(lambda *leaves: np.concatenate(leaves), *self.frames)
        return found.replace(
            positions=found.positions[:, :n],
            velocities=found.velocities[:, :n],
            forces=found.forces[:, :n],
        )

    def leapt(self, moved: float) -> str:
        """What to say of a motion that has left all bounds."""
        return (
            "forces must stay finite, atoms apart, and their steps below "
            f"{MAX_MOVE} Å; in step {self.clock + 1} an atom moved by {moved:.3g} Å: "
            "start from a relaxed crystal, or take a shorter timestep"
        )


def resized(state: Any, n_nodes: int) -> Any:
    """An integrator's state on more or fewer nodes; padding rests, with mass 1."""

    def sized(leaf: Array, filler: int) -> np.ndarray:
        leaf = np.asarray(leaf)[:n_nodes]
        shape = (n_nodes - len(leaf), *leaf.shape[1:])
        return np.concatenate([leaf, np.full(shape, filler, leaf.dtype)])

    return state.set(
        position=sized(state.position, 0),
        momentum=sized(state.momentum, 0),
        force=sized(state.force, 0),
        mass=sized(state.mass, 1),
    )


@dataclass
class Batch:
    """Crystals that keep step."""

    sizes: Sizes
    walkers: list[Walker]
    n_rows: int
    """With those that repeat the first and rest, so that batches have one shape."""

    @property
    def going(self) -> list[Walker]:
        """Those that have not diverged."""
        return [walker for walker in self.walkers if not walker.failure]

    @property
    def clock(self) -> int:
        """Steps that those have taken."""
        return self.going[0].clock

    def filled(self) -> list[Walker]:
        """A crystal for each row."""
        n_empty = self.n_rows - len(self.walkers)
        return [*self.walkers, *[self.walkers[0]] * n_empty]

    def parts(self, n_rows: int) -> list[Batch]:
        """The same crystals in batches of so many rows."""
        return [
            Batch(self.sizes, self.walkers[k : k + n_rows], n_rows)
            for k in range(0, len(self.walkers), n_rows)
        ]


class Lockstep:
    """Takes crystals through time."""

    def __init__(self, potential: Potential, pace: Pace, seed: int) -> None:
        self.potential, self.pace = potential, pace
        # Raw, so that states are plain arrays.
        self.key = np.asarray(jax.random.key_data(jax.random.key(seed)))

    def run(self, walkers: Sequence[Walker]) -> Iterator[None]:
        """Take the steps of all that do not diverge; yields for each."""
        batches = deque(self.batches(walkers))
        for batch in batches:
            self.begin(batch)
        while batches:
            batch = batches.popleft()
            try:
                yield from self.follow(batch)
            except jax.errors.JaxRuntimeError as error:
                n_rows = halved(batch.n_rows, error)
                batches.extendleft(reversed(batch.parts(n_rows)))

    def batches(self, walkers: Sequence[Walker]) -> Iterator[Batch]:
        """Crystals of few shapes, as many at once as the hardware likes."""
        kinds: dict[tuple, list[Walker]] = {}
        for walker in walkers:
            kinds.setdefault((walker.ensemble.kind, walker.dof), []).append(walker)
        cutoff = self.potential.cutoff
        for alike in kinds.values():
            if len(alike) == 1:  # no padding: runs are long, and barostats count nodes
                alike[0].n_nodes = alike[0].crystal.n_atoms
            for sizes, group in grouped(alike, cutoff, saving=SAVING, worth=0):
                n_most = max(
                    1, slots_that_fit(self.potential, evaluate) // sizes.n_slots
                )
                n_batches = -(-len(group) // n_most)
                whole = Batch(sizes, group, len(group))
                yield from whole.parts(-(-len(group) // n_batches))

    def begin(self, batch: Batch) -> None:
        """Give a row to each crystal of a batch, and a state to those without."""
        for walker in batch.walkers:
            walker.enter(batch.sizes, self.potential.cutoff, self.pace.timestep)
        if all(walker.state is not None for walker in batch.walkers):
            return
        filled = batch.filled()
        velocities = np.zeros((len(filled), batch.sizes.n_nodes, 3))
        for given, walker in zip(velocities, filled, strict=True):
            if walker.velocities is not None:
                given[: walker.crystal.n_atoms] = walker.velocities
        states = begin(
            stacked([walker.row for walker in filled]),
            self.key,
            np.array([walker.index for walker in filled], np.int32),
            velocities.astype(jax.dtypes.canonicalize_dtype(float)),
            np.array([walker.velocities is None for walker in filled]),
        )
        states = jax.device_get(states)
        for k, walker in enumerate(batch.walkers):
            if walker.state is None:
                walker.state = _row(states, k)

    def follow(self, batch: Batch) -> Iterator[None]:
        """Take the steps of a batch; yields for each of each crystal."""
        steps, _, every = self.pace
        limit, most = 1, FRAMES * every
        rows = self.rows(batch)
        while batch.going and batch.clock < steps:
            clock = batch.clock
            start = time.perf_counter()
            chunk = self.chunk(batch, rows, min(limit, steps - clock))
            taken = int(chunk.clock) - clock
            limit = next_limit(max(taken, 1), time.perf_counter() - start, most)
            self.keep(batch, chunk)
            if chunk.overflow.any():
                self.enlarge(batch, chunk, progress=taken > 0)
                rows = self.rows(batch)
            yield from repeat(None, taken * len(batch.walkers))

    def rows(self, batch: Batch) -> System:
        """The rows of a batch on the device, where they stay."""
        return jax.device_put(stacked([walker.row for walker in batch.filled()]))

    def chunk(self, batch: Batch, rows: System, limit: int) -> Chunk:
        """Some steps of all rows."""
        filled = batch.filled()
        alive = np.array([not walker.failure for walker in filled])
        alive[len(batch.walkers) :] = False
        chunk = advance(
            self.potential,
            rows,
            stacked([walker.state for walker in filled]),
            np.array([walker.clock for walker in filled], np.int32),
            alive,
            batch.clock,
            limit,
            self.pace.every,
        )
        return jax.device_get(chunk)

    def keep(self, batch: Batch, chunk: Chunk) -> None:
        """Add what a chunk has taken and recorded."""
        every, before = self.pace.every, batch.clock // self.pace.every
        for k, walker in enumerate(batch.walkers):
            if walker.failure:
                continue
            walker.state, walker.clock = _row(chunk.states, k), int(chunk.ends[k])
            n = walker.clock // every - before
            frames = jax.tree.map(lambda rows, k=k, n=n: rows[:n, k], chunk.frames)
            walker.frames.append(jax.tree.map(np.copy, frames))
            if not chunk.alive[k]:
                walker.failure = walker.leapt(float(chunk.moved[k]))

    def enlarge(self, batch: Batch, chunk: Chunk, *, progress: bool) -> None:
        """Make room for what did not fit; rows for which none would do end."""
        cutoff = self.potential.cutoff
        for k, walker in enumerate(batch.walkers):
            if walker.failure:
                continue
            state = walker.state
            if chunk.overflow[k]:
                walker.slack = next_slack(walker.slack, progress=progress)
                state = _row(chunk.tried, k)
            walker.tried = walker.at(state)
            try:
                walker.measure(cutoff)
            except ValueError:  # two atoms have met
                walker.failure = walker.leapt(float(chunk.moved[k]))
        if not batch.going:
            return
        degree = max(walker.needed[1] for walker in batch.going)
        shape = Shape(batch.sizes.n_nodes, bucket(degree), 1)
        batch.sizes = sizes_of(batch.going, shape, cutoff)
        for walker in batch.walkers:
            neighbor_list = batch.sizes.neighbor_list(cutoff, walker.crystal.pbc)
            walker.row = walker.row.replace(neighbor_list=neighbor_list)


def _row(states: Any, k: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[k], states)
