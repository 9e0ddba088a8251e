"""Force constants between atoms of a crystal, and their Fourier sum at any q."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float, Leaf
from matjax.phonons.response import Progress


class RealSpaceForceConstants(struct.PyTreeNode):
    """Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R) over the pairs that are kept; a pytree.

    Derivatives with respect to the blocks and to q are exact.
    """

    blocks: Leaf
    """(pairs, 3, 3), eV/Å²: second derivative of the energy by both atoms, times the
    weight of the pair where several images of an atom share one."""
    first: Leaf
    """Atom i of each pair, in the home cell, (pairs,)."""
    second: Leaf
    """Atom j of each pair, (pairs,)."""
    cells: Leaf
    """Cell R of atom j, (pairs, 3), integers."""
    n_atoms: int = struct.field(pytree_node=False)
    """Atoms of the primitive cell."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        del progress  # a sum of some thousand terms
        leaves = (q, self.blocks)
        xp = jnp if any(isinstance(x, Tracer) for x in leaves) else np
        q, blocks = xp.asarray(q), xp.asarray(self.blocks)
        phases = xp.exp(2j * np.pi * (q.reshape(-1, 3) @ self.cells.T))
        n = self.n_atoms
        # One product (q, cells) x (cells, 9 n²) over the distinct cells would be less
        # work; this form keeps every pair on its own, images included.
        terms = phases[:, :, None, None] * blocks
        place = np.asarray(self.first) * n + np.asarray(self.second)
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(n * n))
        if xp is np:
            sums = np.add.reduceat(terms[:, order], starts, axis=1)
        else:
            sums = jnp.zeros((len(terms), n * n, 3, 3), terms.dtype)
            sums = sums.at[:, place].add(terms)
        matrix = sums.reshape(-1, n, n, 3, 3).swapaxes(2, 3).reshape(-1, 3 * n, 3 * n)
        return matrix.reshape(*q.shape[:-1], 3 * n, 3 * n)
