"""Stillinger–Weber silicon: a classical potential with a three-body term.

Source: F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), Eqs. 2.3–2.5.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph, triplets
from matjax.numerics import safe_norm, safe_where

EDGE_OF_DECAY = 0.01
"""Å before the cutoff where exp(σ/(r − aσ)) < 1e-80 is taken for 0: beyond, its
derivatives would be 0 · ∞."""


class StillingerWeber(nn.Module):
    """E = Σ_i ½ Σ_j v₂(r_ij) + Σ_{j<k} v₃(r_ij, r_ik, θ_jik).

        v₂ = Aε [B(σ/r)⁴ − 1] exp(σ/(r − aσ))
        v₃ = λε (cos θ + 1/3)² exp(γσ/(r_ij − aσ) + γσ/(r_ik − aσ))

    The defaults are silicon's, with ε from the paper's cohesive energy, as tabulated by
    later codes (ε = 2.1683 eV, σ = 2.0951 Å).
    """

    species: tuple[int, ...] = (14,)
    epsilon: float = 2.1683
    sigma: float = 2.0951
    reach: float = 1.80
    strength: float = 21.0
    decay: float = 1.20
    repulsion: float = 7.049556277
    ratio: float = 0.6022245584

    @property
    def cutoff(self) -> float:
        """Interaction radius aσ, Å."""
        return self.reach * self.sigma

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        epsilon = self.param("epsilon", lambda _: jnp.asarray(self.epsilon))
        strength = self.param("strength", lambda _: jnp.asarray(self.strength))
        repulsion = self.param("repulsion", lambda _: jnp.asarray(self.repulsion))
        ratio = self.param("ratio", lambda _: jnp.asarray(self.ratio))

        vectors = graph.edge_vectors()
        r = safe_norm(vectors)
        pair = (ratio * (self.sigma / r) ** 4 - 1) * self._decay(r, 1.0)
        two_body = repulsion * graph.scatter(pair) / 2

        corners = triplets(graph)
        u, v = corners.pair(vectors / r[:, None])
        f, g = corners.pair(self._decay(r, self.decay))
        cosine = jnp.sum(u * v, axis=-1)
        three_body = strength * corners.scatter(f * g * (cosine + 1 / 3) ** 2)
        return epsilon * (two_body + three_body)

    def _decay(self, r: Array, rate: float) -> Array:
        """exp(rate σ/(r − aσ)) inside the cutoff, 0 outside."""
        return safe_where(
            r < self.cutoff - EDGE_OF_DECAY,
            lambda x: jnp.exp(rate * self.sigma / (x - self.cutoff)),
            r,
            inside=self.sigma,
        )
