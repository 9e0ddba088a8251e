"""Continuous-filter convolutions: features of atoms from the distances around them.

Source: Schütt et al., NeurIPS 2017 (arXiv 1706.08566, SchNet); J. Chem. Phys. 148,
241722 (2018), whose settings for crystals these are.
"""

from __future__ import annotations

import math

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn.embedding import embedded_species
from matjax.nn.perceptron import shifted_softplus
from matjax.nn.radial import polynomial_envelope, spaced_gaussians
from matjax.nn.reciprocal_messages import ReciprocalMessages
from matjax.numerics import safe_norm

POWER = 6.0
"""Of the envelope that ends the filters."""


class ContinuousFilters(nn.Module):
    """Features of atoms after some exchanges with their neighbors.

    | equation                                                   | code             |
    |------------------------------------------------------------|------------------|
    | h_i = embedding of the element                             | ``embedding``    |
    | W(r) = f_c(r) φ₂(ssp φ₁(e(r))), e Gaussians every 0.1 Å    | ``Exchange``     |
    | m_i = Σ_j (A h_j) ⊙ W(r_ij)                                | ``Exchange``     |
    | h_i ← h_i + B₂ ssp(B₁ m_i)                                 | ``Exchange``     |

    ssp is the shifted softplus. f_c is a polynomial with two continuous derivatives at
    the cutoff, in place of the paper's cosine with one, so that force constants are
    continuous.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        cutoff: Å.
        features: of each atom.
        layers: number of exchanges.
        step: Å, distance of the Gaussians' centers.
        waves: reach of messages through reciprocal space, along each axis; 0 is none.
        wave_cutoff: 1/Å, where these end; see :class:`.ReciprocalMessages`.
    """

    species: tuple[int, ...]
    cutoff: float
    features: int
    layers: int
    step: float
    waves: int = 0
    wave_cutoff: float = 2.0

    @nn.compact
    def __call__(
        self, graph: Graph, weights: Float[Array, "edges 1"] | float = 1.0
    ) -> Float[Array, "nodes features"]:
        """Features of the atoms.

        Args:
            graph: at the cutoff.
            weights: what each edge counts.
        """
        r = safe_norm(graph.edge_vectors())
        n_gaussians = round(self.cutoff / self.step) + 1
        basis = spaced_gaussians(r, 0.0, self.cutoff, n_gaussians)
        ends = polynomial_envelope(r, self.cutoff, POWER)[:, None] * weights
        h = embedded_species(graph, self.species, self.features, name="embedding")
        for i in range(self.layers):
            new = Exchange(self.features, name=f"layer_{i}")(graph, h, basis, ends)
            if self.waves:
                far = ReciprocalMessages(
                    self.waves, self.wave_cutoff, name=f"reciprocal_{i}"
                )
                new = (new + far(graph, h)) / math.sqrt(2)
            h = h + new
        return h


class Exchange(nn.Module):
    """What an atom's features change by in one exchange with the neighbors."""

    features: int

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        h: Float[Array, "nodes features"],
        basis: Float[Array, "edges basis"],
        ends: Float[Array, "edges 1"],
    ) -> Float[Array, "nodes features"]:
        """The change of the features."""
        n = self.features
        filters = shifted_softplus(nn.Dense(n, name="filter_0")(basis))
        filters = ends * shifted_softplus(nn.Dense(n, name="filter_1")(filters))
        sent = nn.Dense(n, use_bias=False, name="sent")(h)
        sums = graph.scatter(graph.gather(sent) * filters)
        sums = shifted_softplus(nn.Dense(n, name="received_0")(sums))
        return nn.Dense(n, name="received_1")(sums)
