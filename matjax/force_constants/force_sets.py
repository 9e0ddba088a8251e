"""Force constants of a supercell from the forces on displaced atoms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.crystals import Crystal, Symmetry, space_group


class ForceSets(NamedTuple):
    """Displacements of the atoms of a supercell, and the forces that they cause."""

    displacements: Float[Array, "sets atoms 3"]
    """Å."""
    forces: Float[Array, "sets atoms 3"]
    """eV/Å."""

    @property
    def single(self) -> bool:
        """Whether one atom is displaced in each set."""
        moved = np.any(self.displacements != 0, axis=2)
        return bool((moved.sum(axis=1) == 1).all())


def fit_single_displacements(
    supercell: Crystal,
    sets: ForceSets,
    rows: Int[Array, "rows"],
    *,
    symprec: float = 1e-5,
) -> Float[Array, "rows atoms 3 3"]:
    """Force constants between some atoms of a supercell and all of them, eV/Å².

    For each displaced atom i, F_j = −u Φ_ij is solved for all j by least squares over
    its displacements and their images under the symmetry of its site, which makes Φ
    obey that symmetry. Φ of other atoms is that of an image among the displaced ones.
    Neither Φ_ij = Φ_jiᵀ nor the sum rule is imposed.

    Source: Parlinski, Li, Kawazoe, Phys. Rev. Lett. 78, 4063 (1997).

    Args:
        supercell: at rest.
        sets: of one displaced atom each.
        rows: the atoms whose force constants are wanted.
        symprec: tolerance of the symmetry search, Å.

    Raises:
        ValueError: if the displacements and their images leave an element unknown.
    """
    symmetry = space_group(supercell, symprec)
    rotations = cartesian_rotations(symmetry, supercell)
    moved = np.any(sets.displacements != 0, axis=2).argmax(axis=1)
    known = {
        int(atom): _around(int(atom), sets, moved == atom, symmetry, rotations)
        for atom in np.unique(moved)
    }
    return np.stack([_image(int(i), known, symmetry, rotations) for i in rows])


def cartesian_rotations(
    symmetry: Symmetry, crystal: Crystal
) -> Float[Array, "operations 3 3"]:
    """Rotations R of the space group for Cartesian columns, x' = R x."""
    cell = np.asarray(crystal.cell, dtype=float).T
    return cell @ symmetry.rotations @ np.linalg.inv(cell)


def _around(
    atom: int,
    sets: ForceSets,
    chosen: np.ndarray,
    symmetry: Symmetry,
    rotations: Array,
) -> np.ndarray:
    """Φ between a displaced atom and all others, (atoms, 3, 3)."""
    site = np.flatnonzero(symmetry.permutation[:, atom] == atom)
    u = np.einsum("gab,sb->gsa", rotations[site], sets.displacements[chosen, atom])
    u = u.reshape(-1, 3)
    if np.linalg.matrix_rank(u, tol=1e-3 * np.linalg.norm(u, axis=1).max()) < 3:
        raise ValueError(
            f"displacements of an atom and their images by symmetry must span space; "
            f"those of atom {atom + 1} do not: are sets of forces missing, or is the "
            "crystal less symmetric than it was when they were made?"
        )
    # Operation g carries the force on atom j to atom g(j), rotated.
    forces = np.empty((len(site), int(chosen.sum()), len(symmetry.equivalent), 3))
    for k, g in enumerate(site):
        forces[k][:, symmetry.permutation[g]] = sets.forces[chosen] @ rotations[g].T
    forces = forces.reshape(len(u), -1)
    blocks = -np.linalg.pinv(u) @ forces
    return blocks.reshape(3, -1, 3).swapaxes(0, 1)


def _image(
    atom: int,
    known: dict[int, np.ndarray],
    symmetry: Symmetry,
    rotations: Array,
) -> np.ndarray:
    """Φ_ij = Rᵀ Φ_g(i)g(j) R with an operation g that carries i to a displaced atom."""
    images = symmetry.permutation[:, atom]
    operations = np.flatnonzero(np.isin(images, list(known)))
    if not len(operations):
        raise ValueError(
            f"each atom must be related by symmetry to a displaced one; atom "
            f"{atom + 1} of the supercell is not: are sets of forces missing, or are "
            "they of another crystal?"
        )
    g = operations[0]
    blocks = known[int(images[g])][symmetry.permutation[g]]
    return rotations[g].T @ blocks @ rotations[g]
