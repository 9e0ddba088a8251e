"""Parsers of phonopy's plain files: forces, force constants, Born charges.

Formats: the manual of phonopy (A. Togo, J. Phys. Soc. Jpn. 92, 012001 (2023)), sections
on FORCE_SETS, FORCE_CONSTANTS and BORN. All numbers leave in eV and Å.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.force_constants.force_sets import ForceSets


class Units(NamedTuple):
    """What the numbers of a file are worth."""

    length: float
    """Å."""
    force_constant: float
    """eV/Å²."""

    @property
    def force(self) -> float:
        """eV/Å."""
        return self.force_constant * self.length

    @property
    def coulomb(self) -> float:
        """e², eV Å."""
        return self.force_constant * self.length**3


class BornFile(NamedTuple):
    """Content of a BORN file."""

    charges: Float[Array, "atoms 3 3"]
    """Born charges of the atoms that symmetry does not relate, e."""
    dielectric: Float[Array, "3 3"]
    coulomb: float | None
    """e²/4πε₀ in the units of the calculation."""


def find_file(folder: Path, *names: str) -> Path | None:
    """The first of these files that a folder has, compressed or not."""
    for name in names:
        for ending in ("", ".xz", ".gz"):
            path = folder / (name + ending)
            if path.is_file():
                return path
    return None


def read_text(path: Path) -> str:
    """Text of a file that may be compressed; raises ValueError if it is none."""
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8: {error}") from error
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise ValueError(f"{path} cannot be decompressed: {error}") from error


def read_force_sets(path: Path, n_sites: int, units: Units) -> ForceSets:
    """Content of a FORCE_SETS file, of one displaced atom in each set or of all.

    Raises:
        ValueError: if the file is damaged, or the number of atoms is another.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    numbers = _numbers(path, lines)
    n_columns = len(lines[0].split()) if lines else 0
    if n_columns == 6:
        if numbers.size % (6 * n_sites):
            raise ValueError(
                f"{path} must have a line of six numbers for each of {n_sites} atoms "
                f"in each set; received {len(lines)} lines"
            )
        u, forces = np.split(numbers.reshape(-1, n_sites, 6), 2, axis=2)
    else:
        u, forces = _single_displacements(path, numbers, n_sites)
    return ForceSets(u * units.length, forces * units.force)


def read_force_constants(
    path: Path, units: Units
) -> tuple[Float[Array, "rows sites 3 3"], Int[Array, "rows"]]:
    """Content of a FORCE_CONSTANTS file, eV/Å², and which atom each row is of.

    Raises:
        ValueError: if the file is damaged.
    """
    lines = read_text(path).splitlines()
    header = _numbers(path, lines[:1])
    numbers = _numbers(path, lines[1:])
    shape = (header[0], header[-1]) if len(header) in (1, 2) else (0, 0)
    if not len(numbers) or min(shape) < 1 or numbers.size != 11 * shape[0] * shape[1]:
        raise ValueError(
            f"{path} must hold, after the two numbers of atoms, two indices and nine "
            f"numbers for each pair; received {numbers.size} numbers for {header}"
        )
    n_rows, n_sites = int(shape[0]), int(shape[1])
    numbers = numbers.reshape(n_rows, n_sites, 11)
    rows = _indices(path, numbers[:, 0, 0], n_sites)
    order = numbers[:, :, 1] == np.arange(1, n_sites + 1)
    if not order.all() or (numbers[:, :, 0] != rows[:, None] + 1).any():
        raise ValueError(
            f"{path} must list each of {n_rows} atoms with all {n_sites} of the "
            "supercell in their order; its indices are others"
        )
    if len(np.unique(rows)) < n_rows:
        raise ValueError(f"{path} must list each atom once; received rows {rows + 1}")
    blocks = numbers[:, :, 2:].reshape(n_rows, n_sites, 3, 3)
    return blocks * units.force_constant, rows


def read_born(path: Path) -> BornFile:
    """Content of a BORN file.

    Raises:
        ValueError: if the file is damaged.
    """
    lines = [line.split("#")[0].split() for line in read_text(path).splitlines()]
    rows = [line for line in lines[1:] if line]
    if len(rows) < 2 or any(len(row) != 9 for row in rows):
        raise ValueError(
            f"{path} must hold, after its first line, nine numbers of the dielectric "
            "tensor and nine of the charges of each atom that symmetry does not "
            f"relate; received lines of {[len(row) for row in rows]} numbers"
        )
    tensors = _numbers(path, [" ".join(row) for row in rows]).reshape(-1, 3, 3)
    coulomb = None
    if lines[0]:
        try:
            coulomb = float(lines[0][0])
        except ValueError:  # a title, or "default"
            coulomb = None
    if coulomb is not None and not 0 < coulomb < np.inf:
        raise ValueError(
            f"{path} must begin with a positive unit conversion factor, or a title; "
            f"received {lines[0][0]}"
        )
    return BornFile(tensors[1:], tensors[0], coulomb)


def _single_displacements(
    path: Path, numbers: np.ndarray, n_sites: int
) -> tuple[np.ndarray, np.ndarray]:
    if len(numbers) < 2 or numbers[0] != n_sites:
        raise ValueError(
            f"{path} must hold forces on the {n_sites} atoms of the supercell; its "
            f"first line says {numbers[:1]}: do the files belong together?"
        )
    n_sets = max(1, round(numbers[1]))
    if numbers[1] < 1 or len(numbers) != 2 + n_sets * (4 + 3 * n_sites):
        raise ValueError(
            f"{path} must hold {numbers[1]:g} sets of an atom, its displacement and "
            f"{n_sites} forces; received {len(numbers)} numbers: is it cut short?"
        )
    sets = numbers[2:].reshape(n_sets, 4 + 3 * n_sites)
    u = np.zeros((n_sets, n_sites, 3))
    u[np.arange(n_sets), _indices(path, sets[:, 0], n_sites)] = sets[:, 1:4]
    return u, sets[:, 4:].reshape(n_sets, n_sites, 3)


def _indices(path: Path, given: np.ndarray, n_sites: int) -> np.ndarray:
    """Indices from 0 of atoms that a file numbers from 1."""
    wrong = (given < 1) | (given > n_sites) | (given != np.rint(given))
    if wrong.any():
        raise ValueError(
            f"{path} must number atoms from 1 to {n_sites}; received "
            f"{given[wrong][0]:g}"
        )
    return given.astype(int) - 1


def _numbers(path: Path, lines: list[str]) -> np.ndarray:
    try:
        numbers = np.array(" ".join(lines).split(), dtype=float)
    except ValueError as error:
        raise ValueError(f"{path} must hold numbers only: {error}") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path} must hold finite numbers only")
    return numbers
