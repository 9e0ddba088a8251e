"""MEGNet: atoms, bonds and a state of the crystal that all take part in exchanges.

Source: C. Chen, W. Ye, Y. Zuo, C. Zheng and S. P. Ong, Chem. Mater. 31, 3564 (2019);
several fidelities: C. Chen et al., Nat. Comput. Sci. 1, 46 (2021). What the papers
leave open as in the published codes (megnet, matgl) and weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import (
    Perceptron,
    Set2Set,
    embedded_species,
    gaussian_basis,
    shifted_softplus,
)
from matjax.nn.set2set import Sigmoid
from matjax.numerics import safe_norm


class Features(NamedTuple):
    """What takes part in an exchange; states lie side by side."""

    bonds: Float[Array, "edges states features"]
    atoms: Float[Array, "nodes states features"]
    state: Float[Array, "graphs states features"]


class MEGNet(nn.Module):
    """Properties of crystals from atoms, bonds and a state of the whole.

    | equation                                            | code                       |
    |-----------------------------------------------------|----------------------------|
    | b_ij = exp(−(r_ij − μ)²/width²), μ = 0 … reach      | ``gaussian_basis``         |
    | e'_ij = φ_e(v_i ⊕ v_j ⊕ e_ij ⊕ u)                   | ``to_bonds``               |
    | v'_i = φ_v(ē_i ⊕ v_i ⊕ u), ē_i = mean_j e'_ij       | ``to_atoms``               |
    | u' = φ_u(ē ⊕ v̄ ⊕ u), means over the crystal         | ``to_state``               |
    | dense layers before each exchange, sums after it    | ``Block``                  |
    | y = φ(set2set(v) ⊕ set2set(e) ⊕ u)                  | ``readout``                |

    All perceptrons have ln((1 + eˣ)/2) between their layers. Means over the crystal go
    through the graph's ``pool``; they are the same in a supercell. A mean over
    neighbors has a step where one crosses the cutoff.

    With several states the network is evaluated for each of them side by side, and a
    property has one value for each: the four fidelities of band gaps.

    The published networks of the first code (Keras) have no activation after the last
    layer of φ_e, φ_v and φ_u, and another LSTM in Set2Set; see
    :class:`matjax.nn.Set2Set`.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        reach: Å, center of the last Gaussian.
        basis: number of Gaussians.
        gaussian_width: Å.
        embedded: features of an element before the first layers.
        n_states: states of which each property has a value; one, without an axis.
        state_features: of a state before the first layers.
        blocks: number of exchanges.
        dense_widths: of the layers before an exchange.
        exchange_widths: of the layers in an exchange, the last as before it.
        head: widths of the hidden layers of the readout.
        ends_active: whether the last layer of an exchange is followed by an activation.
        turns: in which the LSTMs attend to atoms and bonds.
        query_width: of the LSTMs; by default that of the features.
        sigmoid: of the LSTMs' gates.
        remembers: whether their cells go on from turn to turn.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 4.0
    reach: float = 5.0
    basis: int = 100
    gaussian_width: float = 0.5
    embedded: int = 16
    n_states: int = 1
    state_features: int = 2
    blocks: int = 3
    dense_widths: tuple[int, ...] = (64, 32)
    exchange_widths: tuple[int, ...] = (64, 64, 32)
    head: tuple[int, ...] = (32, 16)
    ends_active: bool = True
    turns: int = 2
    query_width: int | None = None
    sigmoid: Sigmoid = "logistic"
    remembers: bool = True
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs ..."]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        x = self._inputs(graph)
        for i in range(self.blocks):
            x = Block(
                dense=self.dense_widths if i else (),
                hidden=self.exchange_widths,
                ends_active=self.ends_active,
                name=f"block_{i}",
            )(graph, x)
        atoms = self._reader("read_atoms")(graph, x.atoms)
        bonds = self._reader("read_bonds")(graph, x.bonds, of_edges=True)
        y = jnp.concatenate([atoms, bonds, x.state], axis=-1)
        widths = (*self.head, len(self.properties))
        y = Perceptron(widths, shifted_softplus, ends_active=False, name="readout")(y)
        y = y * jnp.asarray(self.scale, y.dtype) + jnp.asarray(self.shift, y.dtype)
        y = y[:, 0] if self.n_states == 1 else y
        return dict(zip(self.properties, jnp.moveaxis(y, -1, 0), strict=True))

    def _inputs(self, graph: Graph) -> Features:
        """Features before the first exchange."""
        r = safe_norm(graph.edge_vectors())
        step = self.reach / (self.basis - 1)
        bonds = gaussian_basis(r, step, self.reach, self.gaussian_width)
        atoms = embedded_species(graph, self.species, self.embedded, name="embedding")
        sizes = (self.n_states, self.state_features)
        states = self.param("states", nn.initializers.normal(1.0), sizes)

        def first(name: str) -> Callable[..., Any]:
            return Perceptron(self.dense_widths, shifted_softplus, name=name)

        state = first("first_state")(states)[None]
        bonds, atoms = first("first_bonds")(bonds), first("first_atoms")(atoms)
        width = self.dense_widths[-1]

        def of_states(x: Array) -> Array:
            return jnp.broadcast_to(x[:, None], (len(x), self.n_states, width))

        state = jnp.broadcast_to(state, (graph.n_graphs, *state.shape[1:]))
        return Features(of_states(bonds), of_states(atoms), state)

    def _reader(self, name: str) -> Set2Set:
        return Set2Set(
            self.turns,
            width=self.query_width,
            sigmoid=self.sigmoid,
            remembers=self.remembers,
            name=name,
        )


