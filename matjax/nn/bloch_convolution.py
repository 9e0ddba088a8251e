"""The convolution's response at q, by sums over edges that serve all columns.

Between a receiver n and a sender s a primitive cell has many edges, one for each image
of s. What a displacement of the infinite crystal does to the convolution depends on
them only through sums over these images,

    S_ns(q) = Σ_{k: n←s} exp(2πi q·R_k) ∂ᵗ[w(r_k) Y(r̂_k)],    t = 0, 1,

which no displacement enters: they are made once for each q, and every column of the
force constants then costs products over pairs of atoms instead of edges. The rules are
those of :mod:`matjax.crystals.bloch`, taken through the convolution as a whole.

With the messages of an edge bilinear in features h and V = w Y, the convolution
Σ_k B(h_s, V_k) and its pullback (of a cotangent g, to h and positions) are first and
second derivatives of Σ_k g_n · B(h_s, V(x_s − x_n + R_k)); their tangents at q are

    δout_n = Σ_s A_ns δh_s + P_ns u_s − P⁰_n u_n,
    δh̄_s   = Σ_n A*_ns δg_n − Q*_ns u_n + Q⁰_s u_s,
    δx̄_s   = Σ_n P*_ns δg_n − R*_ns u_n + Q⁰_s δh_s + R⁰_s u_s
             − [Σ_s′ Q_ss′ δh_s′ + R_ss′ u_s′ + P⁰_s δg_s − R⁰_s u_s]

with A = ∂m/∂h, P = ∂m/∂r, Q = ∂(g·m)/∂h∂r and R = ∂²(g·m)/∂r² summed with the phases
(superscript 0: without), all contracted as their shapes demand.
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Graph, bloch


class Block(NamedTuple):
    """Weighted harmonics (c, m) of one path."""

    weights: slice
    """Place of its weights (c) among the weights."""
    harmonic: slice
    """Place of its harmonic (m) among the harmonics."""
    place: slice
    """Place of the products (c, m) among all paths'."""


class Coupling(NamedTuple):
    """All paths of one feature irrep: features (c, i), weighted harmonics (c, m)."""

    channels: int
    features: slice
    """Place of its components (c, i) among the features."""
    paths: tuple[int, ...]
    outputs: slice
    """Place of its outputs (c, o), of all its paths."""
    tensor: np.ndarray
    """(i, m, o): Clebsch–Gordan tensors, block diagonal over the paths."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How the paths of a convolution lie in flat arrays; static."""

    couplings: tuple[Coupling, ...]
    blocks: tuple[Block, ...]
    """Of each path."""
    output_index: np.ndarray
    """For each component of the result, its place among the outputs."""
    irreps: e3nn.Irreps
    """Of the result."""


@cache
def layout(features: e3nn.Irreps, harmonics: e3nn.Irreps, paths: tuple) -> Layout:
    """Flat order of the paths: by feature irrep, then channel, then component."""
    blocks, n_w, n_v = [], 0, 0
    for path in paths:
        harmonic = harmonics.slices()[path.harmonic]
        w_end = n_w + path.multiplicity
        v_end = n_v + path.multiplicity * (harmonic.stop - harmonic.start)
        blocks.append(Block(slice(n_w, w_end), harmonic, slice(n_v, v_end)))
        n_w, n_v = w_end, v_end
    couplings, places, n_out = [], {}, 0
    for i, (channels, _) in enumerate(features):
        mine = tuple(p for p, path in enumerate(paths) if path.feature == i)
        if not mine:
            continue
        tensor, ends = _block_diagonal(features, harmonics, [paths[p] for p in mine])
        for p, end in zip(mine, ends, strict=True):
            start = np.arange(channels)[:, None] * ends[-1] + end - paths[p].irrep.dim
            places[p] = n_out + start + np.arange(paths[p].irrep.dim)
        outputs = slice(n_out, n_out + channels * ends[-1])
        couplings.append(
            Coupling(channels, features.slices()[i], mine, outputs, tensor)
        )
        n_out = outputs.stop
    irreps: dict[e3nn.Irrep, int] = {}
    for path in paths:
        irreps[path.irrep] = irreps.get(path.irrep, 0) + path.multiplicity
    return Layout(
        couplings=tuple(couplings),
        blocks=tuple(blocks),
        # Paths are sorted by irrep: their blocks follow each other in the result.
        output_index=np.concatenate([places[p].ravel() for p in range(len(paths))]),
        irreps=e3nn.Irreps([(n, irrep) for irrep, n in irreps.items()]),
    )


