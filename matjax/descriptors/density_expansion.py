"""Densities of neighbors around every atom, expanded in radial functions and harmonics.

    c_i^{Z n l m} = Σ_{j of Z} g_n^l(r_ij) Y_lm(r̂_ij)

Every descriptor by invariants of a density begins here.
"""

# pyright: reportArgumentType=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import math

import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import species_shares
from matjax.nn.e3nn import e3nn
from matjax.numerics import safe_norm


def density_coefficients(
    graph: Graph,
    species: tuple[int, ...],
    radial: Float[Array, "edges n degrees"],
    *,
    own: Float[Array, "n"] | None = None,
) -> list[Array]:
    """Coefficients of each degree l = 0, 1, …, with orthonormal real harmonics.

    Args:
        graph: of the neighbors.
        species: atomic numbers.
        radial: functions g_n^l of each edge, 0 where it does not count.
        own: what the atom itself adds to n at l = 0, besides the harmonic.

    Returns:
        Of each degree, (nodes, species, n, components).
    """
    lmax = radial.shape[-1] - 1
    vectors = graph.edge_vectors()
    r = safe_norm(vectors)
    directions = vectors / jnp.maximum(r, 1e-12)[:, None]
    harmonics = e3nn.spherical_harmonics(
        e3nn.s2_irreps(lmax),
        e3nn.IrrepsArray("1o", directions),
        normalize=False,
        normalization="integral",
    ).array
    shares = species_shares(graph, species)
    senders = graph.gather(shares)
    found = []
    for degree in range(lmax + 1):
        components = harmonics[:, degree**2 : (degree + 1) ** 2]
        value = radial[:, None, :, degree, None] * components[:, None, None, :]
        sums = graph.scatter(senders[:, :, None, None] * value)
        if degree == 0 and own is not None:
            center = own[:, None] / math.sqrt(4 * math.pi)
            sums = sums + shares[:, :, None, None] * center
        found.append(sums)
    return found