class Block(nn.Module):
    """Dense layers and an exchange, added to what they start from."""

    dense: tuple[int, ...]
    hidden: tuple[int, ...]
    ends_active: bool

    @nn.compact
    def __call__(self, graph: Graph, x: Features) -> Features:
        """Features after the exchange."""
        start = x
        if self.dense:
            names = ("dense_bonds", "dense_atoms", "dense_state")
            x = Features(
                *(
                    Perceptron(self.dense, shifted_softplus, name=name)(part)
                    for name, part in zip(names, x, strict=True)
                )
            )
        e, v, u = x
        of_atoms = graph.per_node(u)
        # The first maps of atoms and states act on nodes, of which there are fewer.
        first = (
            graph.spread(
                self._bond_map("center")(v) + self._bond_map("state")(of_atoms)
            )
            + graph.gather(self._bond_map("neighbor")(v))
            + nn.Dense(self.hidden[0], name="bond")(e)
        )
        to_bonds = self._perceptron("to_bonds", self.hidden[1:])
        bonds = to_bonds(shifted_softplus(first))
        around = jnp.concatenate([neighbor_mean(graph, bonds), v, of_atoms], axis=-1)
        atoms = self._perceptron("to_atoms", self.hidden)(around)
        means = [edge_mean(graph, bonds), graph.pool(atoms), u]
        to_state = self._perceptron("to_state", self.hidden)
        state = to_state(jnp.concatenate(means, axis=-1))
        new = Features(bonds, atoms, state)
        return Features(*(a + b for a, b in zip(start, new, strict=True)))

    def _bond_map(self, name: str) -> nn.Dense:
        return nn.Dense(self.hidden[0], use_bias=False, name=name)

    def _perceptron(self, name: str, widths: tuple[int, ...]) -> Perceptron:
        return Perceptron(widths, shifted_softplus, self.ends_active, name=name)


def neighbor_mean(
    graph: Graph, values: Float[Array, "edges *features"]
) -> Float[Array, "nodes *features"]:
    """Mean over the edges of each receiver; 0 where there are none."""
    count = graph.scatter(jnp.ones_like(values))
    return graph.scatter(values) / jnp.maximum(count, 1)


def edge_mean(
    graph: Graph, values: Float[Array, "edges *features"]
) -> Float[Array, "graphs *features"]:
    """Mean over the edges of each crystal; 0 where there are none."""
    count = graph.pool(graph.scatter(jnp.ones_like(values)))
    return graph.pool(graph.scatter(values)) / jnp.where(count > 0, count, 1)
