"""Set2Set: a set of vectors read by an LSTM that attends to it in turns.

Source: Vinyals et al., ICLR 2016 (arXiv 1511.06391), section 4.2. Turn t of the T:

| equation                         | code                       |
|----------------------------------|----------------------------|
| q_t, c_t = LSTM(q*_t−1, c_t−1)   | ``LSTM`` (Eq. 3)           |
| a_i,t = softmax_i(m_i · q_t)     | ``shares`` (Eqs. 4, 5)     |
| r_t = Σ_i a_i,t m_i              | ``read`` (Eq. 6)           |
| q*_t = q_t ⊕ r_t                 | ``turn`` (Eq. 7)           |

The sums run over the atoms or the edges of a crystal. Shares of edges are those among
the edges of an atom, times the share that the atom has by its logarithm of the sum of
exponentials, so that operators of the graph do all of it.
"""

from __future__ import annotations

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph

Sigmoid = Literal["logistic", "hard"]
"""Of the gates: 1/(1 + e⁻ˣ), or 0.2 x + 0.5 within 0 and 1."""


class Set2Set(nn.Module):
    """Two vectors side by side, q and r, that the order of a set does not change.

    Attributes:
        turns: T.
        layers: of the LSTM, one after the other.
        width: of q and of what is attended to, to which features are brought by a
            linear map; by default they are taken as they are.
        sigmoid: of the LSTM's gates.
        remembers: whether the LSTM's cell goes on from turn to turn; if not, each
            turn begins with an empty one.
    """

    turns: int = 3
    layers: int = 1
    width: int | None = None
    sigmoid: Sigmoid = "logistic"
    remembers: bool = True

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        features: Float[Array, "elements *states features"],
        *,
        of_edges: bool = False,
    ) -> Float[Array, "graphs *states outputs"]:
        """The vectors of each crystal.

        Args:
            graph: of the crystals.
            features: of the nodes, or of the edges.
            of_edges: which of the two.
        """
        m = features
        if self.width is not None:
            m = nn.Dense(self.width, name="project")(m)
        width = m.shape[-1]
        cells = [
            LSTM(width, self.sigmoid, name=f"lstm_{i}") for i in range(self.layers)
        ]
        zeros = jnp.zeros((graph.n_graphs, *m.shape[1:]), m.dtype)
        hidden: list[Any] = [zeros] * self.layers
        memory: list[Any] = [zeros] * self.layers
        turn = jnp.concatenate([zeros, zeros], axis=-1)
        for _ in range(self.turns):
            x = turn
            for i, cell in enumerate(cells):
                # Without a memory the query is all that a turn hands on.
                start = (hidden[i], memory[i]) if self.remembers else (None, None)
                x, memory[i] = cell(x, *start)
                hidden[i] = x
            read = _read_edges if of_edges else _read_atoms
            turn = jnp.concatenate([x, read(graph, m, graph.per_node(x))], axis=-1)
        return turn


class LSTM(nn.Module):
    """A cell of long short-term memory, without peepholes.

        i, f, g, o = x W + h U + b;   c ← σ(f) c + σ(i) tanh(g);   h = σ(o) tanh(c)

    U is left out where there is no h.

    Attributes:
        width: of h and c.
        sigmoid: σ.
    """

    width: int
    sigmoid: Sigmoid = "logistic"

    @nn.compact
    def __call__(
        self, x: Array, h: Array | None = None, c: Array | None = None
    ) -> tuple[Array, Array]:
        """Both after a turn, h and c."""
        gates = nn.Dense(4 * self.width, name="input")(x)
        if h is not None:
            gates = gates + nn.Dense(4 * self.width, use_bias=False, name="hidden")(h)
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        sigmoid = jax.nn.sigmoid if self.sigmoid == "logistic" else hard_sigmoid
        kept = 0 if c is None else sigmoid(f) * c
        c = kept + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c


def hard_sigmoid(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """0.2 x + 0.5, within 0 and 1: as Keras defined it when MEGNet was trained."""
    return jnp.clip(0.2 * x + 0.5, 0, 1)


def _read_atoms(graph: Graph, m: Array, query: Array) -> Array:
    """Σ over the atoms of the softmax of m·q times m."""
    shares = graph.node_softmax(jnp.sum(m * query, axis=-1))[..., None]
    return graph.pool(shares * m) / _nonzero(graph.pool(shares))


def _read_edges(graph: Graph, m: Array, query: Array) -> Array:
    """The same over the edges of the crystal."""
    logits = jnp.sum(m * graph.spread(query), axis=-1)
    near = graph.softmax(logits)
    # Σ a (logit − ln a) is the logarithm of the sum of exponentials.
    entropy = -jnp.log(jnp.where(near > 0, near, 1))
    of_atoms = graph.node_softmax(graph.scatter(near * (logits + entropy)))[..., None]
    total = graph.pool(of_atoms * graph.scatter(near)[..., None])
    near = near[..., None]
    return graph.pool(of_atoms * graph.scatter(near * m)) / _nonzero(total)


def _nonzero(x: Array) -> Array:
    return jnp.where(x > 0, x, 1)
