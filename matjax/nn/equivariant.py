"""The tensor-product convolution and the normalisation of equivariant networks.

Features are e3nn-jax ``IrrepsArray`` objects on nodes. Inside the convolution channels
come last, and neighbors and angular components are contracted in one matrix product,
so that no array of messages is ever built.
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportReturnType=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn.bloch_convolution import convolve_at_rest
from matjax.nn.bloch_geometry import Directions, directions, geometry, layout, split
from matjax.nn.e3nn import e3nn
from matjax.numerics import safe_norm

CHUNK_FLOATS = 2**23
"""Floats of edge arrays computed at a time; 32 MiB in float32."""


class EdgeBasis(NamedTuple):
    """Harmonics and radial functions of the edges: values, and the functions."""

    harmonics: e3nn.IrrepsArray
    """(edges, (lmax + 1)²), component normalised."""
    radial: Float[Array, "edges basis"]
    radial_of: Callable[[Float[Array, "..."]], Float[Array, "... basis"]]
    rest: Directions | None
    """While a response of a small cell is computed: what it needs of the edges."""


def edge_basis(
    graph: Graph,
    lmax: int,
    radial_of: Callable[[Float[Array, "..."]], Float[Array, "... basis"]],
    *,
    parity: bool = True,
) -> EdgeBasis:
    """Spherical harmonics up to ``lmax`` and radial functions on a graph's edges.

    Args:
        graph: of the edges.
        lmax: highest degree.
        radial_of: the radial functions of a length.
        parity: whether harmonics of odd degree are odd; else all count as even.
    """
    irreps = e3nn.s2_irreps(lmax, p_arg=-1 if parity else 1)

    def harmonics_of(vectors: Array) -> Array:
        return e3nn.spherical_harmonics(
            irreps, vectors, normalize=True, normalization="component"
        ).array

    vectors = graph.edge_vectors()
    return EdgeBasis(
        harmonics=e3nn.IrrepsArray(irreps, harmonics_of(vectors)),
        radial=radial_of(safe_norm(vectors)),
        radial_of=radial_of,
        rest=None if graph.rest is None else directions(graph, harmonics_of),
    )


class ProductPath(NamedTuple):
    """One coupling (feature irrep) ⊗ (harmonic) → (output irrep) of a convolution."""

    feature: int
    """Place of the irrep among the features'."""
    harmonic: int
    """Place of the irrep among the harmonics'."""
    multiplicity: int
    irrep: e3nn.Irrep
    """Irrep of the output."""


def tensor_product_paths(
    features: e3nn.Irreps, harmonics: e3nn.Irreps, outputs: e3nn.Irreps
) -> list[ProductPath]:
    """Couplings allowed by symmetry whose output is wanted, sorted by output irrep."""
    paths = [
        ProductPath(i, j, multiplicity, irrep)
        for i, (multiplicity, a) in enumerate(features)
        for j, (_, b) in enumerate(harmonics)
        for irrep in a * b
        if irrep in outputs
    ]
    return sorted(paths, key=lambda path: path.irrep)


