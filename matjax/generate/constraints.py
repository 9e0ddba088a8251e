"""What samples must have: a cell, atoms at their places, a space group.

Given cells and atoms come with the noise of each time until the end, as the others come
to them (Lugmayr et al., CVPR 2022, arXiv 2201.09865). A space group is kept by
:mod:`matjax.generate.orbits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Leaf
from matjax.crystals import Crystal
from matjax.crystals.wyckoff import PrimitiveGroup, primitive_group
from matjax.elements import symbols
from matjax.generate.cells import log_stretch
from matjax.generate.orbits import Orbits, choose_positions, orbits_of
from matjax.generate.processes import JointProcess, State

MISFIT = 1e-3
"""Relative deviation of a given cell's metric from the symmetry of a space group."""


@dataclass(frozen=True)
class Constraints:
    """What every sample has, beside its composition.

    Coordinates and cells of samples with a space group are those of the primitive cell
    in the group's standard setting.
    """

    cell: np.ndarray | None = None
    """Lattice vectors as rows, (3, 3), Å."""
    held: Crystal | None = None
    """Atoms that every sample has at these fractional coordinates."""
    space_group: int | str | None = None
    """Number or symbol. On which Wyckoff positions atoms stand is drawn for each
    sample, all choices that the composition allows being equally likely."""

    def __post_init__(self) -> None:
        if self.space_group is not None and self.held is not None:
            raise ValueError(
                "atoms are held or a space group is kept, not both: the group chooses "
                "the positions"
            )
        group = None
        if self.space_group is not None:
            group = primitive_group(self.space_group)
        if self.cell is None:
            return
        cell = np.asarray(self.cell, np.float64)
        if cell.shape != (3, 3) or not abs(np.linalg.det(cell)) > 0:
            raise ValueError(
                f"a given cell is three vectors in Å, (3, 3), that span a volume; "
                f"received {np.asarray(self.cell).tolist()}"
            )
        if group is not None:
            _require_metric(group, cell)

    @property
    def names(self) -> list[str]:
        """Names of those that are set."""
        return [name for name, value in vars(self).items() if value is not None]

    def ordered(self, composition: np.ndarray) -> np.ndarray:
        """Atomic numbers of a cell, in the order in which samples have them.

        Args:
            composition: atomic numbers, (atoms,); zeros where they are to be chosen.

        Raises:
            ValueError: if the composition has not all atoms that are held.
        """
        if self.held is not None:
            return _with_held(composition, self.held)
        return composition if self.space_group is None else np.sort(composition)


class Bound(struct.PyTreeNode):
    """Constraints, conditions and latents of samples; None where there are none."""

    known: Leaf | None = None
    """Atoms that are held, (nodes,)."""
    known_cell: Leaf | None = None
    """Whether the cell is kept, ()."""
    orbits: Orbits | None = None
    conditions: Leaf | None = None
    """What a network is asked for, (conditions,); NaN where it is open."""
    latents: Leaf | None = None
    """From which a network reads cell and composition, (latent,)."""


def bind(
    constraints: Constraints,
    process: JointProcess,
    compositions: Sequence[np.ndarray],
    given: State,
    seed: int,
) -> tuple[State, Bound]:
    """States with what is given, and the constraints on each sample.

    Args:
        constraints: on all samples.
        process: of the generator.
        compositions: atomic numbers of each sample; ascending, or those of held atoms
            first.
        given: states of these compositions, (samples, ...).
        seed: of the choice of Wyckoff positions.

    Raises:
        ValueError: if the space group has no positions for a composition, or the
            process needs a cell.
    """
    if constraints.cell is None and process.cell is None:
        raise ValueError(
            "this generator needs a cell, which is given to it: "
            "constraints=Constraints(cell=...)"
        )
    n, n_nodes = given.mask.shape
    bound = Bound()
    if (cell := constraints.cell) is not None:
        volumes = process.volume * given.mask.sum(axis=1)
        cells = jnp.broadcast_to(jnp.asarray(cell), (n, 3, 3))
        stretch = log_stretch(cells, volumes)[:, None] / process.spread
        given = given.replace(cell=stretch.astype(given.cell.dtype))
        bound = bound.replace(known_cell=jnp.ones(n, bool))
    if (held := constraints.held) is not None:
        atoms = jnp.arange(n_nodes) < held.n_atoms
        places = np.array(given.fractional)
        places[:, : held.n_atoms] = held.fractional % 1
        given = given.replace(fractional=jnp.asarray(places))
        bound = bound.replace(known=jnp.broadcast_to(atoms, (n, n_nodes)))
    if constraints.space_group is not None:
        group = primitive_group(constraints.space_group)
        orbits = []
        for k, composition in enumerate(compositions):
            rng = np.random.default_rng([seed, k])  # the same among any number
            positions = choose_positions(composition, group, rng)
            orbits.append(orbits_of(group, positions, n_nodes))
        bound = bound.replace(orbits=jax.tree.map(lambda *x: np.stack(x), *orbits))
    return given, bound


def _with_held(composition: np.ndarray, held: Crystal) -> np.ndarray:
    """Atomic numbers of a cell, those of held atoms first."""
    rest = composition.tolist()
    for number in np.asarray(held.numbers).tolist():
        wanted = number if any(composition) else 0
        if wanted not in rest:
            raise ValueError(
                "held atoms must be among those of the formula; "
                f"{symbols((number,))[0]} is held more often than "
                f"{np.sum(composition == wanted)} times"
            )
        rest.remove(wanted)
    return np.array([*np.asarray(held.numbers), *rest])


def _require_metric(group: PrimitiveGroup, cell: np.ndarray) -> None:
    metric = cell @ cell.T
    w = group.rotations
    turned = w.swapaxes(1, 2) @ metric @ w
    if np.abs(turned - metric).max() > MISFIT * np.abs(metric).max():
        raise ValueError(
            f"the given cell must have the symmetry of {group.symbol} "
            f"({group.number}), in the primitive cell of its standard setting; its "
            f"metric changes by {np.abs(turned - metric).max():.3g} Å²: leave the cell "
            "or the group out"
        )
