"""Cells as six numbers that no rotation changes.

A cell of rows L has the polar decomposition L = P U, with a rotation U and the stretch
P = (L Lᵀ)^½, symmetric in the indices of the lattice vectors. log P is six numbers, and
its exponential is a cell again, in the frame in which U = 1. A factor of its trace is
the volume, which is counted by atom. Source: Jiao et al., ICLR 2024 (arXiv 2402.03992,
DiffCSP++), section 4.1.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float

ROWS, COLUMNS = np.triu_indices(3)
_FACTORS = np.where(ROWS == COLUMNS, 1.0, np.sqrt(2.0))


def components(tensor: Float[Array, "*graphs 3 3"]) -> Float[Array, "*graphs 6"]:
    """A symmetric tensor as six numbers xx, xy, xz, yy, yz, zz, of the same norm."""
    return tensor[..., ROWS, COLUMNS] * jnp.asarray(_FACTORS, tensor.dtype)


def tensor_of(values: Float[Array, "*graphs 6"]) -> Float[Array, "*graphs 3 3"]:
    """The symmetric tensor of six numbers; inverse of :func:`components`."""
    scaled = values / jnp.asarray(_FACTORS, values.dtype)
    upper = jnp.zeros((*values.shape[:-1], 3, 3), values.dtype)
    upper = upper.at[..., ROWS, COLUMNS].set(scaled)
    return upper.at[..., COLUMNS, ROWS].set(scaled)


def log_stretch(
    cell: Float[Array, "*graphs 3 3"], volume: Float[Array, "*graphs"]
) -> Float[Array, "*graphs 6"]:
    """The log P of a cell whose unit of volume is this, as six numbers.

    Args:
        cell: lattice vectors as rows, Å; of either hand.
        volume: that counts as 1, Å³: that of as many atoms as the cell has.
    """
    gram = jnp.einsum("...ik,...jk->...ij", cell, cell, precision="highest")
    eigenvalues, vectors = jnp.linalg.eigh(gram)
    logs = jnp.log(eigenvalues) / 2 - jnp.log(volume)[..., None] / 3
    return components(_of_eigenvalues(logs, vectors))


def stretched(
    values: Float[Array, "*graphs 6"], volume: Float[Array, "*graphs"]
) -> Float[Array, "*graphs 3 3"]:
    """The cell of a logarithmic stretch, symmetric, Å; inverse of :func:`log_stretch`.

    Args:
        values: six numbers of log P.
        volume: that counts as 1, Å³.
    """
    logs, vectors = jnp.linalg.eigh(tensor_of(values))
    stretches = jnp.exp(logs) * jnp.cbrt(volume)[..., None]
    return _of_eigenvalues(stretches, vectors)


def _of_eigenvalues(values: Array, vectors: Array) -> Array:
    return jnp.einsum(
        "...ik,...k,...jk->...ij", vectors, values, vectors, precision="highest"
    )