def _block_diagonal(
    features: e3nn.Irreps, harmonics: e3nn.Irreps, paths: list
) -> tuple[np.ndarray, np.ndarray]:
    """Clebsch–Gordan tensors of a coupling, and where the outputs of each path end."""
    tensors = []
    for path in paths:
        a, b = features[path.feature].ir, harmonics[path.harmonic].ir
        block = e3nn.clebsch_gordan(a.l, b.l, path.irrep.l)
        tensors.append(np.asarray(block) * np.sqrt(path.irrep.dim))
    m_ends = np.cumsum([t.shape[1] for t in tensors])
    o_ends = np.cumsum([t.shape[2] for t in tensors])
    whole = np.zeros((tensors[0].shape[0], m_ends[-1], o_ends[-1]))
    for t, m, o in zip(tensors, m_ends, o_ends, strict=True):
        whole[:, m - t.shape[1] : m, o - t.shape[2] : o] = t
    return whole, o_ends


class Directions(NamedTuple):
    """Lengths and harmonics of the edges at rest with their derivatives."""

    r: Array
    """(n, k): lengths; receivers by slots lead everywhere."""
    unit: Array
    """(n, k, 3): r / |r|, the first derivative of |r|."""
    curvature: Array
    """(n, k, 3, 3): the second derivative of |r|."""
    y: Array
    """(n, k, h): harmonics."""
    dy: Array
    """(n, k, 3, h)."""
    ddy: Array
    """(n, k, 3, 3, h)."""


def directions(graph: Graph, harmonics: Callable[[Array], Array]) -> Directions:
    """Lengths and harmonics of a graph on which a response is computed."""
    vectors = graph.rest_vectors().reshape(graph.n_nodes, graph.degree, 3)
    r = jnp.sqrt(jnp.sum(vectors * vectors, axis=-1))
    unit = vectors / r[..., None]
    eye = jnp.eye(3, dtype=r.dtype)
    curvature = (eye - unit[..., :, None] * unit[..., None, :]) / r[..., None, None]
    dy, ddy = jax.vmap(
        lambda a: _twice_along(harmonics, vectors, a, eye), out_axes=(-2, -3)
    )(eye)
    return Directions(r, unit, curvature, harmonics(vectors), dy, ddy)


class Geometry(NamedTuple):
    """What the convolution knows of the edges."""

    images: bloch.Images
    v: Array
    """(n, k, 1 + 3, m): weighted harmonics, and their derivatives by r."""
    weights: Array
    """(3, n, k, w): weights and their first two derivatives by |r|."""
    directions: Directions


def geometry(
    graph: Graph, lay: Layout, rest: Directions, weigh: Callable[[Array], Array]
) -> Geometry:
    """Weighted harmonics and their derivatives, from the weights as functions of r."""
    slots = rest.r.shape
    one = jnp.ones_like(rest.r)

    def slope(x: Array) -> tuple[Array, Array]:
        return jax.jvp(weigh, (x,), (one,))

    (w, dw), (_, ddw) = jax.jvp(slope, (rest.r,), (one,))
    mask = graph.edge_mask.reshape(1, *slots, 1)
    weights = jnp.where(mask, jnp.stack([w, dw, ddw]), 0)

    # Of each path: w Y, and its three derivatives w' (r/|r|) Y + w dY.
    y = rest.y[:, :, None]
    y4 = jnp.concatenate([y, rest.dy], axis=2)
    uy = rest.unit[..., None] * y
    uy4 = jnp.concatenate([jnp.zeros_like(y), uy], axis=2)
    v = [
        weights[0][..., None, b.weights, None] * y4[..., None, b.harmonic]
        + weights[1][..., None, b.weights, None] * uy4[..., None, b.harmonic]
        for b in lay.blocks
    ]
    return Geometry(
        images=graph.images(),
        v=_join(v),
        weights=weights,
        directions=rest,
    )


def _twice_along(
    function: Callable[[Array], Array], x: Array, a: Array, others: Array
) -> tuple[Array, Array]:
    """Derivative of a function along a, and its derivatives along others."""

    def first(x: Array) -> Array:
        return jax.jvp(function, (x,), (jnp.broadcast_to(a, x.shape),))[1]

    def second(b: Array) -> Array:
        return jax.jvp(first, (x,), (jnp.broadcast_to(b, x.shape),))[1]

    return first(x), jax.vmap(second, out_axes=-2)(others)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def convolve_at_rest(
    features: Float[Array, "nodes features"],
    positions: Float[Array, "nodes 3"],
    edges: Geometry,
    lay: Layout,
) -> Float[Array, "nodes outputs"]:
    """Convolution whose derivatives by features and positions are those at q."""
    return _forward(features, positions, edges, lay)


