"""Phonons from the files of phonopy: forces, force constants and Born charges."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal, primitive, space_group
from matjax.force_constants import from_supercell
from matjax.force_constants.ewald import COULOMB, NEUTRAL
from matjax.force_constants.force_fit import fit_displacements
from matjax.force_constants.force_sets import (
    ForceSets,
    cartesian_rotations,
    fit_single_displacements,
)
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.phonopy.phonopy_files import (
    find_file,
    read_born,
    read_force_constants,
    read_force_sets,
)
from matjax.lattice_dynamics.phonopy.phonopy_yaml import (
    PARAMETERS,
    Parameters,
    read_parameters,
    require_same_displacements,
)
from matjax.lattice_dynamics.polar import with_polar

SYMPREC = 1e-5
"""Å; phonopy's own default."""

LARGEST = 0.2
"""Å; atoms that much apart may be different ones: bonds begin at 0.7 Å."""


def read_phonopy(
    folder: str | os.PathLike[str],
    *,
    symmetrize: bool = True,
    primitive_matrix: Float[Array, "3 3"] | Sequence | None = None,
    polar: bool = True,
    method: str | None = None,
    symprec: float | None = None,
) -> Phonons:
    """Phonons of the primitive cell from the files of a phonopy calculation.

    Read are phonopy_params.yaml, else phonopy_disp.yaml, else phonopy.yaml; force
    constants from there or from FORCE_CONSTANTS, else forces from there or from
    FORCE_SETS; Born charges from there or from BORN, with the macroscopic field that
    follows (:func:`with_polar` on the grid of the supercell). Files may be compressed
    (``.xz``, ``.gz``). Frequencies are those of ``phonopy.load`` with the same files.

    The largest force at rest is not in the files; ``max_force`` is NaN.

    Args:
        folder: of the files, or one of the yaml files in it.
        symmetrize: whether force constants that are fitted to forces are made to obey
            Φ_ij = Φ_jiᵀ and the sum rule, by the least change; those that are given
            are never touched. With False, as with phonopy's ``symmetrize_fc=False``,
            rounded forces leave acoustic frequencies at Γ of some 0.01 THz.
        primitive_matrix: primitive vectors in units of those of the unit cell, as
            columns; by default those of the file, and where it has none, those that
            the space group gives.
        polar: whether Born charges are read and their field is added.
        method: of the macroscopic field; by default that of the file, or ``gonze``.
        symprec: Å, tolerance of symmetry, and of equal distances between images of an
            atom; by default the ``symmetry_tolerance`` of the file, and where it has
            none, 1e-5, that of phonopy.

    Raises:
        FileNotFoundError: if a file is missing without which there are no phonons.
        ValueError: if a file is damaged, or files do not belong together: forces of
            other displacements or atoms, Born charges of another crystal.
    """
    if symprec is not None:
        _require_tolerance("symprec", symprec)
    parameters = read_parameters(_parameters_file(Path(folder)))
    if symprec is None and parameters.symprec is not None:
        name = f"{parameters.path}: symmetry_tolerance"
        _require_tolerance(name, parameters.symprec)
    symprec = symprec or parameters.symprec or SYMPREC
    try:
        return _phonons(
            parameters,
            symmetrize=symmetrize,
            primitive_matrix=primitive_matrix,
            polar=polar,
            method=method,
            symprec=symprec,
        )
    except ValueError as error:
        folder = parameters.path.parent
        if str(folder) in str(error):
            raise
        raise ValueError(f"{parameters.path}: {error}") from error


def _require_tolerance(name: str, symprec: float) -> None:
    if not 0 < symprec <= LARGEST:
        raise ValueError(
            f"{name} must be positive and at most {LARGEST} Å, well below the distance "
            f"of two atoms; received {symprec} Å"
        )


def _phonons(
    parameters: Parameters,
    *,
    symmetrize: bool,
    primitive_matrix: Float[Array, "3 3"] | Sequence | None,
    polar: bool,
    method: str | None,
    symprec: float,
) -> Phonons:
    cells = _cells(parameters, primitive_matrix, symprec)
    constants, fitted = _force_constants(parameters, cells, symprec)
    if fitted and symmetrize:
        constants = _symmetrized(constants, cells)
    source = from_supercell(
        cells.crystal,
        cells.matrix,
        constants,
        atom=cells.atom,
        cells=cells.translation,
        tolerance=symprec,
    )
    phonons = Phonons(
        crystal=cells.crystal,
        source=source,
        masses=np.asarray(cells.crystal.masses),
        max_force=np.array(np.nan),
        grid=tuple(map(tuple, np.asarray(cells.matrix).tolist())),
    )
    response = _polar(parameters, cells.crystal, symprec) if polar else None
    if response is None:
        return phonons
    charges, dielectric, coulomb = response
    return with_polar(
        phonons,
        charges,
        dielectric,
        cells.matrix,
        method=method or parameters.method or "gonze",
        coulomb=COULOMB if coulomb is None else coulomb,
    )


