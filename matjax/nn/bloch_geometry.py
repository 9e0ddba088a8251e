"""How a convolution's paths lie in flat arrays, and what it knows of its edges.

The part of :mod:`matjax.nn.bloch_convolution` that no displacement and no q enters.
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array
from matjax.graphs import Graph, bloch
from matjax.nn.e3nn import e3nn


class Block(NamedTuple):
    """Weighted harmonics (c, m) of one path."""

    weights: int
    """Where its weights (c) end among the weights."""
    harmonic: slice
    """Place of its harmonic (m) among the harmonics."""


class Coupling(NamedTuple):
    """All paths of one feature irrep: features (c, i), weighted harmonics (c, m)."""

    channels: int
    features: slice
    """Place of its components (c, i) among the features."""
    paths: tuple[int, ...]
    products: int
    """Where its weighted harmonics (c, m), of all its paths, end among all."""
    outputs: slice
    """Place of its outputs (c, o), of all its paths."""
    tensor: np.ndarray
    """(i, m, o): Clebsch–Gordan tensors, block diagonal over the paths."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How the paths of a convolution lie in flat arrays; static."""

    couplings: tuple[Coupling, ...]
    blocks: tuple[Block, ...]
    """Places of each path."""
    output_index: np.ndarray
    """For each component of the result, its place among the outputs."""
    irreps: e3nn.Irreps
    """Irreps of the result."""


@cache
def layout(features: e3nn.Irreps, harmonics: e3nn.Irreps, paths: tuple) -> Layout:
    """Flat order of the paths: by feature irrep, then channel, then component."""
    blocks, n_w = [], 0
    for path in paths:
        n_w += path.multiplicity
        blocks.append(Block(n_w, harmonics.slices()[path.harmonic]))
    couplings, places, n_v, n_out = [], {}, 0, 0
    for i, (channels, _) in enumerate(features):
        mine = tuple(p for p, path in enumerate(paths) if path.feature == i)
        if not mine:
            continue
        tensor, ends = _block_diagonal(features, harmonics, [paths[p] for p in mine])
        for p, end in zip(mine, ends, strict=True):
            start = np.arange(channels)[:, None] * ends[-1] + end - paths[p].irrep.dim
            places[p] = n_out + start + np.arange(paths[p].irrep.dim)
        n_v += channels * tensor.shape[1]
        outputs = slice(n_out, n_out + channels * ends[-1])
        couplings.append(
            Coupling(channels, features.slices()[i], mine, n_v, outputs, tensor)
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
    weights: Sequence[Array]
    """(3, n, k, c) of each path: weights and their first two derivatives by |r|."""
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
    weights = split(
        jnp.where(mask, jnp.stack([w, dw, ddw]), 0), [b.weights for b in lay.blocks]
    )

    # For each path: w Y, and its three derivatives w' (r/|r|) Y + w dY.
    y = rest.y[:, :, None]
    y4 = jnp.concatenate([y, rest.dy], axis=2)
    uy = rest.unit[..., None] * y
    uy4 = jnp.concatenate([jnp.zeros_like(y), uy], axis=2)
    products = [
        w[0][..., None, :, None] * y4[..., None, b.harmonic]
        + w[1][..., None, :, None] * uy4[..., None, b.harmonic]
        for w, b in zip(weights, lay.blocks, strict=True)
    ]
    v = [jnp.concatenate([products[p] for p in k.paths], -1) for k in lay.couplings]
    return Geometry(
        images=graph.images(),
        v=join(v),
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


def join(blocks: Sequence[Array]) -> Array:
    """Flat arrays (…, c, components) one after the other."""
    return jnp.concatenate([b.reshape(*b.shape[:-2], -1) for b in blocks], axis=-1)


def split(array: Array, ends: Sequence[int]) -> Sequence[Array]:
    """Parts of the last axis that end there.

    The derivative of all parts together is one concatenation. That of each slice would
    be an array of the size of the whole, and their sum took a quarter of a training
    step.
    """
    return jnp.split(array, ends[:-1], axis=-1)
