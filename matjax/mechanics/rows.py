"""Crystals as rows of one shape: their landscapes, sizes and states, on the host.

A batch is a stack of rows. Its shape comes from few buckets, so that a compiled
function serves many crystals; what differs between them (reach, degree, symmetry, what
may move) is padded data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, lcm
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from matjax.arrays import Array
from matjax.crystals import Crystal, Symmetry, neighbors
from matjax.graphs import (
    Edges,
    Graph,
    NeighborList,
    Policy,
    Shape,
    empty_neighbor_list,
    grouped_by_shape,
    pad_crystals,
    standard_reach,
)
from matjax.graphs.bins import MAX_PAIRS_OF_ONE_BIN, sized_bins
from matjax.graphs.shapes import WORTH
from matjax.mechanics.chunks import SLACK, SPARE
from matjax.mechanics.landscape import Landscape, moving_parts

POINT_GROUP = 48
"""Operations of the largest point group; the order of each divides it."""


class Sizes(NamedTuple):
    """What the rows of a batch have in common."""

    n_nodes: int
    degree: int
    bins: tuple[int, int, int]
    reach: tuple[int, int, int]
    capacity: int

    @property
    def n_slots(self) -> int:
        """Edge slots of a row."""
        return self.n_nodes * self.degree

    def neighbor_list(
        self, cutoff: float, pbc: tuple[bool, bool, bool]
    ) -> NeighborList:
        """An empty neighbor list of these sizes."""
        found = empty_neighbor_list(
            self.n_nodes, cutoff, degree=self.degree, reach=self.reach, pbc=pbc
        )
        return found.replace(bins=self.bins, capacity=self.capacity)


@dataclass
class Member:
    """One crystal on its way through a batch, and the row that it needs."""

    index: int
    """Place among the crystals that were given."""
    crystal: Crystal
    """As the way begins."""
    slack: float = SLACK
    """Room for a density grown by this factor."""
    n_nodes: int | None = None
    """Nodes of its row, once it has one: its state has as many."""
    tried: Crystal | None = None
    """What did not fit its row, if it needs a larger one."""
    needed: tuple[int, int, int] = (0, 0, 0)
    """Nodes, edge slots of a node with room to grow, edges; see :meth:`measure`."""

    def measure(self, cutoff: float) -> None:
        """Searches the neighbors of what it begins with, or of what did not fit.

        Raises:
            ValueError: if two atoms lie on one place.
        """
        edges = neighbors(self.tried or self.crystal, cutoff)
        most = max(edges.degree, 1)
        degree = ceil(max(self.slack, 1 + SPARE / most) * most)
        n_nodes = self.n_nodes or self.crystal.n_atoms
        self.needed = (n_nodes, degree, len(edges.receivers))


M = TypeVar("M", bound=Member)


@dataclass
class Job(Member):
    """One crystal on its way to rest."""

    symmetry: Symmetry | None = None
    cell: bool = True
    """Whether the cell relaxes too."""
    pressure: float = 0.0
    """eV/Å³."""
    landscape: Any = None
    """Its row, without the potential; host arrays."""
    state: Any = None
    """State of the method, likewise."""
    place: Any = None
    """The cell where its state is, (3, 3), Å, once it has been evaluated."""
    history: list[np.ndarray] = field(default_factory=list)
    """Energy, largest force and largest stress after each evaluation, (steps, 3)."""

    @property
    def evaluations(self) -> int:
        """Points evaluated and kept in the history."""
        return sum(map(len, self.history))

    @property
    def steps(self) -> int:
        """Evaluations after that of the start."""
        return max(0, self.evaluations - 1)

    def at(self, coordinates: Array, cell: Array) -> Crystal:
        """The crystal at a place of its landscape, where its cell is this one."""
        moved = np.asarray(coordinates, np.float64)[: self.crystal.n_atoms]
        start = np.asarray(self.crystal.cell, np.float64)
        return self.crystal.replace(
            fractional=np.asarray(self.crystal.fractional, np.float64)
            + moved @ np.linalg.inv(start),
            cell=np.asarray(cell, np.float64),
        )


def grouped(
    members: Sequence[M],
    cutoff: float,
    shapes: Policy = "few",
    *,
    saving: float = 0.01,
    worth: int = WORTH,
) -> list[tuple[Sizes, list[M]]]:
    """The crystals, which have been measured, by the sizes of their rows: few ones.

    Args:
        members: of which there is at least one.
        cutoff: Å.
        shapes: standard sizes are those of each crystal alone; few ones serve a whole
            group.
        saving: share of the slots that one more of few shapes must save.
        worth: number of the slots that it must save, too.
    """
    by_shape: dict[Shape, list[M]] = {}
    needed = np.array([member.needed for member in members])
    groups = grouped_by_shape(needed, shapes, saving=saving, worth=worth)
    for shape, places in groups.items():
        for member in (members[k] for k in places):
            # Its state has as many nodes as its first row.
            own = shape._replace(n_nodes=member.n_nodes or shape.n_nodes)
            by_shape.setdefault(own, []).append(member)
    if shapes == "few":
        return [
            part
            for shape, group in by_shape.items()
            for part in _parts(group, shape, cutoff)
        ]
    by_sizes: dict[Sizes, list[M]] = {}
    for shape, group in by_shape.items():
        for member in group:
            sizes = sizes_of([member], shape, cutoff, shapes)
            by_sizes.setdefault(sizes, []).append(member)
    return list(by_sizes.items())


def _parts(
    members: list[M], shape: Shape, cutoff: float
) -> list[tuple[Sizes, list[M]]]:
    """Sizes of the search, for all of a group; crystals that need bins come alone."""
    sizes = sizes_of(members, shape, cutoff)
    pairs = _n_pairs(shape, sizes.reach)
    if len(members) > 1 and pairs > MAX_PAIRS_OF_ONE_BIN:
        return [part for one in members for part in _parts([one], shape, cutoff)]
    return [(sizes, members)]


def sizes_of(
    members: Sequence[Member], shape: Shape, cutoff: float, shapes: Policy = "few"
) -> Sizes:
    """Sizes of rows of one shape in which each of the crystals finds its neighbors."""
    crystals = [member.tried or member.crystal for member in members]
    slack = max(member.slack for member in members)
    bins, reach, capacity = sized_bins(crystals, cutoff, slack, shape.n_nodes)
    wider = standard_reach(reach)
    shared = shapes == "standard" or len(members) > 1
    if shared and bins == (1, 1, 1):
        fits = _n_pairs(shape, wider) <= MAX_PAIRS_OF_ONE_BIN
        reach = wider if fits else reach
    return Sizes(shape.n_nodes, shape.degree, bins, reach, capacity)


def bare_graph(crystal: Crystal, n_nodes: int) -> Graph:
    """Graph of the crystal on so many nodes, without edges; arrays of the host."""
    n = crystal.n_atoms
    nothing = Edges(
        np.zeros((n, 0), np.int32),
        np.zeros((n, 0, 3), np.int32),
        np.zeros((n, 0), bool),
    )
    dtype = jax.dtypes.canonicalize_dtype(float)
    return pad_crystals([crystal], [nothing], Shape(n_nodes, 0, 1), dtype)


def _n_pairs(shape: Shape, reach: tuple[int, int, int]) -> int:
    """Pairs that a search in one bin looks at."""
    return shape.n_nodes**2 * int(np.prod(2 * np.array(reach) + 1))


def enter(job: Job, sizes: Sizes, cutoff: float, init: Callable[..., Any]) -> None:
    """Makes the row of a job, and room for its state unless it has one.

    Nothing is computed on a device: each little step would be compiled by itself.
    """
    dtype = jax.dtypes.canonicalize_dtype(float)
    free, span = moving_parts(job.crystal, job.symmetry, cell=job.cell)
    padding = ((0, sizes.n_nodes - job.crystal.n_atoms), (0, 0), (0, 0))
    job.n_nodes = sizes.n_nodes
    landscape = job.landscape = Landscape(
        potential=None,
        graph=bare_graph(job.crystal, sizes.n_nodes),
        neighbor_list=sizes.neighbor_list(cutoff, job.crystal.pbc),
        symmetry=None if job.symmetry is None else padded(job.symmetry, sizes.n_nodes),
        free=np.pad(free, padding).astype(dtype),
        span=span.astype(dtype),
        pressure=np.asarray(job.pressure, dtype),
    )
    if job.state is None:
        shapes = jax.eval_shape(lambda: init(landscape, landscape.start()))
        job.state = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    job.tried = None


def padded(symmetry: Symmetry, n_nodes: int) -> Symmetry:
    """Operations of a number that many groups share, on nodes; averages stay the same.

    The order of a point group divides 48; so often are operations repeated that there
    are as many of each.
    """
    n = symmetry.n_operations
    permutation = np.asarray(symmetry.permutation)
    filler = np.tile(np.arange(permutation.shape[1], n_nodes), (n, 1))
    permutation = np.concatenate([permutation, filler], axis=1)
    repeats = lcm(n, POINT_GROUP) // n
    return Symmetry(
        rotations=np.tile(np.asarray(symmetry.rotations), (repeats, 1, 1)),
        translations=np.tile(np.asarray(symmetry.translations), (repeats, 1)),
        permutation=np.tile(permutation, (repeats, 1)),
        equivalent=np.arange(n_nodes),
        symbol="",  # static: another symbol would be compiled for anew
        number=0,
        hall="",
    )


def stacked(trees: Sequence[Any]) -> Any:
    """Trees of one structure as one whose leaves have a leading axis, on the host."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)
