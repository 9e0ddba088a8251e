"""CGCNN: gated convolutions on the nearest neighbors, mean over atoms, properties.

Source: T. Xie and J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018); what the paper
leaves open as in the published code and weights.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph, neighbor_weights
from matjax.nn import (
    FeatureNorm,
    embedded_species,
    feature_norm,
    gaussian_basis,
    property_readout,
)
from matjax.numerics import safe_norm


class CGCNN(nn.Module):
    """Scalar properties of crystals from their atoms and the distances between them.

    | equation                                            | code                   |
    |-----------------------------------------------------|------------------------|
    | v_i = embedding of the element                      | ``embedding``          |
    | u_ij = exp(−(r_ij − μ)²/step²), μ = 0, step, …      | ``gaussian_basis``     |
    | z_ij W + b with z_ij = v_i ⊕ v_j ⊕ u_ij             | ``center + neighbor    |
    |                                                     | + bond``               |
    | m_i = Σ_j w_ij σ(N(z_ij W + b)_f) ⊙ g(N(z_ij W + b)_s) | Eq. 5, ``messages`` |
    | v_i ← g(v_i + N(m_i))                               | ``Convolution``        |
    | v = Σ_i v_i / atoms                                 | ``pool``               |
    | y = W₂ g(W₁ g(v) + b₁) + b₂                         | ``head_0``, ``readout``|

    g is softplus, σ the logistic function, w_ij the share of the neighbor in the
    ``n_nearest`` places of its atom (:func:`matjax.graphs.shell_weights`). One matrix
    W serves both factors, the filter f and the core s.

    N was batch normalization. At inference that is a fixed scale and offset of each
    feature, ``norm="affine"``, which published weights need. Untrained networks take
    layer normalization: no state outside the parameters, and no crystal's prediction
    depends on the others of its batch.

    The published network embeds a table of element features by a linear map; a row of
    ``embedding`` is the product of the two. An untrained network learns its rows.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        n_nearest: places for neighbors of each atom; None for all within the cutoff.
        features: of each atom.
        layers: number of convolutions.
        head: widths of the hidden layers after the mean over atoms.
        step: Å, distance of the Gaussians' centers and their width.
        norm: of messages and their sums: each over its features, or a learned scale
            and offset of each feature.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 8.0
    n_nearest: int | None = 12
    features: int = 64
    layers: int = 4
    head: tuple[int, ...] = (32,)
    step: float = 0.2
    norm: FeatureNorm = "layer"
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        r = safe_norm(graph.edge_vectors())
        bonds = gaussian_basis(r, self.step, self.cutoff)
        weights = neighbor_weights(graph, r, self.n_nearest)
        v = embedded_species(graph, self.species, self.features, name="embedding")
        for i in range(self.layers):
            v = Convolution(self.norm, name=f"layer_{i}")(graph, v, bonds, weights)

        return property_readout(self, jax.nn.softplus(graph.pool(v)), jax.nn.softplus)


class Convolution(nn.Module):
    """One exchange with the neighbors: gated messages, their sum, normalized."""

    norm: FeatureNorm

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        v: Float[Array, "nodes features"],
        bonds: Float[Array, "edges basis"],
        weights: Float[Array, "edges 1"],
    ) -> Float[Array, "nodes features"]:
        """Features of the atoms after the exchange."""
        n_features = v.shape[-1]
        # The maps of v_i and v_j act on atoms, of which there are 12 times fewer.
        z = (
            graph.spread(nn.Dense(2 * n_features, name="center")(v))
            + graph.gather(nn.Dense(2 * n_features, use_bias=False, name="neighbor")(v))
            + nn.Dense(2 * n_features, use_bias=False, name="bond")(bonds)
        )
        z = feature_norm(self.norm, name="norm_message")(z)
        gate, core = jnp.split(z, 2, axis=-1)
        messages = weights * jax.nn.sigmoid(gate) * jax.nn.softplus(core)
        sums = feature_norm(self.norm, name="norm_sum")(graph.scatter(messages))
        return jax.nn.softplus(v + sums)
