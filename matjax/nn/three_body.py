"""Messages along edges that know the other edges of their atom, and their angles.

M3GNet's exchange between atoms, edges and triples, which its potential and its
property network share. Source: Chen and Ong, Nat. Comput. Sci. 2, 718 (2022).
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph, Reverse, gather_reverse, reverse
from matjax.nn.e3nn import e3nn
from matjax.nn.embedding import embedded_species
from matjax.nn.perceptron import GatedPerceptron
from matjax.nn.radial import polynomial_envelope
from matjax.nn.spherical_bessel import smooth_bessel_basis, spherical_bessel_basis
from matjax.numerics import safe_norm

ENVELOPE = 3.0
"""Power of the polynomial that ends three-body terms."""


@runtime_checkable
class ThreeBodySettings(Protocol):
    """Attributes of a network that its exchanges read."""

    species: tuple[int, ...]
    cutoff: float
    three_body_cutoff: float
    features: int
    units: int
    layers: int
    degrees: int
    basis: int
    smooth: bool


class ThreeBodyEdges(NamedTuple):
    """What messages see of the edges."""

    radial: Float[Array, "edges basis"]
    """Radial functions that weigh the messages."""
    waves: Float[Array, "edges degrees basis"]
    """Those of the third atom, with the norms of the harmonics."""
    harmonics: Float[Array, "edges components"]
    """Y_lm of the directions, with Σ_m Y_lm(a) Y_lm(b) = P_l(a·b)."""
    near: Float[Array, "edges 1"]
    """Envelope of the three-body terms."""
    back: Reverse


def three_body_features(
    graph: Graph, config: ThreeBodySettings
) -> Float[Array, "nodes features"]:
    """Features of the atoms after the exchanges of a network.

    | equation                                                    | code             |
    |-------------------------------------------------------------|------------------|
    | v_i = embedding of the element                              | ``embedding``    |
    | e_ij = g(W u(r_ij) + b)                                     | ``bond``         |
    | ẽ_ij = Σ_k≠j f(r_ij) f(r_ik) j_l(z_ln r_ik/c) Y_l0(θ_jik)   | ``triples``      |
    |        ⊙ σ(W v_k + b)                                       |                  |
    | e_ij ← e_ij + g(W₁ ẽ_ij) ⊙ σ(W₂ ẽ_ij)                       | ``from_triples`` |
    | e_ij ← e_ij + φ_e(v_i ⊕ v_j ⊕ e_ij) ⊙ W_e u(r_ij)           | ``to_edges``     |
    | v_j ← v_j + Σ_i φ_v(v_i ⊕ v_j ⊕ e_ij) ⊙ W_v u(r_ij)         | ``to_atoms``     |

    g is silu, σ the logistic function, φ gated perceptrons, f an envelope that ends at
    the three-body cutoff, u the radial functions, l < ``degrees``, n ≤ ``basis``.
    Equations 2 to 5 of the paper, but for the last sum: as in the published code and
    weights it is over the edges whose triples meet at the *other* atom.

    Triples are not listed. Y_l0(θ_jik) is a sum over m of Y_lm(ij) Y_lm(ik), so that
    one sum over the neighbors k, less the term of j itself, serves all edges of an
    atom: work and memory are those of the edges, and no list changes with the cutoff.

    Makes Flax submodules where it is called, in a compact method.
    """
    edges = three_body_edges(graph, config)
    v = embedded_species(graph, config.species, config.features, name="embedding")
    e = jax.nn.silu(nn.Dense(config.features, name="bond")(edges.radial))
    for i in range(config.layers):
        e, v = Exchange(config.features, config.units, name=f"layer_{i}")(
            graph, v, e, edges
        )
    return v


def three_body_edges(graph: Graph, config: ThreeBodySettings) -> ThreeBodyEdges:
    """Radial and angular functions of a graph's edges."""
    vectors = graph.edge_vectors()
    r = safe_norm(vectors)
    shape = (config.degrees, config.basis)
    if config.smooth:
        waves = smooth_bessel_basis(r, config.degrees * config.basis, config.cutoff)
        radial = waves[:, : config.basis]
    else:
        radial = spherical_bessel_basis(r, *shape, config.cutoff)
        waves = radial
    norms = np.sqrt((2 * np.arange(config.degrees) + 1) / (4 * np.pi))
    harmonics = e3nn.spherical_harmonics(
        e3nn.s2_irreps(config.degrees - 1),
        vectors,
        normalize=True,
        normalization="norm",
    )
    return ThreeBodyEdges(
        radial=radial,
        waves=waves.reshape(-1, *shape) * jnp.asarray(norms, r.dtype)[:, None],
        harmonics=harmonics.array,
        near=polynomial_envelope(r, config.three_body_cutoff, ENVELOPE)[:, None],
        back=reverse(graph),
    )


class Exchange(nn.Module):
    """One exchange: triples to edges, atoms to edges, edges to atoms."""

    features: int
    units: int

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        edges: ThreeBodyEdges,
    ) -> tuple[Float[Array, "edges features"], Float[Array, "nodes features"]]:
        """Features of edges and atoms after it."""
        n_waves = edges.waves.shape[1] * edges.waves.shape[2]
        shares = jax.nn.sigmoid(nn.Dense(n_waves, name="third")(v))
        from_triples = GatedPerceptron(
            (self.features,), use_bias=False, name="from_triples"
        )
        e = e + from_triples(triples(graph, shares, edges))
        to_edges = EdgeMessages(self.features, self.units, name="to_edges")
        e = e + to_edges(graph, v, e, edges.radial)
        to_atoms = EdgeMessages(self.features, self.units, name="to_atoms")
        messages = to_atoms(graph, v, e, edges.radial)
        v = v + graph.scatter(gather_reverse(graph, edges.back, messages))
        return e, v


class EdgeMessages(nn.Module):
    """A gated perceptron of both atoms and the edge, weighed by radial functions."""

    features: int
    units: int

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        radial: Float[Array, "edges basis"],
    ) -> Float[Array, "edges features"]:
        """Messages of the edges, seen from their centers."""
        n = 2 * self.units  # the first layers of both perceptrons, beside one another
        # The maps of v act on atoms, of which there are fewer than edges.
        x = (
            graph.spread(nn.Dense(n, name="center")(v))
            + graph.gather(nn.Dense(n, use_bias=False, name="neighbor")(v))
            + nn.Dense(n, use_bias=False, name="bond")(e)
        )
        core, gate = jnp.split(jax.nn.silu(x), 2, axis=-1)
        update = GatedPerceptron((self.units, self.features), name="update")(core, gate)
        weight = nn.Dense(self.features, use_bias=False, name="radial")(radial)
        return update * weight


def triples(
    graph: Graph, shares: Float[Array, "nodes waves"], edges: ThreeBodyEdges
) -> Float[Array, "edges waves"]:
    """Sum over the other edges of the center, for each edge.

    Args:
        graph: whose edges meet at their receivers.
        shares: by which waves of an atom count, as a third one.
        edges: of the graph.
    """
    waves = edges.waves * edges.near[:, :, None]
    waves = waves * graph.gather(shares).reshape(waves.shape)
    sums = []
    for degree in range(waves.shape[1]):
        y = edges.harmonics[:, degree**2 : (degree + 1) ** 2]
        own = waves[:, degree]
        all_of_them = graph.scatter(own[:, :, None] * y[:, None, :])
        turned = jnp.sum(graph.spread(all_of_them) * y[:, None, :], axis=-1)
        sums.append(turned - own)  # P_l(1) = 1
    return edges.near * jnp.concatenate(sums, axis=-1)