def convolve(
    graph: Graph,
    features: e3nn.IrrepsArray,
    basis: EdgeBasis,
    *,
    paths: list[ProductPath],
    weigh: Callable[[Float[Array, "... basis"]], Float[Array, "... weights"]],
) -> e3nn.IrrepsArray:
    """Sum over neighbors of weights(r) · (features of the sender ⊗ harmonics of r̂).

        out_i,p,c,m₃ = Σ_e→i w_e,p,c Σ_m₁m₂ √(2l₃+1) C(m₁m₂m₃) h_s(e),c,m₁ Y_e,m₂

    for every path p and channel c (Batzner et al., Nat. Commun. 13, 2453 (2022),
    Eq. 6, with e3nn's component normalisation).

    Args:
        graph: whose edges are summed over.
        features: on the nodes.
        basis: harmonics and radial functions of the edges, from :func:`edge_basis`;
            zero for empty slots is not needed.
        paths: from :func:`tensor_product_paths`.
        weigh: pure function from the basis to one weight for each path and channel,
            in the order of the paths.

    Returns:
        Node features, one block for each irrep in the paths, channels in their order.
    """
    harmonics, radial = basis.harmonics, basis.radial
    if basis.rest is not None:
        return _convolve_by_pairs(graph, features, basis, paths, weigh)
    blocks = [chunk.swapaxes(-1, -2) for chunk in features.chunks]
    sizes = [block.shape[-2:] for block in blocks]
    flat = jnp.concatenate([b.reshape(graph.n_nodes, -1) for b in blocks], axis=-1)
    radial = jnp.where(graph.edge_mask[:, None], radial, 0)
    couplings = [_coupling(features, harmonics, path) for path in paths]
    ends = np.cumsum([path.multiplicity for path in paths]).tolist()
    slots = (graph.n_nodes, graph.degree, -1)

    def contract(edges: tuple[Array, Array, Array]) -> Array:
        sent, y, basis = edges
        n, degree = sent.shape[:2]
        weights = split(weigh(basis), ends)
        parts = split(sent, np.cumsum([d * c for d, c in sizes]).tolist())
        parts = [
            part.reshape(n, degree, d, c)
            for part, (d, c) in zip(parts, sizes, strict=True)
        ]
        outputs = []
        for path, w, (tensor, place) in zip(paths, weights, couplings, strict=True):
            z = jnp.einsum("nkj,ijo->nkio", y[..., place], tensor.astype(y.dtype))
            sender = parts[path.feature]
            out = jnp.einsum("nkic,nkio->noc", w[..., None, :] * sender, z)
            outputs.append(out.reshape(n, -1))
        return jnp.concatenate(outputs, axis=-1)

    edges = (
        graph.gather(flat).reshape(slots),
        harmonics.array.reshape(slots),
        radial.reshape(slots),
    )
    width = sum(p.multiplicity * features.irreps[p.feature].ir.dim for p in paths)
    rows = max(1, CHUNK_FLOATS // (graph.degree * width))
    return _unflatten(_map_nodes(contract, edges, rows), paths)


def _convolve_by_pairs(
    graph: Graph,
    features: e3nn.IrrepsArray,
    basis: EdgeBasis,
    paths: list[ProductPath],
    weigh: Callable[[Array], Array],
) -> e3nn.IrrepsArray:
    """The convolution as a response needs it; cheaper where pairs of nodes are few."""
    lay = layout(features.irreps, basis.harmonics.irreps, tuple(paths))
    edges = geometry(graph, lay, basis.rest, lambda r: weigh(basis.radial_of(r)))
    outputs = convolve_at_rest(features.array, graph.positions, edges, lay)
    return e3nn.IrrepsArray(lay.irreps, jnp.take(outputs, lay.output_index, axis=1))


def _coupling(
    features: e3nn.IrrepsArray, harmonics: e3nn.IrrepsArray, path: ProductPath
) -> tuple[np.ndarray, slice]:
    """Clebsch–Gordan tensor of a path, and the place of its harmonic."""
    a = features.irreps[path.feature].ir
    b = harmonics.irreps[path.harmonic].ir
    tensor = e3nn.clebsch_gordan(a.l, b.l, path.irrep.l) * np.sqrt(path.irrep.dim)
    return np.asarray(tensor), harmonics.irreps.slices()[path.harmonic]


def _map_nodes(
    function: Callable[[tuple[Array, ...]], Array], edges: tuple[Array, ...], rows: int
) -> Array:
    """Apply a function to blocks of nodes, recomputing each block in reverse mode."""
    n = edges[0].shape[0]
    if n <= rows:
        return function(edges)
    n_blocks = -(-n // rows)
    rows = -(-n // n_blocks)
    padding = n_blocks * rows - n

    def block(x: Array) -> Array:
        x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(n_blocks, rows, *x.shape[1:])

    blocks = jax.tree.map(block, edges)
    out = jax.lax.map(jax.checkpoint(function), blocks)
    return out.reshape(n_blocks * rows, -1)[:n]


def _unflatten(flat: Array, paths: list[ProductPath]) -> e3nn.IrrepsArray:
    """Blocks (2l+1, channels) of each path joined to one block for each irrep."""
    chunks: dict[e3nn.Irrep, list[Array]] = {}
    start = 0
    for path in paths:
        size = path.multiplicity * path.irrep.dim
        block = flat[:, start : start + size].reshape(
            -1, path.irrep.dim, size // path.irrep.dim
        )
        chunks.setdefault(path.irrep, []).append(block.swapaxes(-1, -2))
        start += size
    joined = [jnp.concatenate(blocks, axis=1) for blocks in chunks.values()]
    irreps = e3nn.Irreps(
        [(x.shape[1], ir) for ir, x in zip(chunks, joined, strict=True)]
    )
    return e3nn.from_chunks(irreps, joined, (flat.shape[0],), flat.dtype)


def gate(features: e3nn.IrrepsArray) -> e3nn.IrrepsArray:
    """Scalars through SiLU (even) or tanh (odd); other irreps times SiLU of a scalar.

    The last even scalars are the gates. Activations have unit second moment for normal
    inputs, as in e3nn.
    """
    silu, tanh = _normalised(jax.nn.silu), _normalised(jnp.tanh)
    return e3nn.gate(
        features,
        even_act=silu,
        odd_act=tanh,
        even_gate_act=silu,
        odd_gate_act=tanh,
        normalize_act=False,
    )


@cache
def _normalised(activation: Callable[[Array], Array]) -> Callable[[Array], Array]:
    # e3nn integrates over a million points at every call: half a network's trace time.
    return e3nn.normalize_function(activation)


class RMSNorm(nn.Module):
    """Divides features by the root of a weighted sum of their squares.

        x_l,c,m → s_l,c x_l,c,m / √(Σ_l′ Σ_cm x²_l′,c,m / (L d_l′²) + ε)

    with L irreps of dimension d and learned scales s. This is the norm that the
    published Nequix weights were trained with; eSEN's (Fu et al., arXiv 2502.12147),
    from which it comes, averages over channels and divides by d once.
    """

    epsilon: float = 1e-12

    @nn.compact
    def __call__(self, features: e3nn.IrrepsArray) -> e3nn.IrrepsArray:
        """Normalised node features."""
        n_irreps = len(features.irreps)
        squares = [
            jnp.sum(x * x, axis=(-2, -1)) / (x.shape[-1] ** 2 * n_irreps)
            for x in features.chunks
        ]
        scale = jax.lax.rsqrt(sum(squares) + self.epsilon)[:, None, None]
        chunks = []
        for i, x in enumerate(features.chunks):
            weight = self.param(f"scale_{i}", nn.initializers.ones, (x.shape[1],))
            chunks.append(x * weight[:, None] * scale)
        return e3nn.from_chunks(
            features.irreps, chunks, features.shape[:-1], features.dtype
        )
