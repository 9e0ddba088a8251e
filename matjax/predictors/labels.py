"""What is known of crystals, or said of them by models: kinds of values in one table.

A label is a scalar, a tensor or a spectrum; it belongs to each atom or to the crystal.
All that depends on its kind (how it is padded, what masks hold, how errors count and
are named, which numbers are refused) is decided here, so that a new kind is one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, get_args

import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array
from matjax.graphs import Graph, Shape
from matjax.units import GPA, unit_name

Per = Literal["atom", "cell", "graph", "spectrum", "column"]
"""What carries a value: an atom; the cell, which has twice of it when it is doubled;
the crystal, whatever its cell; the crystal at each point of an axis, whose number is
the ``shape``; an atom in a column of force constants."""

LARGEST = 1e15
"""Beyond this no label is read, whatever its unit: losses square it in float32."""


@dataclass(frozen=True)
class Label:
    """One kind of value.

    Labels of one name are equal in a program; :func:`as_label` knows those of the table
    by their names.
    """

    name: str
    per: Per = "graph"
    shape: tuple[int, ...] = ()
    """Shape of one value: () of a scalar, (3, 3) of a tensor, (points,) of a
    spectrum."""
    unit: str = ""
    """Unit of the values, such as ``eV/Å``."""
    intensive: bool | None = None
    """Whether a supercell has the same value; by default all but those of the cell
    do. Errors of the others count by atom."""
    largest: float = LARGEST
    """What no calculation exceeds, in the unit; by atom where it is not intensive."""
    shown: tuple[str, str, float] | None = None
    """Name, unit and number of that unit in ``unit``, as errors are told; by default
    those of the label itself."""

    def __post_init__(self) -> None:
        if self.per not in get_args(Per):
            raise ValueError(
                f"a label is per {', '.join(get_args(Per))}; {self.name!r} is per "
                f"{self.per!r}"
            )
        if self.per == "spectrum" and len(self.shape) != 1:
            raise ValueError(
                f"a spectrum has the shape (points,); {self.name!r} has {self.shape}"
            )
        if self.intensive is None:
            object.__setattr__(self, "intensive", self.per != "cell")

    @property
    def of_atoms(self) -> bool:
        """Whether values lie along the nodes of a graph."""
        return self.per in ("atom", "column")

    def values_shape(self, n_atoms: int) -> tuple[int, ...]:
        """Shape of the values of a crystal; columns have two axes more before it."""
        return (n_atoms, *self.shape) if self.of_atoms else self.shape

    def zeros(self, shape: Shape, dtype: Any) -> np.ndarray:
        """Values of a padded batch that holds no crystal yet."""
        first = shape.n_nodes if self.of_atoms else shape.n_graphs
        return np.zeros((first, *self.shape), dtype=dtype)

    def mask(self, values: Array, graph: Graph) -> Array:
        """What of the padded values is not padding, in their shape."""
        mask = graph.node_mask if self.of_atoms else graph.graph_mask
        return jnp.broadcast_to(
            mask.reshape(-1, *(1,) * len(self.shape)), jnp.shape(values)
        )

    def by_atom(self, values: Array, graph: Graph) -> Array:
        """The padded values, of an atom where a supercell would have more of them."""
        if self.intensive or self.of_atoms:
            return values
        n_atoms = jnp.maximum(graph.n_atoms, 1).astype(values.dtype)
        return values / n_atoms.reshape(-1, *(1,) * len(self.shape))

    def metric(self, statistic: str) -> tuple[str, float]:
        """Name of an error with its unit, and by what the error is multiplied."""
        unit = self.unit
        if not self.intensive and not self.of_atoms:
            unit = f"{unit}/atom"
        name, unit, factor = self.shown or (self.name, unit, 1.0)
        return "_".join(x for x in (name, statistic, unit_name(unit)) if x), factor

    def checked(self, value: Any, n_atoms: int, source: str) -> np.ndarray | float:
        """The values of a crystal, finite and of the right shape; scalars as floats.

        Args:
            value: as a file or a program has it; a symmetric tensor (3, 3) may be six
                numbers in the order xx, yy, zz, yz, xz, xy, and a tensor of each atom a
                row of numbers, its last index changing first, as tables have it.
            n_atoms: number of atoms of the crystal.
            source: the frame, for errors.

        Raises:
            ValueError: naming the frame, if they are not.
        """
        wanted = self.values_shape(n_atoms)
        array = _numbers(value, self.name, source)
        if wanted == (3, 3) and array.shape == (6,):
            xx, yy, zz, yz, xz, xy = array
            array = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        if self.of_atoms and array.shape == (n_atoms, prod(self.shape)):
            array = array.reshape(wanted)
        if array.shape != wanted:
            needed = f"have shape {wanted}" if wanted else "be a number"
            raise ValueError(
                f"{source}: {self.name} of {n_atoms} atoms must {needed}; received "
                f"{array.shape if wanted else repr(value)}"
            )
        if not np.isfinite(array).all():
            few = array if array.size < 10 else array[~np.isfinite(array)][:3]
            raise ValueError(
                f"{source}: {self.name} must be finite; received {few}: remove the "
                "frame"
            )
        most = self.largest * (1 if self.intensive or self.of_atoms else n_atoms)
        largest = float(np.abs(array).max(initial=0))
        if largest > most:
            raise ValueError(
                f"{source}: {self.name} may be {most:g} at most; received "
                f"{largest:g}: correct its unit, or remove the frame"
            )
        return array if wanted else float(array)


LABELS: dict[str, Label] = {
    label.name: label
    for label in (
        # With all its electrons an atom of the heaviest elements has some 1e6 eV; bare
        # protons 0.01 Å apart repel each other with 1.4e5 eV/Å; inside white dwarfs the
        # pressure is 1e4 eV/Å³.
        Label("energy", "cell", (), "eV", None, 1e7, ("energy", "meV/atom", 1e3)),
        Label("forces", "atom", (3,), "eV/Å", None, 1e6, ("force", "meV/Å", 1e3)),
        Label("stress", "graph", (3, 3), "eV/Å³", None, 1e6, ("stress", "GPa", GPA)),
        Label("columns", "column", (3,), "eV/Å²", shown=("column", "meV/Å²", 1e3)),
        Label("magmoms", "atom", (), "μB"),
        Label("born_charges", "atom", (3, 3), "e"),
        Label("dielectric", "graph", (3, 3)),
    )
}
"""The labels known by name."""


def as_label(label: Label | str) -> Label:
    """A label of the table by its name; other names are scalars of the crystal."""
    if isinstance(label, Label):
        return label
    return LABELS.get(label, Label(label))


def _numbers(value: Any, name: str, source: str) -> np.ndarray:
    """An array of float64 of numbers, or of the text of one number."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "fiu" or array.ndim == 0:
            return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{source}: {name} must be a number; received {value!r}")
