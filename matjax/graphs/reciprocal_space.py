"""Messages through reciprocal space: structure factors, filters and waves.

With k = 2π n·B over integer triples n, B the reciprocal vectors without 2π,

    S_k = Σ_j h_j exp(−ik·r_j),    M_i = Re Σ_k f(k) S_k exp(+ik·r_i).

A displacement with wave vector q leaves S_k alone and makes amplitudes at k + q and
−k + q instead. Inside, a structure factor is the pair C_k = Σ h cos k·r and
D_k = Σ h sin k·r, whose tangents hold both amplitudes, T± = C ∓ iD. The rules follow:

    sums      δ(h exp(−iq·r) cos k·r) and the like, with q·r as k·r for q: all
              derivatives of h and r taken of the product
    waves     the same with exp(+iq·r)
    filters   T± ← f(±k + q) T±

(for Ewald message passing see Kosmala et al., ICML 2023, arXiv 2303.04791, which has no
displacements at q). q counts modulo reciprocal lattice vectors, as the nearest to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Complex, Float, Int
from matjax.crystals import inverse
from matjax.graphs import bloch

if TYPE_CHECKING:
    from matjax.graphs.graph import Graph

Function = Callable[[Float[Array, "graphs k 3"]], Float[Array, "graphs k *features"]]
"""Function of wave vectors, 1/Å with 2π; even, real."""


class _Waves(NamedTuple):
    """Wave vectors and where the nodes are."""

    k: Array
    """(graphs, k, 3), 1/Å."""
    q: Array
    """(graphs, 3), 1/Å; zero if no response is computed."""
    node_graph: Array

    def angles(self, x: Array) -> Array:
        """k·r of each node, (nodes, k)."""
        return jnp.einsum("nkx,nx->nk", self.k[self.node_graph], x, precision="highest")

    def phases(self, x: Array) -> Array:
        """q·r of each node, (nodes,)."""
        return jnp.einsum("nx,nx->n", self.q[self.node_graph], x, precision="highest")


def integer_wave_vectors(reach: tuple[int, int, int]) -> Int[np.ndarray, "k 3"]:
    """All integer triples up to these, each with its opposite.

    >>> len(integer_wave_vectors((1, 1, 1)))
    27
    """
    steps = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)


def structure_factors(
    graph: Graph, values: Float[Array, "nodes *features"], k: Int[Array, "k 3"]
) -> Complex[Array, "graphs k *features"]:
    """S_k = Σ_j h_j exp(−ik·r_j) over the atoms of each graph.

    Args:
        graph: of one or more crystals.
        values: h of each node.
        k: integer coordinates in the reciprocal vectors of each crystal's own cell.
    """
    waves, (flat, shape) = _waves(graph, k), _flat(values)
    flat = jnp.where(graph.node_mask[:, None], flat, 0)
    if graph.q is not None:
        flat = bloch.tie(flat, graph.positions)
    sums = _sum_waves if graph.q is None else _sums
    cos, sin = _split_last(sums(flat, graph.positions, waves))
    return jax.lax.complex(cos, -sin).reshape(*cos.shape[:2], *shape)


def from_structure_factors(
    graph: Graph, factors: Complex[Array, "graphs k *features"], k: Int[Array, "k 3"]
) -> Float[Array, "nodes *features"]:
    """M_i = Re Σ_k S_k exp(+ik·r_i); 0 for padding.

    The transpose of :func:`structure_factors`. k must hold −k with each k.
    """
    waves, shape = _waves(graph, k), factors.shape[2:]
    pair = _pair(factors.reshape(*factors.shape[:2], -1))
    if graph.q is not None:
        pair = bloch.tie(pair, graph.positions)
    x = graph.positions
    plain = graph.q is None
    sums = _wave_sum(pair, waves.angles(x), waves) if plain else _field(pair, x, waves)
    return jnp.where(graph.node_mask[:, None], sums, 0).reshape(-1, *shape)


def filtered(
    graph: Graph,
    factors: Complex[Array, "graphs k *features"],
    k: Int[Array, "k 3"],
    function: Function,
) -> Complex[Array, "graphs k *features"]:
    """f(k) S_k: the one thing that may be done to structure factors on their way back.

    A response at q needs f at k + q: what it does there decides how far k must reach.

    Args:
        graph: that the factors are of.
        factors: S_k.
        k: their integer coordinates.
        function: f, even; its features are those of the factors, or broadcast.
    """
    waves = _waves(graph, k)
    at_k = _features_last(function(waves.k), factors)
    pair = _pair(factors.reshape(*factors.shape[:2], -1))
    if graph.q is None:
        pair = at_k * pair
    else:
        ahead, behind = (
            _features_last(function(waves.k + sign * waves.q[:, None]), factors)
            for sign in (1, -1)
        )
        pair = bloch.tie(pair, graph.positions)
        pair = _filter(pair, at_k, (ahead + behind) / 2, (ahead - behind) / 2)
    cos, sin = _split_last(pair)
    return jax.lax.complex(cos, -sin).reshape(factors.shape)


def _waves(graph: Graph, k: Int[Array, "k 3"]) -> _Waves:
    # Rows of the reciprocal cell are columns of the inverse; padding has no cell.
    eye = jnp.eye(3, dtype=graph.cell.dtype)
    cell = jnp.where(graph.graph_mask[:, None, None], graph.cell, eye)
    vectors = 2 * jnp.pi * jnp.swapaxes(jax.vmap(inverse)(cell), -1, -2)
    integers = jnp.asarray(k, dtype=graph.cell.dtype)
    at = jnp.einsum("ki,gij->gkj", integers, vectors, precision="highest")
    q = jnp.zeros(3, at.dtype) if graph.q is None else graph.q - jnp.rint(graph.q)
    q = jnp.einsum("i,gij->gj", q.astype(at.dtype), vectors, precision="highest")
    return _Waves(at, q, graph.node_graph)


def _flat(values: Array) -> tuple[Array, tuple[int, ...]]:
    return values.reshape(len(values), -1), values.shape[1:]


def _pair(factors: Array) -> Array:
    """(…, 2): sums with cosines and with sines."""
    return jnp.stack([jnp.real(factors), -jnp.imag(factors)], axis=-1)


def _split_last(pair: Array) -> tuple[Array, Array]:
    return pair[..., 0], pair[..., 1]


def _features_last(values: Array, factors: Array) -> Array:
    """Values of f at each k, (graphs, k, features or 1, 1)."""
    values = jnp.asarray(values)
    if values.ndim == 2:
        return values[..., None, None]
    whole = jnp.broadcast_to(values, (*values.shape[:2], *factors.shape[2:]))
    return whole.reshape(*values.shape[:2], -1, 1)


# Sums over nodes: (nodes, f) -> (graphs, k, f, 2).


def _sum_waves(h: Array, x: Array, waves: _Waves) -> Array:
    angles = waves.angles(x)
    turns = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    terms = jnp.einsum("nf,nkz->nkfz", h, turns)
    return bloch.sum_at(terms, waves.node_graph, len(waves.k))


@jax.custom_vjp
def _sums(h: Array, x: Array, waves: _Waves) -> Array:
    return _sums_at(h, x, waves)


def _sums_fwd(h: Array, x: Array, waves: _Waves) -> tuple:
    return _sums_at(h, x, waves), (h, x, waves)


def _sums_bwd(residuals: tuple, cotangents: Array) -> tuple:
    h, x, waves = residuals
    pair = bloch.tie(cotangents, x)
    slope = _slope(pair, x, waves)
    return _field_at(pair, x, waves), jnp.einsum("nf,nxf->nx", h, slope), None


_sums.defvjp(_sums_fwd, _sums_bwd)


@jax.custom_jvp
def _sums_at(h: Array, x: Array, waves: _Waves) -> Array:
    return _sum_waves(h, x, waves)


@_sums_at.defjvp
def _sums_at_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (h, x, waves), (dh, u, _) = primals, tangents
    angles, phases = waves.angles(x), waves.phases(x)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    k = waves.k[waves.node_graph]
    along_k = jnp.einsum("nkx,nx->nk", k, u)
    along_q = jnp.einsum("nx,nx->n", waves.q[waves.node_graph], u)
    moved = bloch.rotated(dh - h * bloch.times_i(along_q)[:, None], -phases)
    pushed = bloch.rotated(h[:, None, :] * along_k[:, :, None], -phases)
    terms = jnp.stack(
        [
            cos[:, :, None] * moved[:, None] - sin[:, :, None] * pushed,
            sin[:, :, None] * moved[:, None] + cos[:, :, None] * pushed,
        ],
        axis=-1,
    )
    tangent = bloch.sum_at(terms, waves.node_graph, len(waves.k))
    return _sums_at(h, x, waves), tangent


# Waves at nodes: (graphs, k, f, 2) -> (nodes, f).


@jax.custom_vjp
def _field(pair: Array, x: Array, waves: _Waves) -> Array:
    return _field_at(pair, x, waves)


def _field_fwd(pair: Array, x: Array, waves: _Waves) -> tuple:
    return _field_at(pair, x, waves), (pair, x, waves)


def _field_bwd(residuals: tuple, cotangents: Array) -> tuple:
    pair, x, waves = residuals
    m = bloch.tie(cotangents, x)
    slope = _slope(pair, x, waves)
    return _sums_at(m, x, waves), jnp.einsum("nf,nxf->nx", m, slope), None


_field.defvjp(_field_fwd, _field_bwd)


@jax.custom_jvp
def _field_at(pair: Array, x: Array, waves: _Waves) -> Array:
    return _wave_sum(pair, waves.angles(x), waves)


@_field_at.defjvp
def _field_at_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (pair, x, waves), (dpair, u, _) = primals, tangents
    arrived = _wave_sum(dpair, waves.angles(x), waves)
    moved = jnp.einsum("nxf,nx->nf", _slope(pair, x, waves), u)
    return _field_at(pair, x, waves), bloch.rotated(arrived, waves.phases(x)) + moved


@jax.custom_jvp
def _slope(pair: Array, x: Array, waves: _Waves) -> Array:
    """Gradient of the field at the nodes, (nodes, 3, f)."""
    cos, sin = _split_last(pair)
    quarter = jnp.stack([sin, -cos], axis=-1)  # k sin -> d/dx cos, and so on
    k = waves.k[waves.node_graph]
    return _wave_sum(quarter, waves.angles(x), waves, k)


@_slope.defjvp
def _slope_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (pair, x, waves), (dpair, u, _) = primals, tangents
    angles, phases = waves.angles(x), waves.phases(x)
    k, q = waves.k[waves.node_graph], waves.q[waves.node_graph]
    cos, sin = _split_last(dpair)
    own = _wave_sum(jnp.stack([sin, -cos], axis=-1), angles, waves, k)
    tilted = bloch.times_i(_wave_sum(dpair, angles, waves))
    arrived = bloch.rotated(own + q[:, :, None] * tilted[:, None], phases)
    along = jnp.einsum("nkx,nx->nk", k, u)
    curved = _wave_sum(pair, angles, waves, -k * along[:, :, None])
    return _slope(pair, x, waves), arrived + curved


def _wave_sum(
    pair: Array, angles: Array, waves: _Waves, factors: Array | None = None
) -> Array:
    """Σ_k (C cos k·r + D sin k·r) at the nodes, times (nodes, k, 3) if given."""
    here = pair[waves.node_graph]
    turns = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    if factors is None:
        return jnp.einsum("nkfz,nkz->nf", here, turns)
    return jnp.einsum("nkfz,nkz,nkx->nxf", here, turns, factors)


# Filters: (graphs, k, f, 2) -> the same.


@jax.custom_vjp
def _filter(pair: Array, at_k: Array, mean: Array, half: Array) -> Array:
    return _filter_at(pair, at_k, mean, half)


def _filter_fwd(pair: Array, at_k: Array, mean: Array, half: Array) -> tuple:
    return _filter_at(pair, at_k, mean, half), (pair, at_k, mean, half)


def _filter_bwd(residuals: tuple, cotangents: Array) -> tuple:
    pair, *factors = residuals
    return _filter_at(bloch.tie(cotangents, pair), *factors), None, None, None


_filter.defvjp(_filter_fwd, _filter_bwd)


@jax.custom_jvp
def _filter_at(pair: Array, at_k: Array, mean: Array, half: Array) -> Array:
    del mean, half
    return at_k * pair


@_filter_at.defjvp
def _filter_at_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    pair, at_k, mean, half = primals
    tangent = tangents[0]
    cos, sin = _split_last(bloch.times_i(tangent))
    crossed = jnp.stack([-sin, cos], axis=-1)
    return at_k * pair, mean * tangent + half * crossed
