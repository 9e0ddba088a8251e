"""The product basis of MACE: symmetric powers of node features, weighted by element.

The generalised Clebsch–Gordan coefficients are symmetric in the factors of a power, so
that ν factors are the product of the monomials A_a A_b … of degree ν − 1 with a ≤ b,
136 for lmax = 3 and ν = 3 instead of 256 products, with one factor more. Where
elements are few, coefficients and weights are contracted first; the monomials of all
degrees then meet them in one matrix product for each channel.
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.nn.e3nn import e3nn

MANY_SPECIES = 3
"""Beyond them it is cheaper to weigh the powers of each node than to compute all
elements' sums and choose. Value and gradient for 64 nodes, 64 channels, lmax = 3 and
ν = 3 on two CPU cores: 8 ms for one element, 15 for three, 36 for four; 20 to 30 ms by
node."""


class SymmetricContraction(nn.Module):
    """Sum of all symmetric powers of node features up to an order, by element.

        m_k,LM = Σ_ν≤n Σ_η W_z,k,Lη Σ_lm C^LM_η,lm Π_ξ=1..ν A_k,l_ξ m_ξ

    Source: Batatia et al., NeurIPS 2022 (arXiv 2206.07697), Eqs. 10 and 11, with the
    basis C of e3nn-jax: symmetric in its arguments and of unit norm for each η and M.

    Attributes:
        outputs: irreps L of the result; multiplicities are those of the features.
        order: n, the highest power.
        n_species: number of elements z.
    """

    outputs: str
    order: int
    n_species: int

    @nn.compact
    def __call__(
        self, features: e3nn.IrrepsArray, index: Int[Array, "nodes"]
    ) -> e3nn.IrrepsArray:
        """The contraction of each node.

        Args:
            features: on the nodes, every irrep with the same multiplicity.
            index: which element each node is.
        """
        channels = features.mul_to_axis()
        wanted = [ir for _, ir in e3nn.Irreps(self.outputs)]
        terms = [
            [self._power(channels, order, ir) for order in range(1, self.order + 1)]
            for ir in wanted
        ]
        contract = _by_node if self.n_species > MANY_SPECIES else _by_element
        # Channels lead: each has a matrix product of its own.
        sums = contract(channels.array.swapaxes(0, 1), terms, index)
        return e3nn.IrrepsArray(wanted, sums).axis_to_mul()

    def _power(self, channels: e3nn.IrrepsArray, order: int, ir: e3nn.Irrep) -> Power:
        tensor = symmetric_tensor(channels.irreps, order, ir)
        n_paths = tensor.shape[2]
        shape = (self.n_species, n_paths, channels.shape[-2])
        if n_paths == 0:
            return Power(jnp.asarray(tensor, channels.dtype), jnp.zeros(shape))
        # Unit variance of the sum for normal features, up to traces.
        deviation = 1 / math.sqrt(n_paths * math.factorial(order) * self.order)
        initializer = nn.initializers.normal(deviation)
        weights = self.param(f"weights_{order}_{ir}", initializer, shape)
        return Power(jnp.asarray(tensor, channels.dtype), weights)


class Power(NamedTuple):
    """One power of the features in one irrep of the result."""

    tensor: Array
    """(monomials, components, paths, 2L + 1), from :func:`symmetric_tensor`."""
    weights: Array
    """(species, paths, channels)."""


def _by_element(x: Array, terms: list[list[Power]], index: Array) -> Array:
    """(nodes, channels, irreps) from (channels, nodes, components)."""
    lower = jnp.concatenate(_lower(x, len(terms[0])), axis=-1)
    weighted = [
        jnp.concatenate(
            [jnp.einsum("mcpi,zpk->kmzci", t.tensor, t.weights) for t in orders], axis=1
        )
        for orders in terms
    ]
    factors = jnp.concatenate(weighted, axis=-1)
    products = jnp.einsum("knm,kmzci->knzci", lower, factors)
    n_species = products.shape[2]
    if n_species == 1:
        chosen = products[:, :, 0]
    else:
        one_hot = jax.nn.one_hot(index, n_species, dtype=x.dtype)
        chosen = jnp.einsum("knzci,nz->knci", products, one_hot)
    return jnp.einsum("knci,knc->nki", chosen, x)


def _by_node(x: Array, terms: list[list[Power]], index: Array) -> Array:
    """The same with the weights of each node's element last."""
    lower = _lower(x, len(terms[0]))
    sums = []
    for orders in terms:
        total = jnp.zeros((), x.dtype)
        for monomials_, (tensor, weights) in zip(lower, orders, strict=True):
            products = jnp.einsum("knm,mcpi->kncpi", monomials_, tensor)
            powers = jnp.einsum("kncpi,knc->nkpi", products, x)
            total = total + jnp.einsum("nkpi,npk->nki", powers, weights[index])
        sums.append(total)
    return jnp.concatenate(sums, axis=-1)


def _lower(x: Array, order: int) -> list[Array]:
    """Monomials of degree 0 … order − 1."""
    return [jnp.ones_like(x[..., :1]), *monomials(x, order - 1)]


def monomials(
    x: Float[Array, "*axes components"], order: int
) -> list[Float[Array, "..."]]:
    """Products of 1 … ``order`` components, lexicographic in their sorted places."""
    n = x.shape[-1]
    powers = [x][:order]
    for degree in range(2, order + 1):
        lower = powers[-1]
        # Monomials whose first factor is i or a later one are the last of the lower.
        counts = [math.comb(n - i + degree - 2, degree - 1) for i in range(n)]
        parts = [
            x[..., i : i + 1] * lower[..., lower.shape[-1] - count :]
            for i, count in enumerate(counts)
        ]
        powers.append(jnp.concatenate(parts, axis=-1))
    return powers


@cache
def symmetric_tensor(
    irreps: e3nn.Irreps, order: int, output: e3nn.Irrep
) -> Float[np.ndarray, "monomials components paths dim"]:
    """All symmetric equivariant tensors from powers of irreps to one irrep.

    Their first ``order`` − 1 axes are one here, over the sorted places of
    :func:`monomials`, with as many equal components summed as these have arrangements.
    """
    # Scalars beside it: e3nn-jax fails where it finds no tensor at all.
    keep = [output, e3nn.Irrep("0e")]
    basis = e3nn.reduced_symmetric_tensor_product_basis(irreps, order, keep_ir=keep)
    basis = basis.filter(keep=[output])
    tensor = np.asarray(basis.array).reshape(*basis.shape[:-1], -1, output.dim)
    places = list(combinations_with_replacement(range(irreps.dim), order - 1))
    arrangements = [
        math.factorial(order - 1) / math.prod(map(math.factorial, Counter(p).values()))
        for p in places
    ]
    tensor = tensor[tuple(np.array(places).T)] if order > 1 else tensor[None]
    return tensor * np.array(arrangements)[:, None, None, None]
