"""PotNet: complete potentials between all atoms, summed over the infinite crystal.

Source: Y. Lin et al., ICML 2023 (arXiv 2306.10045); what the paper leaves open as in
the published code.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph, all_pairs, neighbor_weights
from matjax.nn import (
    FeatureNorm,
    embedded_species,
    exponential_sums,
    feature_norm,
    power_sums,
    property_readout,
    shifted_softplus,
    spaced_gaussians,
)
from matjax.numerics import safe_norm

RANGE = (-4.0, 4.0)
"""Of the inputs of bases: potentials, and −0.75/r of bonds."""
CLOSEST = 0.1
"""Å, the shortest length that bases of bonds tell apart."""


class PotNet(nn.Module):
    """Properties of crystals from what all atoms do to each other, at any distance.

    | equation                                                     | code            |
    |--------------------------------------------------------------|-----------------|
    | S_ij = Σ over images of a/r + b exp(−αr) + c/r⁶              | ``potentials``  |
    | e_ij = N(sp(B u(S_ij))), u multiquadrics, for all pairs      | ``__call__``    |
    | e_ij = silu(B u(−0.75/r)), u Gaussians, for bonds            | ``__call__``    |
    | m_ij = σ(N(φ(h_i ⊕ h_j ⊕ e_ij))) ⊙ ψ(h_i ⊕ h_j ⊕ e_ij)       | ``Message``     |
    | h_i ← relu(h_i + N(Σ over bonds and pairs of m_ij))          | ``__call__``    |
    | y = readout of ssp(B · mean over atoms)                      | ``nn.readout``  |

    Sums converge by :func:`matjax.nn.power_sums` and :func:`~.exponential_sums`. The
    coefficients a, b, c of the published code are learned here from there on; φ and ψ
    are perceptrons of two layers, the norms layer normalization. An atom receives from
    each atom of the cell as it is given: in a supercell there are more of them, and
    other properties; give primitive cells, as the data set has them.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        n_nearest: places for neighbors of each atom.
        features: of each atom and edge.
        layers: number of exchanges.
        basis: functions of a potential.
        decay: α, 1/Å.
        cells: that are summed each way; see :func:`matjax.nn.power_sums`.
        head: widths of the hidden layers after the mean over atoms.
        norm: of gates and sums.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 8.0
    n_nearest: int | None = 16
    features: int = 64
    layers: int = 3
    basis: int = 64
    decay: float = 3.0
    cells: int = 4
    head: tuple[int, ...] = (64,)
    norm: FeatureNorm = "layer"
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        r = jnp.maximum(safe_norm(graph.edge_vectors()), CLOSEST)
        weights = neighbor_weights(graph, r, self.n_nearest)
        near = spaced_gaussians(-0.75 / r, *RANGE, self.features)
        near = nn.silu(nn.Dense(self.features, name="bond")(near))
        pairs = all_pairs(graph)
        far = multiquadrics(self._potentials(graph, pairs), self.basis)
        far = nn.softplus(nn.Dense(self.features, name="pair")(far))
        far = feature_norm(self.norm, name="norm_pair")(far)
        h = embedded_species(graph, self.species, self.features, name="embedding")
        for i in range(self.layers):
            message = Message(self.norm, name=f"layer_{i}")
            sums = graph.scatter(weights * message(graph, h, near))
            sums = sums + pairs.scatter(message(pairs, h, far))
            h = nn.relu(h + feature_norm(self.norm, name=f"norm_{i}")(sums))
        return property_readout(self, graph.pool(h), shifted_softplus)

    def _potentials(self, graph: Graph, pairs: Graph) -> Float[Array, "edges"]:
        """The potentials of all pairs, summed over their images."""
        start = nn.initializers.constant(jnp.array([-0.801, 0.145, -0.074]))
        weights = self.param("potentials", start, (3,))
        vectors = pairs.gather(graph.positions) - pairs.spread(graph.positions)
        wide = self.cutoff * jnp.eye(3, dtype=graph.cell.dtype)  # where all sums end
        cells = jnp.where(graph.graph_mask[:, None, None], graph.cell, wide)
        cells = pairs.spread(graph.per_node(cells))

        def sums(vector: Array, cell: Array) -> Array:
            v = vector[None]
            return jnp.stack(
                [
                    power_sums(v, cell, 1, reach=self.cells)[0],
                    exponential_sums(v, cell, self.decay, reach=self.cells)[0],
                    power_sums(v, cell, 6, reach=self.cells)[0],
                ]
            )

        return jax.vmap(sums)(vectors, cells) @ weights


class Message(nn.Module):
    """What atoms learn along edges, or from pairs."""

    norm: FeatureNorm

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        h: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
    ) -> Float[Array, "edges features"]:
        """Messages of all edges of a graph."""
        n = h.shape[-1]
        made = []
        for name in ("gate", "core"):
            # The maps of h_i and h_j act on atoms, of which there are fewer.
            x = (
                graph.spread(nn.Dense(n, name=f"{name}_center")(h))
                + graph.gather(nn.Dense(n, use_bias=False, name=f"{name}_neighbor")(h))
                + nn.Dense(n, use_bias=False, name=f"{name}_edge")(e)
            )
            made.append(nn.Dense(n, name=f"{name}_out")(nn.silu(x)))
        gate = nn.sigmoid(feature_norm(self.norm, name="norm_gate")(made[0]))
        return gate * made[1]


def multiquadrics(x: Float[Array, "rows"], size: int) -> Float[Array, "rows basis"]:
    """√(1 + ((x − μ)/step)²) with centers μ over the range of potentials."""
    centers, step = np.linspace(*RANGE, size, retstep=True)
    centers = jnp.asarray(centers, x.dtype)
    return jnp.sqrt(1 + jnp.square((x[:, None] - centers) / float(step)))
