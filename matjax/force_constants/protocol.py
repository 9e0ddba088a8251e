"""What force constants are to everything that is computed from them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

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
