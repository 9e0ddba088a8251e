"""What force constants are to everything that is computed from them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from flax import struct

from matjax.arrays import Array, Complex, Float
from matjax.progress import Progress


@runtime_checkable
class ForceConstants(Protocol):
    """Where phonons come from: a pytree that is a function of q."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å², phases counting cells."""
        ...


class NoForceConstants(struct.PyTreeNode):
    """Those of a crystal that has none: NaN at every q."""

    n_atoms: int = struct.field(pytree_node=False)

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), NaN."""
        del progress
        n = 3 * self.n_atoms
        return np.full((*np.shape(q)[:-1], n, n), np.nan, complex)
