"""Messages through reciprocal space, added to those of any network.

Source: Kosmala et al., ICML 2023 (arXiv 2303.04791, Ewald message passing).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph, integer_wave_vectors
from matjax.nn.radial import polynomial_envelope, spaced_gaussians
from matjax.numerics import safe_norm

POWER = 6.0
"""Of the envelope that ends the filters."""


class ReciprocalMessages(nn.Module):
    """What an atom's features change by, from all atoms at any distance.

    | equation                                                  | code                |
    |-----------------------------------------------------------|---------------------|
    | S_k = Σ_j h_j exp(−ik·r_j)                                | Eq. 8               |
    | M_i = Re Σ_k f(k) S_k exp(+ik·r_i) / V                    | Eqs. 9 and 10       |
    | f(k) = C A e(k), e Gaussians of the length of k           | Eq. 12, ``filters`` |
    | change of h_i = B₂ silu(B₁ M_i)                           | section 4           |

    The sum runs over all k up to a length and f ends there smoothly: the paper's fixed
    number of k along each axis would depend on the choice of the cell. Divided by the
    volume V, messages are the same in a supercell. A displacement of wave vector q asks
    for f at k + q, which the graph's operators give.

    Attributes:
        waves: integer coordinates of k are searched up to this. Where a cell has longer
            vectors than this serves, a vector a where ``wave_cutoff`` · |a| > 2π
            (waves + 1), features become NaN, so that no sum is made of a part of them.
        cutoff: 1/Å, length of k at which filters end.
        basis: number of Gaussians.
        bottleneck: features between the two maps A and C.
    """

    waves: int
    cutoff: float
    basis: int = 16
    bottleneck: int = 8

    @nn.compact
    def __call__(
        self, graph: Graph, h: Float[Array, "nodes features"]
    ) -> Float[Array, "nodes features"]:
        """The change of the features."""
        n = h.shape[-1]
        down = nn.Dense(self.bottleneck, use_bias=False, name="down")
        up = nn.Dense(n, use_bias=False, name="up")
        k = integer_wave_vectors((self.waves, self.waves, self.waves))

        def filters(vectors: Array) -> Array:
            length = safe_norm(vectors)
            basis = spaced_gaussians(length, 0.0, self.cutoff, self.basis)
            return polynomial_envelope(length, self.cutoff, POWER)[..., None] * up(
                down(basis)
            )

        factors = graph.structure_factors(h, k)
        factors = graph.filtered(factors, k, filters)
        messages = graph.from_structure_factors(factors, k)
        messages = messages * graph.per_node(self._shares(graph))
        return nn.Dense(n, name="received_1")(
            jax.nn.silu(nn.Dense(n, name="received_0")(messages))
        )

    def _shares(self, graph: Graph) -> Float[Array, "graphs 1"]:
        """1/V, Å⁻³, or NaN where not all k within the cutoff are there."""
        most = 2 * jnp.pi * (self.waves + 1) / self.cutoff
        fits = (safe_norm(graph.cell) < most).all(axis=-1) | ~graph.graph_mask
        return jnp.where(fits, 1 / graph.volume, jnp.nan)[:, None]
