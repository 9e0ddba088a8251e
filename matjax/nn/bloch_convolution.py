"""The convolution's response at q, by sums over edges that serve all columns.

Between a receiver n and a sender s a primitive cell has many edges, one for each image
of s. What a displacement of the infinite crystal does to the convolution depends on
them only through sums over these images,

    S_ns(q) = Σ_{k: n←s} exp(2πi q·R_k) ∂ᵗ[w(r_k) Y(r̂_k)],    t = 0, 1,

which no displacement enters: they are made once for each q, and every column of the
force constants then costs products over pairs of atoms instead of edges. The rules are
those of :mod:`matjax.graphs.bloch`, taken through the convolution as a whole.

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

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import bloch
from matjax.nn.bloch_geometry import Coupling, Geometry, Layout, join, split


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


def _harmonics(lay: Layout, array: Array) -> list[Array]:
    """(..., c, m) of each coupling, from the weighted harmonics of all."""
    parts = split(array, [k.products for k in lay.couplings])
    return [
        part.reshape(*array.shape[:-1], k.channels, -1)
        for k, part in zip(lay.couplings, parts, strict=True)
    ]


def _split(coupling: Coupling, array: Array, place: slice) -> Array:
    """(..., c, components) of one coupling."""
    return array[..., place].reshape(*array.shape[:-1], coupling.channels, -1)


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
        jnp.einsum("nscm,imo->nscio", v, k.tensor.astype(images.dtype))
        for k, v in zip(lay.couplings, _harmonics(lay, images), strict=True)
    ]


def _operators_p(lay: Layout, images: Array, hc: list[Array]) -> Array:
    """∂m/∂r: (n, s, 3, outputs), from (n, s, 4, m)."""
    first = _harmonics(lay, images[:, :, 1:])
    return join(
        [jnp.einsum("nsacm,scmo->nsaco", v, c) for v, c in zip(first, hc, strict=True)]
    )


def _operators_q(lay: Layout, images: Array, gc: list[Array]) -> Array:
    """∂(g·m)/∂h∂r: (n, s, 3, features)."""
    first = _harmonics(lay, images[:, :, 1:])
    return join(
        [jnp.einsum("nsacm,ncim->nsaci", v, c) for v, c in zip(first, gc, strict=True)]
    )


def _apply(lay: Layout, a: list[Array], h: Array) -> Array:
    """Σ_s A h: (n, outputs)."""
    return join(
        [
            jnp.einsum("nscio,sci->nco", block, _split(k, h, k.features))
            for k, block in zip(lay.couplings, a, strict=True)
        ]
    )


def _apply_adjoint(lay: Layout, a: list[Array], g: Array) -> Array:
    """Σ_n Aᵀ g: (s, features)."""
    return join(
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
        places = [lay.blocks[p].harmonic for p in k.paths]
        ends = np.cumsum([place.stop - place.start for place in places])
        slots = split(edges.images.slots(pairs), ends.tolist())
        for p, part in zip(k.paths, slots, strict=True):
            terms[p] = jnp.einsum("nkcm,tnkc->tnkm", part, edges.weights[p])
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
