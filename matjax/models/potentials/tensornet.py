"""TensorNet: messages of Cartesian tensors, which are multiplied as matrices.

Source: G. Simeon and G. De Fabritiis, NeurIPS 2023 (arXiv 2306.06482); what the paper
leaves open as in the code (matgl) of the published weights.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import (
    GatedPerceptron,
    Perceptron,
    cosine_envelope,
    embedded_species,
    smooth_bessel_basis,
    species_energies,
)
from matjax.numerics import safe_norm

IRREPS = {"isotropic": slice(0, 1), "skew": slice(1, 4), "symmetric": slice(4, 9)}
"""Components of each irrep; the symmetric ones are traceless."""

IRREP = np.repeat([0, 1, 2], [1, 3, 5])
"""Which of them a component belongs to."""

NORM_FLOOR = 1e-5
"""Added to variances by layer norms, as where the weights were trained."""

SHORTEST = 1e-6
"""Å, below which an edge has no direction."""


class TensorNet(nn.Module):
    """Node energies from matrices 3 × 3 on the atoms, one of each channel.

    A matrix is the sum I + A + S of its isotropic, skew and traceless symmetric part;
    it is held as nine components in an orthonormal basis of the three.

    | equation                                                  | code               |
    |-----------------------------------------------------------|--------------------|
    | X_ij = C(r) (W Z_ij) ⊙ (f_I I₀ + f_A A₀(r̂) + f_S S₀(r̂))   | ``Embedding``      |
    | X_i = Σ_j X_ij, mixed and scaled by its norm              | ``Embedding``      |
    | Y = mixed X/(‖X‖² + 1);  M_i = Σ_j C f ⊙ (I + A + S)_j    | ``Interaction``    |
    | ΔX = mixed (YM + MY)/(‖YM + MY‖² + 1)                     | ``mix_out``        |
    | X ← X/(‖X‖² + 1) + ΔX + ΔX²                               | ``Interaction``    |
    | E_i = φ(W LayerNorm(‖I‖² ⊕ ‖A‖² ⊕ ‖S‖²))                  | ``readout``        |

    f are linear in the radial functions in the embedding, perceptrons of them in the
    interactions; W Z_ij is linear in the elements of both atoms. C is a cosine that
    ends at the cutoff with one continuous derivative: energies and forces are
    continuous there, second derivatives have a step. φ is a gated perceptron, and the
    residual is the normalised X, as in the published weights' code.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        cutoff: Å.
        channels: number of matrices on each atom.
        layers: number of interactions.
        basis: number of radial functions.
        scale: eV, multiplies the readout.
        shift: eV, added to each node's energy.
    """

    species: tuple[int, ...]
    cutoff: float = 5.0
    channels: int = 64
    layers: int = 2
    basis: int = 3
    scale: float = 1.0
    shift: float = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        edges = tensor_edges(graph, self.cutoff, self.basis)
        n = self.channels
        z = embedded_species(graph, self.species, n, name="embedding")
        x = Embedding(n, name="tensors")(graph, z, edges)
        for i in range(self.layers):
            x = Interaction(n, name=f"layer_{i}")(graph, x, edges)
        norms = _norms_by_irrep(x).reshape(-1, 3 * n)
        norms = nn.LayerNorm(epsilon=NORM_FLOOR, name="norm")(norms)
        scalars = nn.Dense(n, name="mix")(norms)
        readout = GatedPerceptron((n, n, n, 1), ends_active=False, name="readout")
        energies = readout(scalars)[:, 0] * self.scale + self.shift
        return energies + species_energies(self, graph, self.species)


class TensorEdges(NamedTuple):
    """What messages see of the edges."""

    radial: Float[Array, "edges basis"]
    end: Float[Array, "edges 1"]
    """The envelope."""
    tensors: Float[Array, "edges 9"]
    """Components of I₀ + A₀ + S₀."""


def tensor_edges(graph: Graph, cutoff: float, basis: int) -> TensorEdges:
    """Radial functions of the edges, and matrices of their directions r̂.

    I₀ is the unit matrix, A₀ that of the cross product with r̂, S₀ = r̂ r̂ᵀ − I₀/3.
    """
    vectors = graph.edge_vectors()
    r = safe_norm(vectors)
    unit = vectors / jnp.maximum(r, SHORTEST)[:, None]
    sets = jnp.asarray(_basis(), r.dtype)
    matrices = unit[:, :, None] * unit[:, None, :]
    symmetric = jnp.einsum("kij,eij->ek", sets[4:], matrices, precision="highest")
    isotropic = jnp.full_like(r, np.sqrt(3))[:, None]
    skew = np.sqrt(2) * unit  # the basis has the cross products with x, y and z
    tensors = jnp.concatenate([isotropic, skew, symmetric], axis=-1)
    return TensorEdges(
        radial=smooth_bessel_basis(r, basis, cutoff),
        end=cosine_envelope(r, cutoff)[:, None],
        tensors=tensors.astype(r.dtype),
    )


class Embedding(nn.Module):
    """Matrices of the atoms from their neighbors' directions and elements."""

    channels: int

    @nn.compact
    def __call__(
        self, graph: Graph, z: Float[Array, "nodes channels"], edges: TensorEdges
    ) -> Float[Array, "nodes 9 channels"]:
        """Components on the atoms."""
        n = self.channels
        pair = graph.gather(nn.Dense(n, use_bias=False, name="neighbor")(z))
        pair = pair + graph.spread(nn.Dense(n, name="center")(z))
        f = nn.Dense(3 * n, name="radial")(edges.radial) * edges.end
        f = f.reshape(-1, 3, n) * pair[:, None]
        x = graph.scatter(f[:, IRREP] * edges.tensors[:, :, None])
        norms = nn.LayerNorm(epsilon=NORM_FLOOR, name="norm")(_norms(x))
        f = Perceptron((2 * n, 3 * n), name="scales")(norms).reshape(-1, 3, n)
        return Mixed(n, name="mix")(x) * f[:, IRREP]


