"""GATGNN: attention to neighbors, and to atoms as the composition asks for it.

Source: S.-Y. Louis et al., Phys. Chem. Chem. Phys. 22, 18141 (2020), arXiv 2003.13379;
what the paper leaves open as in the published code.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph, neighbor_weights
from matjax.nn import (
    Affine,
    FeatureNorm,
    embedded_species,
    feature_norm,
    gaussian_basis,
    property_readout,
    species_shares,
)
from matjax.numerics import safe_norm

LEAST = 1e-30
"""Share that a neighbor without a place has, so that its logarithm is finite."""
GLOBAL = 32
"""Hidden features of the attention to atoms."""


class GATGNN(nn.Module):
    """Properties of crystals from two kinds of attention.

    | equation                                                   | code             |
    |------------------------------------------------------------|------------------|
    | e_ij = leaky ReLU(B u_ij), u Gaussians of the distance     | ``bonds``        |
    | x_i = sp((v_i ⊕ e_ij) W), x_j = sp((v_j ⊕ e_ij) W)         | ``Attention``    |
    | α_ij = softmax_j sp(N(sp(a · (x_i ⊕ x_j))))                | ``Attention``    |
    | v_i ← sp(N(mean over heads of Σ_j α_ij x_j + b))           | ``Attention``    |
    | c_i = softmax over atoms of A₂ sp(A₁ (v_i ⊕ composition))  | ``_of_crystal``  |
    | y = B₃ sp(B₂ sp(B₁ Σ_i c_i v_i))                           | ``nn.readout``   |

    sp is softplus, N the norm: layer normalization, and in the attention, whose rows
    have a number for each head, a learned scale and offset; the code's is batch
    normalization. The attention to atoms is that by composition (*GI-M1*), the
    default of the code. A neighbor's share in the places of its atom
    (:func:`matjax.graphs.shell_weights`) multiplies its attention.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        n_nearest: places for neighbors of each atom; None for all within the cutoff.
        features: of each atom and bond.
        heads: of the attention to neighbors.
        layers: number of exchanges.
        head: widths of the hidden layers after the sum over atoms.
        step: Å, distance of the Gaussians' centers and their width.
        norm: of features after an exchange.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 8.0
    n_nearest: int | None = 12
    features: int = 64
    heads: int = 4
    layers: int = 3
    head: tuple[int, ...] = (64, 64)
    step: float = 0.2
    norm: FeatureNorm = "layer"
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        r = safe_norm(graph.edge_vectors())
        weights = neighbor_weights(graph, r, self.n_nearest)
        basis = gaussian_basis(r, self.step, self.cutoff)
        bonds = nn.leaky_relu(nn.Dense(self.features, name="bond")(basis), 0.2)
        v = embedded_species(graph, self.species, self.features, name="embedding")
        for i in range(self.layers):
            v = Attention(self.heads, name=f"layer_{i}")(graph, v, bonds, weights)
            v = nn.softplus(feature_norm(self.norm, name=f"norm_{i}")(v))
        return property_readout(self, self._of_crystal(graph, v), jax.nn.softplus)

    def _of_crystal(
        self, graph: Graph, v: Float[Array, "nodes features"]
    ) -> Float[Array, "graphs features"]:
        """Σ_i c_i v_i over the atoms of each crystal."""
        composition = graph.pool(species_shares(graph, self.species))
        seen = jnp.concatenate([v, graph.per_node(composition)], axis=-1)
        logits = nn.softplus(nn.Dense(GLOBAL, name="attention_0")(seen))
        shares = graph.node_softmax(nn.Dense(1, name="attention_1")(logits))
        # The quotient of two means is the same in a supercell; a mean of 0 is padding.
        total = graph.pool(shares)
        return graph.pool(shares * v) / jnp.where(total > 0, total, 1)


class Attention(nn.Module):
    """One exchange with the neighbors, weighed by several heads."""

    heads: int

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        v: Float[Array, "nodes features"],
        bonds: Float[Array, "edges features"],
        weights: Float[Array, "edges 1"],
    ) -> Float[Array, "nodes features"]:
        """The heads' mean of what comes from the neighbors."""
        n = v.shape[-1]
        wide = self.heads * n
        # One matrix for v ⊕ e, in two parts: the first one acts on atoms.
        own = nn.Dense(wide, use_bias=False, name="atom")(v)
        bond = nn.Dense(wide, use_bias=False, name="bond")(bonds)
        mine, theirs = (
            nn.softplus(x + bond).reshape(-1, self.heads, n)
            for x in (graph.spread(own), graph.gather(own))
        )
        glorot = nn.initializers.glorot_uniform()
        a = self.param("attention", glorot, (self.heads, 2 * n))
        pair = jnp.concatenate([mine, theirs], axis=-1)
        logits = nn.softplus(jnp.sum(pair * a, axis=-1))
        logits = nn.softplus(Affine(name="norm")(logits))
        logits = logits + jnp.log(jnp.maximum(weights, LEAST))
        sums = graph.scatter(graph.softmax(logits)[..., None] * theirs)
        bias = self.param("bias", nn.initializers.zeros, (n,))
        return sums.mean(axis=1) + bias
