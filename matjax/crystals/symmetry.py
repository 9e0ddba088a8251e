"""Space groups through spglib: operations, primitive cells, symmetric averages.

An operation carries fractional coordinates f (a column) to W f + w. All functions but
the two averages run on the host and need three periodic directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import spglib
from flax import struct
from scipy.spatial import KDTree

from matjax.arrays import Array, Float, Leaf
from matjax.crystals.crystal import Crystal
from matjax.crystals.lattice import call_spglib, inverse, niggli_reduce, transform


class Symmetry(struct.PyTreeNode):
    """The space group of a crystal, in the setting and the origin of that crystal.

    For a cell that is not primitive the operations include its inner translations.
    """

    rotations: Leaf
    """W in fractional coordinates, (operations, 3, 3), integers."""
    translations: Leaf
    """w in fractional coordinates, (operations, 3), in [0, 1)."""
    permutation: Leaf
    """Atom onto which each operation carries each atom, (operations, atoms)."""
    equivalent: Leaf
    """First atom of the orbit of each atom, (atoms,)."""
    symbol: str = struct.field(pytree_node=False)
    """International short symbol, such as Fd-3m."""
    number: int = struct.field(pytree_node=False)
    """Number in the International Tables, 1 to 230."""
    hall: str = struct.field(pytree_node=False)
    """Hall symbol."""

    @property
    def n_operations(self) -> int:
        """Number of operations modulo the translations of the cell."""
        return self.rotations.shape[0]


def space_group(crystal: Crystal, symprec: float = 1e-3) -> Symmetry:
    """Space group of a crystal, and how its operations permute the atoms.

    Args:
        crystal: with concrete arrays; left-handed cells are fine.
        symprec: Å; atoms within this distance of their symmetric places count as there.

    Raises:
        ValueError: if a direction is not periodic or no group is found.
    """
    data = _ask_spglib(spglib.get_symmetry_dataset, crystal, symprec)
    rotations = np.asarray(data.rotations, dtype=np.int32)
    # _ask_spglib hands over the basis −cell of a left-handed cell: w changes its sign.
    translations = _handedness(crystal) * np.asarray(data.translations)
    # A supercell of M cells has M inner translations t, and M operations of each W: one
    # of them times every t. Atoms are searched for the factors alone.
    inner = np.flatnonzero((rotations == np.eye(3)).all(axis=(1, 2)))
    first = np.sort(np.unique(rotations, axis=0, return_index=True)[1])
    if len(inner) * len(first) != len(rotations):
        raise ValueError(
            f"symmetry operations must form a group; at symprec={symprec} Å spglib "
            f"finds {len(rotations)} that do not: choose another symprec"
        )
    searched = np.concatenate([inner, first])
    permutation, translations = _permutations(
        crystal, rotations[searched], translations[searched], symprec
    )
    t, g = slice(len(inner)), slice(len(inner), None)
    products = permutation[t][:, permutation[g]].reshape(-1, crystal.n_atoms)
    shifts = translations[t][:, None] + translations[g]
    return Symmetry(
        rotations=np.tile(rotations[first], (len(inner), 1, 1)),
        translations=_wrapped(shifts.reshape(-1, 3)),
        permutation=products,
        equivalent=products.min(axis=0),
        symbol=data.international,
        number=int(data.number),
        hall=data.hall,
    )


def symmetrize_vectors(
    symmetry: Symmetry, cell: Float[Array, "3 3"], vectors: Float[Array, "atoms 3"]
) -> Float[Array, "atoms 3"]:
    """Average over the space group of one Cartesian vector for each atom.

    For forces and displacements: an exact projection, pure and differentiable.
    Under a strain that keeps the group the same operations hold in the strained cell.
    """
    fractional = transform(vectors, inverse(cell))
    moved = jnp.asarray(fractional)[symmetry.permutation]
    # Operation g carries v_i to W v_i at atom g(i). The average over the inverses is
    # the same and gathers, where this would scatter: deterministic on every backend.
    inverses = _integer_inverse(symmetry.rotations).astype(fractional.dtype)
    average = jnp.einsum("kni,kji->nj", moved, inverses, precision="highest")
    return transform(average / symmetry.n_operations, cell)


def symmetrize_tensor(
    symmetry: Symmetry, cell: Float[Array, "3 3"], tensor: Float[Array, "3 3"]
) -> Float[Array, "3 3"]:
    """Average over the point group of a Cartesian tensor, such as stress or strain.

    A projection, pure and differentiable; a symmetric tensor stays symmetric.
    """
    rotations = jnp.asarray(symmetry.rotations).astype(cell.dtype)
    # x' = x R for Cartesian rows; from f' = f Wᵀ and x = f cell.
    cartesian = jnp.einsum(
        "ai,kji,jb->kab", inverse(cell), rotations, cell, precision="highest"
    )
    average = jnp.einsum(
        "kab,ac,kcd->bd",
        cartesian,
        jnp.asarray(tensor),
        cartesian,
        precision="highest",
    )
    return average / symmetry.n_operations


def symmetrized(crystal: Crystal, symprec: float = 1e-3) -> Crystal:
    """The crystal with cell and atoms moved to where its space group wants them.

    Metric and coordinates are averaged over the group, so that its symmetry holds to
    round-off. The cell is stretched, not rotated; atoms keep their order and move by
    about ``symprec`` at most.

    Raises:
        ValueError: as :func:`space_group`.
    """
    symmetry = space_group(crystal, symprec)
    cell = np.asarray(crystal.cell, dtype=np.float64)
    fractional = np.asarray(crystal.fractional, dtype=np.float64)
    rotations = symmetry.rotations.astype(np.float64)

    metric = np.mean(rotations.swapaxes(1, 2) @ (cell @ cell.T) @ rotations, axis=0)
    # The symmetric S nearest to 1 with (cell S)(cell S)ᵀ = metric.
    square = np.linalg.inv(cell) @ metric @ np.linalg.inv(cell).T
    values, vectors = np.linalg.eigh(square)
    stretch = (vectors * np.sqrt(values)) @ vectors.T

    images = fractional @ rotations.swapaxes(1, 2) + symmetry.translations[:, None]
    deviation = images - fractional[symmetry.permutation]
    deviation -= np.rint(deviation)
    # Carried back to the atom they belong to: W⁻¹ (f_g(i) − w) = f_i − W⁻¹ deviation.
    inverses = np.linalg.inv(rotations)
    correction = np.einsum("kni,kji->nj", deviation, inverses) / len(rotations)
    return crystal.replace(cell=cell @ stretch, fractional=fractional - correction)


def primitive(
    crystal: Crystal, symprec: float = 1e-3, *, idealize: bool = False
) -> Crystal:
    """Standard primitive cell of a crystal.

    Atoms and lattice stay where they are in space: the crystal is the same, described
    by a smaller, right-handed cell. With ``idealize`` they are moved to exactly
    symmetric places, the origin to that of the International Tables and the cell to its
    standard orientation, so that vectors and tensors refer to rotated axes.

    Raises:
        ValueError: as :func:`space_group`.
    """
    return _standardize(crystal, symprec, to_primitive=True, idealize=idealize)


def conventional(
    crystal: Crystal, symprec: float = 1e-3, *, idealize: bool = False
) -> Crystal:
    """Conventional cell of a crystal, in the setting of the International Tables.

    Orientation, origin and ``idealize`` as in :func:`primitive`.

    Raises:
        ValueError: as :func:`space_group`.
    """
    return _standardize(crystal, symprec, to_primitive=False, idealize=idealize)


def niggli(crystal: Crystal) -> Crystal:
    """The crystal in its Niggli-reduced cell; atoms stay where they are in space.

    Raises:
        ValueError: if a direction is not periodic.
    """
    _require_periodic(crystal)
    crystal.require_whole_constraints("a Niggli cell")
    cell, matrix = niggli_reduce(np.asarray(crystal.cell))
    fractional = np.asarray(crystal.fractional) @ np.linalg.inv(matrix)
    return crystal.replace(cell=cell, fractional=fractional)


def _standardize(
    crystal: Crystal, symprec: float, *, to_primitive: bool, idealize: bool
) -> Crystal:
    crystal.require_whole_constraints("a standard cell")
    # Isotopes and fixed atoms are atoms of a kind of their own: to merge them with
    # others would lose what they differ in.
    traits = np.stack(
        [
            np.asarray(crystal.numbers, dtype=np.float64),
            np.asarray(crystal.masses, dtype=np.float64),
            np.zeros(crystal.n_atoms) if crystal.fixed is None else crystal.fixed,
        ],
        axis=1,
    )
    kinds, kind = np.unique(traits, axis=0, return_inverse=True)
    cell, fractional, types = _ask_spglib(
        spglib.standardize_cell,
        crystal.replace(numbers=1 + kind.reshape(-1)),
        symprec,
        to_primitive=to_primitive,
        no_idealize=not idealize,
    )
    numbers, masses, fixed = kinds[np.asarray(types) - 1].T
    return Crystal.create(
        numbers, cell, fractional=fractional, masses=masses, fixed=fixed.astype(bool)
    )


def _ask_spglib(
    function: Callable[..., Any],
    crystal: Crystal,
    symprec: float,
    **options: bool,
) -> Any:
    _require_periodic(crystal)
    if not symprec > 0:
        raise ValueError(f"symprec must be positive; received {symprec} Å")
    # For some left-handed cells spglib finds the space group of the mirror image. The
    # basis −cell with coordinates −f describes the same crystal and is right-handed.
    sign = _handedness(crystal)
    data = (
        sign * np.asarray(crystal.cell, dtype=np.float64),
        sign * np.asarray(crystal.fractional, dtype=np.float64),
        np.asarray(crystal.numbers),
    )
    result = call_spglib(function, data, symprec=symprec, **options)
    if result is None:
        raise ValueError(
            f"spglib finds no space group of {crystal.n_atoms} atoms at "
            f"symprec={symprec} Å: it must be smaller than the distances between atoms "
            "and larger than the noise of their coordinates; change symprec, and check "
            "that no site is listed twice"
        )
    return result


def _handedness(crystal: Crystal) -> float:
    return float(np.sign(np.linalg.det(np.asarray(crystal.cell, dtype=np.float64))))


def _require_periodic(crystal: Crystal) -> None:
    if not all(crystal.pbc):
        raise ValueError(
            f"a space group needs three periodic directions; received "
            f"pbc={crystal.pbc}. If the vacuum is part of the cell, "
            "use crystal.replace(pbc=(True, True, True))"
        )


def _permutations(
    crystal: Crystal, rotations: np.ndarray, translations: np.ndarray, symprec: float
) -> tuple[np.ndarray, np.ndarray]:
    """Permutation table, and translations consistent with it to round-off."""
    cell = np.asarray(crystal.cell, dtype=np.float64)
    fractional = np.asarray(crystal.fractional, dtype=np.float64)
    numbers = np.asarray(crystal.numbers)
    # A periodic tree of coordinates scaled by the lengths of the cell vectors; that is
    # not Cartesian space, so the nearest of a few candidates is taken there.
    lengths = np.linalg.norm(cell, axis=1)
    inside = np.minimum(_wrapped(fractional) * lengths, np.nextafter(lengths, 0))
    tree = KDTree(inside, boxsize=lengths)
    n_candidates = min(8, len(numbers))

    permutation = np.empty((len(rotations), len(numbers)), dtype=np.int32)
    refined = np.empty_like(translations)
    for k, (rotation, translation) in enumerate(
        zip(rotations, translations, strict=True)
    ):
        images = fractional @ rotation.T + translation
        indices = tree.query(_wrapped(images) * lengths, k=n_candidates)[1]
        candidates = np.asarray(indices).reshape(len(numbers), -1)
        apart = images[:, None] - fractional[candidates]
        apart -= np.rint(apart)
        distances = np.linalg.norm(apart @ cell, axis=-1)
        distances[numbers[candidates] != numbers[:, None]] = np.inf
        rows, nearest = np.arange(len(numbers)), distances.argmin(axis=1)
        _require_match(distances[rows, nearest], candidates[rows, nearest], symprec)
        permutation[k] = candidates[rows, nearest]
        # spglib's w fits one atom; the mean over all makes the operations a group to
        # round-off, with the atoms' centroid where the group wants it.
        refined[k] = translation - apart[rows, nearest].mean(axis=0)
    return permutation, refined


def _require_match(
    distances: np.ndarray, permutation: np.ndarray, symprec: float
) -> None:
    # spglib compares through an origin of its own: two errors of symprec may add.
    one_to_one = len(np.unique(permutation)) == len(permutation)
    if distances.max() > 3 * symprec or not one_to_one:
        raise ValueError(
            f"each symmetry operation must carry atoms onto atoms within about "
            f"symprec={symprec} Å; one is off by {distances.max():.2g} Å: "
            "choose another symprec"
        )


def _wrapped(fractional: np.ndarray) -> np.ndarray:
    wrapped = fractional % 1.0
    return np.where(wrapped == 1.0, 0.0, wrapped)  # −1e-17 % 1 is 1


def _integer_inverse(rotations: Array) -> Array:
    """Inverses of unimodular matrices, exact."""
    rows = jnp.asarray(rotations)
    a, b, c = rows[..., 0, :], rows[..., 1, :], rows[..., 2, :]
    duals = [jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)]
    determinant = jnp.sum(a * duals[0], axis=-1)  # ±1, its own inverse
    return jnp.stack(duals, axis=-1) * determinant[..., None, None]
