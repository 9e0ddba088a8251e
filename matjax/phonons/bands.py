"""Band structures: frequencies along a path."""

from __future__ import annotations

from typing import NamedTuple

from matjax.arrays import Array, Float
from matjax.phonons.qpoints import Path


class Bands(NamedTuple):
    """Frequencies along a path through the Brillouin zone."""

    path: Path
    frequencies: Float[Array, "q modes"]
    """THz, ascending at each point; imaginary ones negative."""

    def at(self, label: str) -> Float[Array, "modes"]:
        """Frequencies at a named point of the path, THz.

        Raises:
            ValueError: if the path has no point of this name.
        """
        for row, name in self.path.ticks:
            if name == label:
                return self.frequencies[row]
        names = sorted({name for _, name in self.path.ticks})
        raise ValueError(f"the path has the points {names}; received {label!r}")
