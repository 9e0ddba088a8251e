"""All parts of a crystal in one state, each with a process and a time of its own.

Coordinates, cell and elements get their noise together. A part without a process is
given: a network sees it as it is, at time 0. So a composition that is given makes
generation structure prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Bool, Float, Int, Leaf
from matjax.crystals.lattice import inverse, transform
from matjax.elements import N_ELEMENTS, species_index
from matjax.generate.cells import components, log_stretch, stretched
from matjax.generate.processes.protocol import OfKinds, Process
from matjax.graphs import Graph, empty_neighbor_list, update_neighbor_list


class Parts(NamedTuple):
    """One thing for each part of a crystal."""

    fractional: Any
    cell: Any
    elements: Any


class State(struct.PyTreeNode):
    """One crystal, perhaps with noise on it."""

    fractional: Leaf
    """(nodes, 3), in [0, 1)."""
    cell: Leaf
    """(1, 6), the logarithmic stretch in units of :attr:`JointProcess.spread`."""
    elements: Leaf
    """(nodes,), or (nodes, species), as the process of elements has them."""
    mask: Leaf
    """Which nodes are atoms, (nodes,)."""

    @property
    def parts(self) -> Parts:
        """The parts that noise comes to."""
        return Parts(self.fractional, self.cell, self.elements)

    @property
    def masks(self) -> Parts:
        """Which rows of each part count."""
        return Parts(self.mask, jnp.ones(1, bool), self.mask)

    def with_parts(self, parts: Parts) -> State:
        """The same atoms with other values."""
        return self.replace(**parts._asdict())


class Decoded(NamedTuple):
    """A state in the units of crystals, padded."""

    numbers: Int[Array, "nodes"]
    """Atomic numbers; 0 for padding, and where no element was chosen."""
    fractional: Float[Array, "nodes 3"]
    cell: Float[Array, "3 3"]
    """Å, symmetric."""


@runtime_checkable
class ElementProcess(Process, Protocol):
    """A process of elements, which also says how species are written and read."""

    def shares(self, values: Array) -> Float[Array, "rows species"]:
        """What a network sees of noisy values."""
        ...

    def encoded(self, species: Int[Array, "rows"]) -> Array:
        """Values that mean these species."""
        ...

    def decided(self, values: Array) -> Int[Array, "rows"]:
        """Species that values mean."""
        ...


@dataclass(frozen=True)
class JointProcess:
    """Processes of the parts, and the scales of what they act on."""

    species: tuple[int, ...]
    """Atomic numbers, in the order of a network's outputs."""
    fractional: Process | None
    cell: Process | None
    elements: ElementProcess | None
    volume: float
    """Å³ of an atom in the data, which counts as 1."""
    spread: float
    """Typical deviation of the six numbers of log P in the data."""
    powers: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Time of each part, as a power of the common time: below 1 a part has more noise
    and is decided later than the others."""
    given_share: float = 0.0
    """Share of the training examples whose elements are given."""

    @property
    def processes(self) -> Parts:
        """Process of each part; None of those that are given."""
        return Parts(self.fractional, self.cell, self.elements)

    def times(self, time: Float[Array, ""]) -> Float[Array, "parts"]:
        """Time of each part; 0 for those that are given."""
        return jnp.stack(
            [
                jnp.zeros_like(time) if process is None else time**power
                for process, power in zip(self.processes, self.powers, strict=True)
            ]
        )

    def each(self, function: Callable[..., Any], *arguments: Any) -> Parts:
        """A function of each part's process and the parts of the arguments.

        Parts that are given keep what stands in the first argument.
        """
        rows = zip(self.processes, *arguments, strict=True)
        return Parts(
            *(a if p is None else function(p, a, *rest) for p, a, *rest in rows)
        )

    def encode(self, graph: Graph) -> State:
        """The state of a graph of one crystal, without noise."""
        cell = graph.cell[0]
        index = species_index(graph.numbers, self.species)
        index = jnp.where(graph.node_mask, index, 0)
        elements = index if self.elements is None else self.elements.encoded(index)
        volume = self.volume * graph.n_atoms
        return State(
            fractional=transform(graph.positions, inverse(cell)) % 1,
            cell=log_stretch(graph.cell, volume) / self.spread,
            elements=elements,
            mask=graph.node_mask,
        )

    def decode(self, state: State) -> Decoded:
        """Elements, coordinates and cell of a state."""
        index = state.elements
        if self.elements is not None:
            index = self.elements.decided(index)
        numbers = jnp.asarray((*self.species, 0), jnp.int32)[index]
        return Decoded(
            numbers=jnp.where(state.mask, numbers, 0),
            fractional=state.fractional,
            cell=self.metric_cell(state),
        )

    def metric_cell(self, state: State) -> Float[Array, "3 3"]:
        """The cell of a state, Å."""
        volume = self.volume * jnp.maximum(jnp.sum(state.mask), 1)
        volume = volume.astype(state.cell.dtype)[None]
        return stretched(self.spread * state.cell, volume)[0]

    def shares(self, state: State) -> Float[Array, "nodes species"]:
        """Shares of the species on the atoms, as a network sees them."""
        if self.elements is None:
            shares = jax.nn.one_hot(state.elements, len(self.species))
        else:
            shares = self.elements.shares(state.elements)
        return jnp.where(state.mask[:, None], shares, 0).astype(state.fractional.dtype)

    def graph(self, state: State, cutoff: float, degree: int) -> Graph:
        """The graph of a state, with soft species and the edges of this moment.

        Args:
            state: of one crystal.
            cutoff: Å, in a crystal of the data's volume by atom; in others it is as
                much longer or shorter as they are, so that atoms have about the same
                number of neighbors. Not used where there are no slots.
            degree: edge slots of each atom. Where they do not suffice, positions are
                NaN, so that no number is made without the edges left out.
        """
        n_nodes = len(state.mask)
        cell = self.metric_cell(state)
        positions = transform(state.fractional, cell)
        shares = self.shares(state)
        composition = jnp.zeros((n_nodes, N_ELEMENTS), shares.dtype)
        numbers = jnp.full(n_nodes, self.species[0], jnp.int32)
        graph = edgeless_graph(numbers, positions, cell, state.mask).replace(
            composition=composition.at[:, jnp.asarray(self.species)].set(shares)
        )
        if not degree:
            return graph
        empty = empty_neighbor_list(n_nodes, cutoff, degree=degree)
        scale = jnp.cbrt(self.volume * graph.n_atoms[0] / graph.volume[0])
        scaled = (scale * positions, scale * cell)
        found = update_neighbor_list(empty, *scaled, state.mask)
        graph = graph.with_neighbors(found)
        crowded = jnp.where(found.overflow, jnp.nan, positions)
        return graph.replace(positions=crowded)

    def prior(self, key: Array, given: State) -> State:
        """A sample at time 1 with the atoms, and the given parts, of a state."""
        keys = Parts(*jax.random.split(key, 3))
        drawn = self.each(
            lambda p, old, k, mask: p.prior(k, mask).astype(old.dtype),
            *(given.parts, keys, given.masks),
        )
        return given.with_parts(drawn)

    def corrupt(
        self, key: Array, clean: State, time: Float[Array, ""]
    ) -> tuple[State, Parts]:
        """A state with noise, and the targets of a network's outputs."""
        keys, times = Parts(*jax.random.split(key, 3)), self.times(time)
        index = clean.elements
        kinds = index if self.elements is None else self.elements.decided(index)

        def corrupted(p: Process, old: Array, *given: Any) -> Any:
            k, t, mask = given
            if isinstance(p, OfKinds):
                return p.corrupt_kinds(k, old, t, mask, kinds)
            return p.corrupt(k, old, t, mask)

        noisy = self.each(corrupted, clean.parts, keys, times, clean.masks)
        values = self.each(lambda p, pair: pair.values, noisy)
        return clean.with_parts(values), noisy

    def with_elements_given(
        self, given: Bool[Array, ""], state: State, clean: State, time: Float[Array, ""]
    ) -> tuple[State, Float[Array, "parts"]]:
        """A state with noise as a network sees it, and the times of its parts.

        Args:
            given: whether elements are those of the clean state, at time 0.
            state: with noise on all parts.
            clean: the state that noise came to.
            time: of all parts.
        """
        times = jnp.asarray(self.times(time))
        seen = state.replace(elements=jnp.where(given, clean.elements, state.elements))
        return seen, times.at[-1].set(jnp.where(given, 0, times[-1]))

    def losses(
        self, outputs: Parts, noisy: Parts, time: Float[Array, ""], masks: Parts
    ) -> dict[str, Float[Array, "rows"]]:
        """Loss of the rows of each part that has a process.

        Args:
            outputs: of a network.
            noisy: as :meth:`corrupt` returns them.
            time: of all parts.
            masks: of the state.
        """
        rows = self.each(
            lambda p, out, pair, t, mask: p.loss(out, pair, t, mask),
            *(outputs, noisy, self.times(time), masks),
        )
        named = zip(Parts._fields, self.processes, rows, strict=True)
        return {name: values for name, process, values in named if process is not None}


def edgeless_graph(
    numbers: Int[Array, "nodes"],
    positions: Float[Array, "nodes 3"],
    cell: Float[Array, "3 3"],
    mask: Bool[Array, "nodes"],
) -> Graph:
    """The graph of one crystal, with room for no edge."""
    return Graph(
        numbers=numbers,
        positions=positions,
        cell=cell[None],
        senders=jnp.zeros(0, jnp.int32),
        shifts=jnp.zeros((0, 3), jnp.int32),
        edge_mask=jnp.zeros(0, bool),
        node_mask=mask,
        graph_mask=jnp.ones(1, bool),
        node_graph=jnp.zeros(len(mask), jnp.int32),
    )


def parts_of(outputs: dict[str, Array]) -> Parts:
    """Outputs of a network for one crystal by part, the cell's as six numbers."""
    return Parts(
        outputs["fractional"], components(outputs["cell"]), outputs["elements"]
    )