class _Cells(NamedTuple):
    """The primitive cell, and how the supercell is made of it."""

    crystal: Crystal
    matrix: np.ndarray
    """Supercell vectors in units of the primitive ones, as rows."""
    atom: np.ndarray
    """Atom of the primitive cell that each site is an image of, (sites,)."""
    translation: np.ndarray
    """Cell of each site, (sites, 3), integers."""
    home: np.ndarray
    """Site that each atom of the primitive cell is, (atoms,)."""


def _parameters_file(folder: Path) -> Path:
    if folder.is_file():
        return folder
    file = find_file(folder, *PARAMETERS)
    if file is None:
        raise FileNotFoundError(
            f"{folder} must hold one of {', '.join(PARAMETERS)}; it has none"
        )
    return file


def _cells(
    parameters: Parameters, given: Array | Sequence | None, symprec: float
) -> _Cells:
    unit, supercell = parameters.unit_cell, parameters.supercell
    given = parameters.primitive_matrix if given is None else given
    if given is None:
        cell = np.asarray(primitive(unit, symprec).cell)
    elif np.shape(given) != (3, 3) or np.linalg.matrix_rank(given) < 3:
        raise ValueError(
            f"a primitive matrix is 3 x 3 and not singular; received {given}"
        )
    else:
        cell = np.asarray(given, dtype=float).T @ unit.cell
    exact = supercell.cell @ np.linalg.inv(cell)
    integers = np.rint(exact).astype(int)
    if abs(exact - integers).max() > 1e-4:
        raise ValueError(
            f"{parameters.path}: supercell vectors must be lattice vectors of the "
            f"primitive cell; in units of its vectors they are\n{exact}"
        )
    fractional = supercell.positions @ np.linalg.inv(cell)
    home: list[int] = []
    atom = np.empty(supercell.n_atoms, dtype=int)
    for site, place in enumerate(fractional):
        apart = fractional[home] - place
        distance = np.linalg.norm((apart - np.rint(apart)) @ cell, axis=1)
        same = supercell.numbers[home] == supercell.numbers[site]
        same &= supercell.masses[home] == supercell.masses[site]
        match = np.flatnonzero((distance < min(10 * symprec, LARGEST)) & same)
        if not len(match):
            home.append(site)
        atom[site] = match[0] if len(match) else len(home) - 1
    n_cells = round(abs(np.linalg.det(exact)))
    if len(home) * n_cells != supercell.n_atoms:
        raise ValueError(
            f"{parameters.path}: the atoms of the supercell and their masses must "
            f"repeat with the primitive cell; {supercell.n_atoms} atoms in {n_cells} "
            f"cells are images of {len(home)}"
        )
    translation = np.rint(fractional - fractional[home][atom]).astype(int)
    crystal = Crystal.create(
        supercell.numbers[home],
        cell,
        fractional=fractional[home],
        masses=supercell.masses[home],
    )
    return _Cells(crystal, integers, atom, translation, np.array(home))


def _force_constants(
    parameters: Parameters, cells: _Cells, symprec: float
) -> tuple[Array, bool]:
    """Between each atom of the primitive cell and all sites, and whether by a fit."""
    folder, supercell = parameters.path.parent, parameters.supercell
    n_sites = supercell.n_atoms
    if parameters.force_constants is not None:
        given = parameters.force_constants
        rows = np.arange(n_sites) if len(given) == n_sites else cells.home
        return _chosen_rows(parameters.path, given, rows, cells), False
    if parameters.forces is not None and parameters.displacements is not None:
        sets = ForceSets(parameters.displacements, parameters.forces)
        return _fitted(supercell, sets, cells, symprec), True
    path = find_file(folder, "FORCE_CONSTANTS")
    if path is not None:
        blocks, rows = read_force_constants(path, parameters.units)
        return _chosen_rows(path, blocks, rows, cells), False
    path = find_file(folder, "FORCE_SETS")
    if path is None:
        binary = find_file(folder, "force_constants.hdf5")
        raise FileNotFoundError(
            f"{parameters.path} has neither forces nor force constants, and {folder} "
            "neither FORCE_SETS nor FORCE_CONSTANTS"
            + ("; write force_constants.hdf5 as text, which is read" if binary else "")
        )
    sets = read_force_sets(path, n_sites, parameters.units)
    require_same_displacements(path, sets, parameters)
    return _fitted(supercell, sets, cells, symprec), True