class Interaction(nn.Module):
    """One exchange of matrices with the neighbors, and products of matrices."""

    channels: int

    @nn.compact
    def __call__(
        self, graph: Graph, x: Float[Array, "nodes 9 channels"], edges: TensorEdges
    ) -> Float[Array, "nodes 9 channels"]:
        """Components on the atoms after the exchange."""
        n = self.channels
        f = Perceptron((n, 2 * n, 3 * n), name="radial")(edges.radial) * edges.end
        x = _bounded(x)
        y = Mixed(n, name="mix_in")(x)
        messages = graph.gather(y) * f.reshape(-1, 3, n)[:, IRREP]
        y, m = _matrices(y), _matrices(graph.scatter(messages))
        both = _components(_product(m, y) + _product(y, m))
        change = Mixed(n, name="mix_out")(_bounded(both))
        square = _matrices(change)
        return x + change + _components(_product(square, square))


class Mixed(nn.Module):
    """A linear map of the channels, one of each irrep."""

    channels: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "nodes 9 channels"]
    ) -> Float[Array, "nodes 9 channels"]:
        """Components of the mixed matrices."""
        parts = [
            nn.Dense(self.channels, use_bias=False, name=name)(x[:, components])
            for name, components in IRREPS.items()
        ]
        return jnp.concatenate(parts, axis=1)


def _basis() -> np.ndarray:
    """Orthonormal matrices (9, 3, 3): 1 isotropic, 3 skew, 5 symmetric and traceless.

    The skew ones are the cross products with x, y and z, by √2.
    """
    unit = np.eye(3)
    skew = [np.cross(unit, axis) for axis in unit]
    pairs = [(0, 1), (1, 2), (0, 2)]
    mixed = [np.outer(unit[i], unit[j]) + np.outer(unit[j], unit[i]) for i, j in pairs]
    planes = [np.diag([1.0, -1.0, 0.0]), np.diag([-1.0, -1.0, 2.0])]
    matrices = np.stack([unit, *skew, *mixed, *planes])
    return matrices / np.linalg.norm(matrices, axis=(1, 2), keepdims=True)


def _matrices(x: Array) -> Array:
    """(nodes, 3, 3, channels) of components."""
    basis = jnp.asarray(_basis(), x.dtype)
    return jnp.einsum("kij,nkc->nijc", basis, x, precision="highest")


def _components(matrices: Array) -> Array:
    """(nodes, 9, channels) of matrices."""
    basis = jnp.asarray(_basis(), matrices.dtype)
    return jnp.einsum("kij,nijc->nkc", basis, matrices, precision="highest")


def _product(a: Array, b: Array) -> Array:
    return jnp.einsum("nijc,njkc->nikc", a, b)


def _norms(x: Array) -> Array:
    """Squares of the Frobenius norms: the basis is orthonormal."""
    return jnp.sum(jnp.square(x), axis=1)


def _norms_by_irrep(x: Array) -> Array:
    """Those of the three parts, (nodes, 3, channels)."""
    return jnp.stack([_norms(x[:, part]) for part in IRREPS.values()], axis=1)


def _bounded(x: Array) -> Array:
    return x / (_norms(x) + 1)[:, None]
