"""Pair potentials: Lennard-Jones, Morse and springs, smooth at their cutoff.

They are cheap, analytic and exact, which makes them the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.numerics import safe_norm


class LennardJones(nn.Module):
    """E = Σ_pairs 4ε[(σ/r)¹² − (σ/r)⁶], switched off between onset and cutoff.

    Source: J. E. Jones, Proc. R. Soc. A 106, 463 (1924). The defaults are argon's
    (Rahman, Phys. Rev. 136, A405 (1964)).
    """

    species: tuple[int, ...] = (18,)
    epsilon: float = 0.010323
    sigma: float = 3.405
    onset: float = 7.0
    cutoff: float = 8.5

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        epsilon = _scalar(self, "epsilon", self.epsilon)
        sigma = _scalar(self, "sigma", self.sigma)

        def pair_energy(r: Array) -> Array:
            s6 = (sigma / r) ** 6
            return 4 * epsilon * (s6 * s6 - s6)

        return _half_sum(graph, pair_energy, self.onset, self.cutoff)


class Morse(nn.Module):
    """E = Σ_pairs D[(1 − exp(−a(r − r₀)))² − 1], switched off from onset to cutoff.

    Source: P. M. Morse, Phys. Rev. 34, 57 (1929). The defaults are copper's
    (Girifalco and Weizer, Phys. Rev. 114, 687 (1959)).
    """

    species: tuple[int, ...] = (29,)
    depth: float = 0.3429
    width: float = 1.3588
    distance: float = 2.866
    onset: float = 7.0
    cutoff: float = 8.5

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        depth = _scalar(self, "depth", self.depth)
        width = _scalar(self, "width", self.width)
        distance = _scalar(self, "distance", self.distance)

        def pair_energy(r: Array) -> Array:
            return depth * ((1 - jnp.exp(-width * (r - distance))) ** 2 - 1)

        return _half_sum(graph, pair_energy, self.onset, self.cutoff)


class Springs(nn.Module):
    """E = Σ_pairs ½k(r − r₀)², switched off between onset and cutoff.

    In a lattice whose neighbors all lie at r₀ below the onset its phonons are those of
    textbooks (Born and Huang, Dynamical Theory of Crystal Lattices, 1954).
    """

    species: tuple[int, ...]
    stiffness: float
    distance: float
    onset: float
    cutoff: float

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        stiffness = _scalar(self, "stiffness", self.stiffness)
        distance = _scalar(self, "distance", self.distance)

        def pair_energy(r: Array) -> Array:
            return stiffness * (r - distance) ** 2 / 2

        return _half_sum(graph, pair_energy, self.onset, self.cutoff)


def _half_sum(
    graph: Graph,
    pair_energy: Callable[[Array], Array],
    onset: float,
    cutoff: float,
) -> Float[Array, "nodes"]:
    """Switched pair energies, half of each given to either atom."""
    r = safe_norm(graph.edge_vectors())
    return graph.scatter(_switch(r, onset, cutoff) * pair_energy(r)) / 2


def _switch(
    r: Float[Array, "edges"], onset: float, cutoff: float
) -> Float[Array, "edges"]:
    """1 below the onset, 0 above the cutoff, two continuous derivatives between."""
    t = jnp.clip((r - onset) / (cutoff - onset), 0, 1)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


def _scalar(module: nn.Module, name: str, value: float) -> Float[Array, ""]:
    return module.param(name, lambda _: jnp.asarray(value))
