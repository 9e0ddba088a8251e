"""ALIGNN: gated exchanges between atoms, and between bonds that meet at an atom.

Source: K. Choudhary and B. DeCost, npj Comput. Mater. 7, 185 (2021); what the paper
leaves open as in the published code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph, Triplets, neighbor_weights, triplets
from matjax.nn import embedded_species, property_readout, spaced_gaussians
from matjax.numerics import safe_norm

SMALL = 1e-6
"""Added to the sums of gates, by which messages are divided."""
SHORTEST = 1e-6
"""Å, below which a bond has no direction."""


class Exchanges(NamedTuple):
    """What exchanges are made of: those of atoms along bonds, or of bonds at angles."""

    spread: Callable[[Array], Array]
    """Values of what receives."""
    gather: Callable[[Array], Array]
    """Values of what sends."""
    scatter: Callable[[Array], Array]
    """Sum at what receives."""
    weights: Array
    """What each exchange counts, (exchanges, 1)."""


class ALIGNN(nn.Module):
    """Properties of crystals from their atoms, bonds and bond angles.

    | equation                                                     | code            |
    |--------------------------------------------------------------|-----------------|
    | x, y, z of atoms, bonds, angles: perceptrons of the element,  | ``embedded``    |
    | of Gaussians of the length, of Gaussians of the cosine       |                 |
    | m_ij = A x_i + B x_j + C y_ij                                | ``EdgeGated``   |
    | x_i ← x_i + silu(N(D x_i + Σ_j σ(m_ij) ⊙ E x_j / Σ_j σ(m_ij))) | ``EdgeGated`` |
    | y_ij ← y_ij + silu(N(m_ij))                                  | ``EdgeGated``   |
    | the same on bonds y and angles z, then on atoms and bonds    | Eqs. 5 and 6    |
    | y = readout of the mean over atoms                           | ``nn.readout``  |

    N is layer normalization, as in the code's later versions. Bonds lead to the
    nearest neighbors, each with its share in the places of its atom
    (:func:`matjax.graphs.shell_weights`). A bond learns of the angles at the atom that
    receives along it; in the published code of those at the other one, where the same
    angles reach the two atoms of a bond in exchanged order. Angles of a bond with
    itself are left out.

    The published network has 256 features, and 80 and 40 Gaussians.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        n_nearest: places for neighbors of each atom.
        features: of each atom, bond and angle.
        layers: exchanges between bonds, each followed by one between atoms.
        atom_layers: further exchanges between atoms.
        basis: Gaussians of a length.
        angles: Gaussians of a cosine.
        embedding: hidden features of bonds and angles.
        head: widths of the hidden layers after the mean over atoms.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 8.0
    n_nearest: int | None = 12
    features: int = 64
    layers: int = 4
    atom_layers: int = 4
    basis: int = 80
    angles: int = 40
    embedding: int = 64
    head: tuple[int, ...] = ()
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        vectors = graph.edge_vectors()
        r = safe_norm(vectors)
        weights = neighbor_weights(graph, r, self.n_nearest)
        pairs = triplets(graph)
        lengths = spaced_gaussians(r, 0.0, self.cutoff, self.basis)
        cosines = spaced_gaussians(_cosines(pairs, vectors, r), -1.0, 1.0, self.angles)
        x = embedded_species(graph, self.species, self.features, name="atoms")
        y = self._embedded(lengths, "bond")
        z = self._embedded(cosines, "angle")
        z = jnp.concatenate([z, z])  # one of each of the two bonds
        of_atoms = Exchanges(graph.spread, graph.gather, graph.scatter, weights)
        of_bonds = _between_bonds(pairs, weights)
        for i in range(self.layers):
            y, z = EdgeGated(name=f"bonds_{i}")(of_bonds, y, z)
            x, y = EdgeGated(name=f"atoms_{i}")(of_atoms, x, y)
        for i in range(self.layers, self.layers + self.atom_layers):
            x, y = EdgeGated(name=f"atoms_{i}")(of_atoms, x, y)
        return property_readout(self, graph.pool(x), nn.silu)

    def _embedded(
        self, basis: Float[Array, "rows basis"], name: str
    ) -> Float[Array, "rows features"]:
        for i, width in enumerate((self.embedding, self.features)):
            basis = nn.Dense(width, name=f"{name}_{i}")(basis)
            basis = nn.silu(nn.LayerNorm(name=f"{name}_norm_{i}")(basis))
        return basis


class EdgeGated(nn.Module):
    """One exchange, with a residual: of what receives, and of the exchanges."""

    @nn.compact
    def __call__(
        self,
        along: Exchanges,
        x: Float[Array, "rows features"],
        y: Float[Array, "exchanges features"],
    ) -> tuple[Float[Array, "rows features"], Float[Array, "exchanges features"]]:
        """Both after the exchange."""
        n = x.shape[-1]
        gates = (
            along.spread(nn.Dense(n, name="receiver_gate")(x))
            + along.gather(nn.Dense(n, use_bias=False, name="sender_gate")(x))
            + nn.Dense(n, use_bias=False, name="gate")(y)
        )
        shares = along.weights * nn.sigmoid(gates)
        sent = along.gather(nn.Dense(n, use_bias=False, name="sender")(x))
        mean = along.scatter(shares * sent) / (along.scatter(shares) + SMALL)
        own = nn.Dense(n, name="receiver")(x)
        x = x + nn.silu(nn.LayerNorm(name="norm")(own + mean))
        return x, y + nn.silu(nn.LayerNorm(name="gate_norm")(gates))


def _between_bonds(pairs: Triplets, weights: Float[Array, "edges 1"]) -> Exchanges:
    """Exchanges between the bonds of an atom: first the first of a pair receives."""

    def receiving(values: Array) -> Array:
        return jnp.concatenate(pairs.pair(values))

    def sending(values: Array) -> Array:
        first, second = pairs.pair(values)
        return jnp.concatenate([second, first])

    def sums(values: Array) -> Array:
        return pairs.to_edges(*jnp.split(values, 2))

    return Exchanges(receiving, sending, sums, sending(weights))


def _cosines(
    pairs: Triplets, vectors: Float[Array, "edges 3"], r: Float[Array, "edges"]
) -> Float[Array, "triplets"]:
    """Cosine of the angle between the two bonds of each pair."""
    directions = vectors / jnp.maximum(r, SHORTEST)[:, None]
    first, second = pairs.pair(directions)
    return jnp.sum(first * second, axis=-1)