def _fitted(
    supercell: Crystal, sets: ForceSets, cells: _Cells, symprec: float
) -> Array:
    if sets.forces.shape != sets.displacements.shape:
        raise ValueError(
            f"forces {sets.forces.shape} and displacements {sets.displacements.shape} "
            "must be of the same sets and atoms"
        )
    fit = fit_single_displacements if sets.single else fit_displacements
    return fit(supercell, sets, cells.home, symprec=symprec)


def _symmetrized(blocks: Array, cells: _Cells) -> Array:
    """Projection onto Φ_ij = Φ_jiᵀ and Σ_j Φ_ij = 0."""
    n, n_sites = blocks.shape[:2]
    size = n_sites // n
    inverse = size * np.linalg.inv(cells.matrix)

    def place(translation: np.ndarray) -> np.ndarray:
        inside = np.rint(translation @ inverse).astype(int) % size
        return np.asarray(np.ravel_multi_index(tuple(inside.T), (size, size, size)))

    site = {
        (int(atom), int(spot)): s
        for s, (atom, spot) in enumerate(
            zip(cells.atom, place(cells.translation), strict=True)
        )
    }
    # From atom b of cell R, atom i of the home cell lies in cell −R.
    back = place(-cells.translation)
    opposite = np.array([[site[i, int(spot)] for spot in back] for i in range(n)])
    blocks = (blocks + blocks[cells.atom[None], opposite].swapaxes(-1, -2)) / 2
    sums = blocks.sum(axis=1)
    blocks = blocks - (sums[:, None] + sums[cells.atom].swapaxes(-1, -2)) / n_sites
    return blocks + sums.sum(axis=0) / (n * n_sites)


def _chosen_rows(path: Path, blocks: Array, rows: Array, cells: _Cells) -> Array:
    """Rows of the atoms of the primitive cell."""
    fits = blocks.shape[:2] == (len(rows), len(cells.atom))
    if not fits or not np.isin(cells.home, rows).all():
        raise ValueError(
            f"{path} must hold force constants of the atoms {cells.home + 1} with all "
            f"{len(cells.atom)} of the supercell; received {blocks.shape[:2]} pairs: "
            "do the files belong together, or is the primitive cell another "
            "(primitive_matrix)?"
        )
    place = {int(row): k for k, row in enumerate(rows)}
    return blocks[[place[int(site)] for site in cells.home]]


def _polar(
    parameters: Parameters, crystal: Crystal, symprec: float
) -> tuple[Array, Array, float | None] | None:
    """Charges of all atoms, dielectric tensor and e²/4πε₀, if there are any."""
    if parameters.charges is not None and parameters.dielectric is not None:
        return parameters.charges, parameters.dielectric, parameters.coulomb
    path = find_file(parameters.path.parent, "BORN")
    if path is None:
        return None
    born = read_born(path)
    charges = _all_charges(path, born.charges, crystal, symprec)
    coulomb = parameters.coulomb
    if born.coulomb is not None:
        coulomb = born.coulomb * parameters.units.coulomb
    return charges, born.dielectric, coulomb


def _all_charges(path: Path, charges: Array, crystal: Crystal, symprec: float) -> Array:
    """Z_i = Rᵀ Z_g(i) R from those of the first atom of each orbit."""
    symmetry = space_group(crystal, symprec)
    rotations = cartesian_rotations(symmetry, crystal)
    independent = np.unique(symmetry.equivalent)
    if len(charges) != len(independent):
        raise ValueError(
            f"{path} must hold charges of the {len(independent)} atoms of the "
            f"primitive cell that symmetry does not relate "
            f"({', '.join(crystal.symbols[i] for i in independent)}); received "
            f"{len(charges)}: is it of another crystal?"
        )
    every = np.empty((crystal.n_atoms, 3, 3))
    for i, first in enumerate(symmetry.equivalent):
        g = np.flatnonzero(symmetry.permutation[:, i] == first)[0]
        given = charges[np.searchsorted(independent, first)]
        every[i] = rotations[g].T @ given @ rotations[g]
    average = np.zeros_like(every)
    for rotation, moved in zip(rotations, symmetry.permutation, strict=True):
        average[moved] += rotation @ every @ rotation.T / len(rotations)
    if abs(average - every).max() > NEUTRAL:
        raise ValueError(
            f"{path} must hold charges that obey the space group {symmetry.symbol}; "
            f"they break it by {abs(average - every).max():.2g} e: is the file of "
            "another crystal, or are its axes others?"
        )
    return average
