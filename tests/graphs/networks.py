"""Two crystals, and networks that use one operator of the graph each."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal
from matjax.force_constants import force_constants
from matjax.graphs import (
    build_graph,
    gather_reverse,
    integer_wave_vectors,
    reverse,
    triplets,
    within,
)
from matjax.numerics import safe_norm
from matjax.predictors import Potential

CUTOFF = 3.3


SPECIES = (8, 14)


def crystal():
    """Two atoms of different kind in a triclinic cell smaller than the cutoff."""
    return Crystal.create(
        [14, 8],
        [[3.0, 0.2, 0.1], [-1.0, 2.9, 0.4], [0.3, 0.8, 3.2]],
        fractional=[[0.05, 0.1, 0.2], [0.6, 0.45, 0.7]],
    )


def other():
    return Crystal.create(
        [14, 14, 8],
        [[3.4, 0.1, 0.0], [0.4, 3.6, 0.2], [0.0, -0.3, 3.5]],
        fractional=[[0.0, 0.1, 0.2], [0.55, 0.5, 0.05], [0.4, 0.1, 0.6]],
    )


def smooth(r, cutoff=CUTOFF):
    """(1 − (r/c)²)⁴ within the cutoff: three derivatives are continuous."""
    return jnp.where(r < cutoff, 1 - (r / cutoff) ** 2, 0) ** 4


class Base(nn.Module):
    """A pair of features for each atom from its neighbors, to build upon."""

    cutoff: float = CUTOFF
    species: tuple[int, ...] = SPECIES

    def features(self, graph):
        r = safe_norm(graph.edge_vectors())
        scale = self.param("scale", nn.initializers.ones, ())
        z = 1 + 0.1 * scale * jnp.asarray(graph.numbers, r.dtype)
        edge = smooth(r)[:, None] * jnp.stack([jnp.cos(r), jnp.sin(2 * r)], axis=1)
        edge = edge * graph.gather(z)[:, None]
        return r, edge, jnp.tanh(z[:, None] * graph.scatter(edge))


class FedBack(Base):
    """A global state, read by the atoms and read out."""

    @nn.compact
    def __call__(self, graph):
        r, _, h = self.features(graph)
        state = graph.pool(h * h)
        h = jnp.tanh(h + graph.per_node(jnp.sin(3 * state)))
        shares = graph.node_softmax(h)
        weighted = graph.pool(shares * jnp.sin(h)) / graph.pool(shares)
        energy = graph.scatter(smooth(r)[:, None] * graph.gather(h))
        return jnp.sum(energy + graph.per_node(weighted) * h, axis=-1)


class Attention(Base):
    """Messages weighted by shares over the neighbors."""

    @nn.compact
    def __call__(self, graph):
        r, _, h = self.features(graph)
        logits = (
            graph.gather(h) * graph.spread(h[:, ::-1])
            + jnp.log(smooth(r) + 1e-3)[:, None]
        )
        h = h + graph.scatter(graph.softmax(logits) * graph.gather(jnp.sin(h)))
        return (h**2).sum(-1)


class LineGraph(Base):
    """Messages between edges that meet at either end."""

    @nn.compact
    def __call__(self, graph):
        short = within(graph, 3.0)
        vectors = short.graph.edge_vectors()
        r = safe_norm(vectors)
        corners, back = triplets(short.graph), reverse(short.graph)
        bond = smooth(r, 3.0)
        scale = self.param("scale", nn.initializers.ones, ())
        z = 1 + 0.1 * scale * jnp.asarray(graph.numbers, r.dtype)
        edge = bond * short.graph.gather(z)
        for _ in range(2):
            (a, b), (ra, rb) = corners.pair(vectors), corners.pair(r)
            cosine = jnp.sum(a * b, axis=-1) / (ra * rb)
            ea, eb = corners.pair(edge)
            ca, cb = corners.pair(bond)
            angle = ca * cb * jnp.cos(cosine + 1)
            met = corners.to_edges(angle * jnp.sin(eb), angle * jnp.sin(ea))
            edge = edge + bond * jnp.tanh(met)
            edge = edge + 0.5 * bond * gather_reverse(short.graph, back, edge)
        return short.graph.scatter(jnp.tanh(edge)) ** 2


class Ewald(Base):
    """Charges that depend on the surroundings, coupled through reciprocal space."""

    k_max: float = 2.2
    """1/Å."""
    reach: int = 6

    @nn.compact
    def __call__(self, graph):
        _, _, h = self.features(graph)
        k = integer_wave_vectors((self.reach,) * 3)

        def coulomb(at):
            squared = jnp.sum(at * at, axis=-1)
            inside = squared < self.k_max**2
            envelope = jnp.where(inside, 1 - squared / self.k_max**2, 0) ** 4
            return envelope / (squared + 0.3)

        volume = graph.volume[:, None, None]
        factors = graph.structure_factors(h, k) / volume
        field = graph.from_structure_factors(graph.filtered(factors, k, coulomb), k)
        h = jnp.tanh(h + field)
        factors = graph.structure_factors(h, k) / volume
        field = graph.from_structure_factors(graph.filtered(factors, k, coulomb), k)
        return (h * field).sum(-1)


def response_at(q, model):
    potential = Potential.create(model).astype(jnp.float64)
    return force_constants(potential, potential.graph(crystal(), n_nodes=2), q)


def batch(**sizes):
    return build_graph([crystal(), other()], CUTOFF, **sizes)


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


MATRIX = [[4, 1, -1], [0, 1, 0], [0, 0, 1]]


class Messages(nn.Module):
    """A small message-passing network: two layers, so that it sees past its cutoff."""

    cutoff: float = CUTOFF
    species: tuple[int, ...] = (8, 14)

    @nn.compact
    def __call__(self, graph):
        channels = jnp.arange(1.0, 4.0)
        vectors = graph.edge_vectors()
        r = safe_norm(vectors)[:, None]
        envelope = jnp.where(r < self.cutoff, 1 - (r / self.cutoff) ** 2, 0) ** 3
        radial = envelope * jnp.cos(channels * r)
        h = jnp.log(jnp.maximum(graph.numbers, 1.0))[:, None] * channels / 3
        for layer in range(2):
            weights = self.param(
                f"weights_{layer}", nn.initializers.normal(0.5), (3, 3)
            )
            messages = radial * graph.gather(h)
            # a vector channel: sees directions, not distances alone
            flow = graph.scatter(messages[:, :, None] * vectors[:, None, :])
            scalars = graph.scatter(messages) + jnp.sum(flow**2, axis=-1)
            h = h + jnp.tanh(scalars @ weights)
        return jnp.sum(h**2, axis=1)


def graph_of(crystal, **sizes):
    return build_graph(crystal, CUTOFF, **sizes)
