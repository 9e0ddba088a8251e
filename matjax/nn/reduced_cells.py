"""Reduced cells under jit: the same short lattice vectors for every description."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float

ROUNDS = 8
"""Of a reduction; each takes a long vector down by those that are shorter."""

_AROUND = np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)])


def reduction(cell: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Matrix of integers whose product with a cell has short vectors as rows.

    Its derivatives are zero. On the host :func:`matjax.crystals.niggli_reduce` does
    more: this serves where sums and lengths must not depend on the description.

    Source: I. Semaev, Cryptography and Lattices (2001), p. 181: Minkowski reduction in
    three dimensions.
    """
    cell = jax.lax.stop_gradient(cell)

    def once(_: Any, matrix: Array) -> Array:
        vectors = matrix @ cell
        order = jnp.argsort(jnp.sum(vectors**2, axis=1))
        a, b, c = vectors[order]
        m = matrix[order]
        # The second against the first, the third against the plane of both: the
        # shortest of those about the rounded one.
        step = jnp.rint(a @ b / (a @ a))
        m = m.at[1].add(-step * m[0])
        b = b - step * a
        gram = jnp.array([[a @ a, a @ b], [a @ b, b @ b]])
        about = jnp.rint(jnp.linalg.solve(gram, jnp.array([a @ c, b @ c])))
        plane = about + jnp.asarray(_AROUND, cell.dtype)
        rests = c - plane @ jnp.stack([a, b])
        x, y = plane[jnp.argmin(jnp.sum(rests**2, axis=1))]
        return m.at[2].add(-x * m[0] - y * m[1])

    return jax.lax.fori_loop(0, ROUNDS, once, jnp.eye(3, dtype=cell.dtype))
