"""Atom-centered symmetry functions: sums over neighbors, and over pairs of them.

Sources: Behler, J. Chem. Phys. 134, 074106 (2011); the usual choice of their parameters
is that of Gastegger et al., J. Chem. Phys. 148, 241709 (2018) for radial functions, and
of Imbalzano et al., J. Chem. Phys. 148, 241730 (2018) for the angular ones.
"""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph, triplets
from matjax.nn import species_shares
from matjax.numerics import safe_norm


class SymmetryFunctions(NamedTuple):
    """Parameters, each a row of numbers; all functions are made for every element.

        G² = Σ_j exp(−η (r_ij − s)²) f(r_ij)
        G⁴ = 2^{1−ζ} Σ_{j<k} (1 + λ cos θ_jik)^ζ exp(−η (r_ij² + r_ik² + r_jk²)) f f f
        G⁵ = 2^{1−ζ} Σ_{j<k} (1 + λ cos θ_jik)^ζ exp(−η (r_ij² + r_ik²)) f f

    f(r) = (cos(πr/c) + 1)/2 ends at the cutoff c with a continuous slope.
    """

    radial: tuple[tuple[float, float], ...]
    """η (Å⁻²) and s (Å) of each G²."""
    angular: tuple[tuple[float, float, float], ...] = ()
    """η (Å⁻²), ζ and λ (1 or −1) of each G⁴."""
    wide: tuple[tuple[float, float, float], ...] = ()
    """The same of each G⁵."""

    def size(self, n_species: int) -> int:
        """Numbers of each atom."""
        n_pairs = n_species * (n_species + 1) // 2
        n_angular = len(self.angular) + len(self.wide)
        return n_species * len(self.radial) + n_pairs * n_angular


def usual_functions(
    cutoff: float, n_radial: int = 8, zetas: tuple[float, ...] = (1.0, 2.0, 4.0, 16.0)
) -> SymmetryFunctions:
    """The usual functions of a cutoff: centered and shifted G², and G⁵ of both signs.

    Half of the radial functions are centered on the atom, of widths from the cutoff to
    a few tenths of an Å in equal ratios; half are shifted to those distances, each as
    wide as the next one is far away.

    Args:
        cutoff: Å.
        n_radial: number of G², even.
        zetas: of the angular functions, each with λ = ±1 and two widths.
    """
    n = max(n_radial // 2, 2)
    ratios = n ** (np.arange(n) / n)
    centered = [((float(x) / cutoff) ** 2, 0.0) for x in ratios]
    places = cutoff / n ** (np.arange(n, -1, -1) / n)
    shifted = [
        (1 / float(far - near) ** 2, float(near)) for near, far in pairwise(places)
    ]
    widths = [(ratios[0] / cutoff) ** 2, (ratios[-1] / cutoff) ** 2]
    wide = [
        (float(eta), float(zeta), sign)
        for eta in widths
        for zeta in zetas
        for sign in (1.0, -1.0)
    ]
    return SymmetryFunctions(tuple(centered + shifted), (), tuple(wide))


def acsf(
    graph: Graph,
    species: tuple[int, ...],
    cutoff: float,
    functions: SymmetryFunctions,
) -> Float[Array, "nodes features"]:
    """Symmetry functions of every atom.

    First the radial functions of each element in turn, then for each pair of elements
    (first ≤ second) G⁴ and G⁵. Work and memory of the angular ones grow with the square
    of the neighbors of an atom.

    Args:
        graph: with edges at the cutoff.
        species: atomic numbers.
        cutoff: Å.
        functions: their parameters.
    """
    vectors = graph.edge_vectors()
    r = safe_norm(vectors)
    ends = _cosine(r, cutoff)
    shares = graph.gather(species_shares(graph, species))
    eta, shift = np.array(functions.radial).reshape(-1, 2).T
    radial = jnp.exp(-eta * (r[:, None] - shift) ** 2) * ends[:, None]
    sums = graph.scatter(shares[:, :, None] * radial[:, None, :])
    parts = [sums.reshape(graph.n_nodes, -1)]
    if functions.angular or functions.wide:
        parts.append(_angular(graph, vectors, r, ends, shares, cutoff, functions))
    return jnp.concatenate(parts, axis=1)


def _angular(
    graph: Graph,
    vectors: Array,
    r: Array,
    ends: Array,
    shares: Array,
    cutoff: float,
    functions: SymmetryFunctions,
) -> Float[Array, "nodes features"]:
    """G⁴ and G⁵ of every atom, by pair of elements."""
    corners = triplets(graph)
    (u, v), (a, b), (f, g) = map(corners.pair, (vectors, r, ends))
    cosine = jnp.sum(u * v, axis=-1) / jnp.maximum(a * b, 1e-12)
    opposite = safe_norm(u - v)
    values = []
    for rows, third in ((functions.angular, True), (functions.wide, False)):
        if not rows:
            continue
        eta, zeta, sign = np.array(rows).T
        squares = a**2 + b**2 + (opposite**2 if third else 0.0)
        weight = f * g * (_cosine(opposite, cutoff) if third else 1.0)
        # Round-off may take 1 + λ cos θ below 0, where powers are no numbers.
        angle = jnp.maximum(1 + sign * cosine[:, None], 0.0)
        value = 2 ** (1 - zeta) * _power(angle, zeta)
        values.append(value * jnp.exp(-eta * squares[:, None]) * weight[:, None])
    both = jnp.concatenate(values, axis=1)
    one, other = corners.pair(shares)
    n_species = shares.shape[1]
    sums = []
    for i, j in combinations_with_replacement(range(n_species), 2):
        chosen = one[:, i] * other[:, j]
        if i != j:
            chosen = chosen + one[:, j] * other[:, i]
        sums.append(corners.scatter(chosen[:, None] * both))
    return jnp.concatenate(sums, axis=1)


def _power(base: Array, exponents: np.ndarray) -> Array:
    """Powers whose derivatives are numbers at 0, where exponents are 1 or more."""
    whole = np.all(exponents == np.round(exponents))
    if whole:
        columns = [base[:, k] ** int(n) for k, n in enumerate(exponents)]
        return jnp.stack(columns, axis=1)
    positive = base > 0
    return jnp.where(positive, jnp.where(positive, base, 1.0) ** exponents, 0.0)


def _cosine(r: Float[Array, "..."], cutoff: float) -> Float[Array, "..."]:
    """1 at r = 0, and 0 from the cutoff on, with a continuous slope."""
    return jnp.where(r < cutoff, (jnp.cos(jnp.pi * r / cutoff) + 1) / 2, 0.0)