def _fwd(h: Array, x: Array, edges: Geometry, lay: Layout) -> tuple:
    return _forward(h, x, edges, lay), (h, x, edges)


def _bwd(lay: Layout, residuals: tuple, g: Array) -> tuple:
    h, x, edges = residuals
    return (*_backward(h, x, g, edges, lay), None)


convolve_at_rest.defvjp(_fwd, _bwd)


def _at_rest(h: Array, edges: Geometry, lay: Layout) -> Array:
    return _apply(lay, _operators_a(lay, edges.images.sums(edges.v)[:, :, 0]), h)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _forward(h: Array, x: Array, edges: Geometry, lay: Layout) -> Array:
    del x
    return _at_rest(h, edges, lay)


@_forward.defjvp
def _forward_jvp(lay: Layout, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (h, _, edges), (dh, u, _) = primals, tangents
    at_0, at_q = edges.images.sums(edges.v), edges.images.sums_at_q(edges.v)
    hc = _features_coupled(lay, h)
    p_0 = _operators_p(lay, at_0, hc).sum(1)
    p = jax.vmap(partial(_operators_p, lay), (0, None))(at_q, hc)
    a = jax.vmap(partial(_operators_a, lay))(at_q[:, :, :, 0])
    moved = jax.vmap(partial(_apply, lay))(a, bloch.turned(dh)).sum(0)
    moved += jnp.einsum("znsaf,zsa->nf", p, bloch.turned(u))
    moved -= jnp.einsum("naf,na->nf", p_0, u)
    # Ordinary operations: derivatives around this one are not responses at q.
    return _at_rest(h, edges, lay), moved


def _pullback_at_rest(
    h: Array, g: Array, edges: Geometry, lay: Layout
) -> tuple[Array, Array]:
    at_0 = edges.images.sums(edges.v)
    p = _operators_p(lay, at_0, _features_coupled(lay, h))
    h_bar = _apply_adjoint(lay, _operators_a(lay, at_0[:, :, 0]), g)
    pull = jnp.einsum("nsaf,nf->nsa", p, g)
    return h_bar, pull.sum(0) - pull.sum(1)


@partial(jax.custom_jvp, nondiff_argnums=(4,))
def _backward(
    h: Array, x: Array, g: Array, edges: Geometry, lay: Layout
) -> tuple[Array, Array]:
    del x
    return _pullback_at_rest(h, g, edges, lay)


@_backward.defjvp
def _backward_jvp(lay: Layout, primals: tuple, tangents: tuple) -> tuple:
    (h, _, g, edges), (dh, u, dg, _) = primals, tangents
    at_0, at_q = edges.images.sums(edges.v), edges.images.sums_at_q(edges.v)
    hc, gc = _features_coupled(lay, h), _cotangents_coupled(lay, g)
    p_0 = _operators_p(lay, at_0, hc).sum(1)
    q_0 = _operators_q(lay, at_0, gc).sum(0)
    p = jax.vmap(partial(_operators_p, lay), (0, None))(at_q, hc)
    q = jax.vmap(partial(_operators_q, lay), (0, None))(at_q, gc)
    a = jax.vmap(partial(_operators_a, lay))(at_q[:, :, :, 0])
    second = _second_derivatives(lay, edges, h, gc)
    r_0, r = edges.images.sums(second), edges.images.sums_at_q(second)

    dh_q, u_q = bloch.turned(dh), bloch.turned(u)
    dg_back, u_back = bloch.turned(dg, -1), bloch.turned(u, -1)
    h_bar = jax.vmap(partial(_apply_adjoint, lay))(a, dg_back).sum(0)
    h_bar += jnp.einsum("saf,sa->sf", q_0, u)
    h_bar -= jnp.einsum("znsaf,zna->sf", q, u_back)
    x_bar = jnp.einsum("znsaf,znf->sa", p, dg_back)
    x_bar += jnp.einsum("saf,sf->sa", q_0, dh)
    x_bar += jnp.einsum("sab,sb->sa", r_0.sum(0) + r_0.sum(1), u)
    x_bar -= jnp.einsum("znsab,znb->sa", r, u_back)
    x_bar -= jnp.einsum("naf,nf->na", p_0, dg)
    x_bar -= jnp.einsum("znsaf,zsf->na", q, dh_q)
    x_bar -= jnp.einsum("znsab,zsb->na", r, u_q)
    return _pullback_at_rest(h, g, edges, lay), (h_bar, x_bar)


def _harmonics(lay: Layout, coupling: Coupling, array: Array) -> Array:
    """(..., c, m) of one coupling, from the products of all paths."""
    blocks = [array[..., lay.blocks[p].place] for p in coupling.paths]
    shape = (*array.shape[:-1], coupling.channels, -1)
    return jnp.concatenate([b.reshape(shape) for b in blocks], axis=-1)


def _split(coupling: Coupling, array: Array, place: slice) -> Array:
    """(..., c, components) of one coupling."""
    return array[..., place].reshape(*array.shape[:-1], coupling.channels, -1)


def _join(blocks: Sequence[Array]) -> Array:
    return jnp.concatenate([b.reshape(*b.shape[:-2], -1) for b in blocks], axis=-1)


def _features_coupled(lay: Layout, h: Array) -> list[Array]:
    """Σ_i h C for each coupling: (s, c, m, o)."""
    return [
        jnp.einsum("sci,imo->scmo", _split(k, h, k.features), k.tensor.astype(h.dtype))
        for k in lay.couplings
    ]


def _cotangents_coupled(lay: Layout, g: Array) -> list[Array]:
    """Σ_o g C for each coupling: (n, c, i, m)."""
    return [
        jnp.einsum("nco,imo->ncim", _split(k, g, k.outputs), k.tensor.astype(g.dtype))
        for k in lay.couplings
    ]


def _operators_a(lay: Layout, images: Array) -> list[Array]:
    """∂m/∂h for each coupling: (n, s, c, i, o), from (n, s, m)."""
    return [
        jnp.einsum(
            "nscm,imo->nscio",
            _harmonics(lay, k, images),
            k.tensor.astype(images.dtype),
        )
        for k in lay.couplings
    ]


def _operators_p(lay: Layout, images: Array, hc: list[Array]) -> Array:
    """∂m/∂r: (n, s, 3, outputs), from (n, s, 4, m)."""
    first = images[:, :, 1:]
    return _join(
        [
            jnp.einsum("nsacm,scmo->nsaco", _harmonics(lay, k, first), c)
            for k, c in zip(lay.couplings, hc, strict=True)
        ]
    )


def _operators_q(lay: Layout, images: Array, gc: list[Array]) -> Array:
    """∂(g·m)/∂h∂r: (n, s, 3, features)."""
    first = images[:, :, 1:]
    return _join(
        [
            jnp.einsum("nsacm,ncim->nsaci", _harmonics(lay, k, first), c)
            for k, c in zip(lay.couplings, gc, strict=True)
        ]
    )


def _apply(lay: Layout, a: list[Array], h: Array) -> Array:
    """Σ_s A h: (n, outputs)."""
    return _join(
        [
            jnp.einsum("nscio,sci->nco", block, _split(k, h, k.features))
            for k, block in zip(lay.couplings, a, strict=True)
        ]
    )


def _apply_adjoint(lay: Layout, a: list[Array], g: Array) -> Array:
    """Σ_n Aᵀ g: (s, features)."""
    return _join(
        [
            jnp.einsum("nscio,nco->sci", block, _split(k, g, k.outputs))
            for k, block in zip(lay.couplings, a, strict=True)
        ]
    )


def _second_derivatives(
    lay: Layout, edges: Geometry, h: Array, gc: list[Array]
) -> Array:
    """∂²(g·m)/∂r∂r of each slot: (n, k, 3, 3)."""
    terms: list[Array] = [jnp.zeros(())] * len(lay.blocks)
    for k, c in zip(lay.couplings, gc, strict=True):
        pairs = jnp.einsum("sci,ncim->nscm", _split(k, h, k.features), c)
        slots = edges.images.slots(pairs)
        start = 0
        for p in k.paths:
            block = lay.blocks[p]
            end = start + block.harmonic.stop - block.harmonic.start
            terms[p] = jnp.einsum(
                "nkcm,tnkc->tnkm",
                slots[..., start:end],
                edges.weights[..., block.weights],
            )
            start = end
    at = edges.directions
    t = jnp.zeros((3, *at.y.shape), h.dtype)
    for block, term in zip(lay.blocks, terms, strict=True):
        t = t.at[..., block.harmonic].add(term)
    n, y, dy = at.unit, at.y, at.dy
    outer = n[..., :, None] * n[..., None, :]
    mixed = jnp.einsum("nky,nkay,nkb->nkab", t[1], dy, n)
    return (
        jnp.einsum("nky,nky,nkab->nkab", t[2], y, outer)
        + jnp.einsum("nky,nky,nkab->nkab", t[1], y, at.curvature)
        + mixed
        + mixed.swapaxes(-1, -2)
        + jnp.einsum("nky,nkaby->nkab", t[0], at.ddy)
    )
