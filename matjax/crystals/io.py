"""Reading, writing and converting crystals, through ASE and pymatgen.

Whatever a format leaves open is refused rather than guessed: partial occupancy, one
site listed twice, a periodic direction without a cell vector, numbers that are not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase
import ase.io
import numpy as np
from ase.io.cif import CIFBlock, parse_cif
from ase.io.formats import (
    UnknownFileTypeError,
    filetype,
    get_compression,
    ioformats,
    open_with_compression,
)
from scipy.spatial import KDTree

from matjax.crystals.crystal import Crystal

if TYPE_CHECKING:
    from pymatgen.core import Structure

_ALWAYS_PERIODIC = ("cif", "vasp")
"""Formats that cannot say that a direction is not periodic."""


def read(
    path: str | os.PathLike[str], index: int = -1, *, format: str | None = None
) -> Crystal:
    """Crystal in a file: CIF, POSCAR, extended XYZ, or whatever else ASE reads.

    Args:
        path: may be compressed (``.gz``, ``.bz2``, ``.xz``).
        index: which of several structures; the last by default, as in ASE.
        format: ASE's name of the format; by default told from name and content.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, if it cannot be read or holds no crystal: empty,
            of unknown format, truncated, coordinates or cell that are not finite, a
            cell without volume, partial occupancy, a site listed twice.
    """
    return _read(Path(path), index, format)[0]


def read_all(
    path: str | os.PathLike[str], *, format: str | None = None
) -> list[Crystal]:
    """All crystals in a file, in order; errors as :func:`read`."""
    return _read(Path(path), slice(None), format)


def write(
    path: str | os.PathLike[str],
    crystals: Crystal | Sequence[Crystal],
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write one crystal or several to a file of any format that ASE writes.

    Extended XYZ keeps coordinates to 1e-8 Å. CIF keeps no orientation of the cell. The
    file appears whole or not at all.

    Args:
        path: the name tells the format (``POSCAR``, ``x.cif``, ``x.extxyz``, and
            compressed as ``x.extxyz.gz``).
        crystals: with concrete arrays.
        format: ASE's name of the format, if the name does not tell it.
        overwrite: replace a file that exists.

    Raises:
        FileExistsError: if the file exists and is not to be replaced.
        ValueError: if there is no crystal or the format cannot hold what was given.
    """
    path = Path(path)
    crystals = [crystals] if isinstance(crystals, Crystal) else list(crystals)
    if not crystals:
        raise ValueError(f"at least one crystal is needed to write {path}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; use overwrite=True to replace it")
    partial = path.with_name(f"partial-{path.name}")
    try:
        format = format or filetype(str(path), read=False)
        images = [_writable(crystal, format) for crystal in crystals]
        single = len(images) == 1
        ase.io.write(partial, images[0] if single else images, format=format)
        partial.replace(path)
    except (UnknownFileTypeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{len(crystals)} crystals cannot be written to {path}: {error}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def crystal_from_ase(atoms: ase.Atoms) -> Crystal:
    """Crystal of an ASE ``Atoms`` object; see :meth:`Crystal.from_ase`."""
    _require_full_occupancy(atoms)
    missing = ~atoms.cell.array.any(axis=1)
    if (missing & atoms.pbc).any():
        raise ValueError(
            "each periodic direction needs a cell vector; received "
            f"pbc={atoms.pbc.tolist()} with the cell (rows, Å)\n{atoms.cell.array}\n"
            "set the cell, or pbc=False for a molecule"
        )
    # The length of a direction without period has no meaning; ASE takes 1 Å.
    return Crystal.create(
        atoms.numbers,
        atoms.cell.complete().array,
        positions=atoms.positions,
        pbc=tuple(atoms.pbc.tolist()),
    )


def crystal_to_ase(crystal: Crystal) -> ase.Atoms:
    """ASE ``Atoms`` object of a crystal with concrete arrays."""
    return ase.Atoms(
        numbers=np.asarray(crystal.numbers),
        positions=np.asarray(crystal.positions),
        cell=np.asarray(crystal.cell),
        pbc=crystal.pbc,
    )


def crystal_from_pymatgen(structure: Structure) -> Crystal:
    """Crystal of a pymatgen ``Structure``; see :meth:`Crystal.from_pymatgen`."""
    if not structure.is_ordered:
        disordered = [s.species_string for s in structure if not s.is_ordered]
        raise ValueError(
            f"every site must be fully occupied by one element; received {disordered}: "
            "choose an ordered arrangement first"
        )
    return Crystal.create(
        [site.specie.Z for site in structure],
        structure.lattice.matrix,
        fractional=structure.frac_coords,
        pbc=structure.lattice.pbc,
    )


def crystal_to_pymatgen(crystal: Crystal) -> Structure:
    """Pymatgen ``Structure`` of a crystal with concrete arrays.

    Raises:
        ImportError: if pymatgen is not installed.
    """
    try:
        from pymatgen.core import Lattice, Structure
    except ImportError as error:
        raise ImportError(
            "conversion to pymatgen needs the optional package pymatgen: "
            "install it with `pip install pymatgen`"
        ) from error
    lattice = Lattice(np.asarray(crystal.cell), pbc=crystal.pbc)
    return Structure(lattice, crystal.symbols, np.asarray(crystal.fractional))


def _read(path: Path, index: int | slice, format: str | None) -> list[Crystal]:
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; a structure is needed")
    images = _images(path, index, format)
    crystals = []
    for atoms in images:
        try:
            crystals.append(crystal_from_ase(atoms))
        except ValueError as error:
            place = "" if len(images) == 1 else f", structure {len(crystals)}"
            raise ValueError(f"{path}{place}: {error}") from error
    return crystals


def _images(path: Path, index: int | slice, format: str | None) -> list[ase.Atoms]:
    listed = []
    try:
        format = format or filetype(str(path))
        listed = _listed_sites(path) if format == "cif" else []
        images = ase.io.read(
            _source(path, format), index, format=format, do_not_split_by_at_sign=True
        )
    except (IndexError, StopIteration) as error:
        raise ValueError(
            f"{path} holds no structure {index} that ASE can read as {format}"
        ) from error
    except Exception as error:  # what a parser raises on bad input differs by format
        raise ValueError(
            f"{path} must hold a structure in a format that ASE reads; as "
            f"{format or 'a file of unknown format'} it cannot be read: "
            f"{type(error).__name__} {error}"
        ) from error
    for symbols, orbits in listed:
        _require_distinct(path, symbols, orbits)
    images = images if isinstance(images, list) else [images]
    if not images:
        raise ValueError(f"{path} holds no structure")
    return images


def _source(path: Path, format: str) -> Path | BytesIO | TextIOWrapper:
    """The file, or the content of a compressed one.

    ASE seeks from structure to structure, and a compressed file seeks by unpacking from
    its start: thousands of structures take minutes instead of seconds.
    """
    if get_compression(str(path))[1] is None or not ioformats[format].acceptsfd:
        return path
    with open_with_compression(str(path), "rb") as file:
        content = BytesIO(file.read())
    return content if ioformats[format].isbinary else TextIOWrapper(content, "utf-8")


def _writable(crystal: Crystal, format: str) -> ase.Atoms:
    if format in _ALWAYS_PERIODIC and not all(crystal.pbc):
        raise ValueError(
            f"the format {format} needs three periodic directions; received "
            f"pbc={crystal.pbc}: write extended XYZ instead"
        )
    if format == "cif" and np.linalg.det(np.asarray(crystal.cell)) < 0:
        # CIF holds lengths and angles, which a left-handed cell shares with its mirror
        # image. The basis −cell is right-handed and describes the same crystal.
        crystal = crystal.replace(cell=-crystal.cell, fractional=-crystal.fractional)
    return crystal_to_ase(crystal)


def _require_full_occupancy(atoms: ase.Atoms) -> None:
    # ASE keeps the dominant species of a site and the rest in this dictionary.
    for site in atoms.info.get("occupancy", {}).values():
        if len(site) != 1 or min(site.values()) < 1 - 1e-6:
            raise ValueError(
                "every site must be fully occupied by one element; received occupancy "
                f"{_listed(site)}: choose an ordered arrangement first"
            )


def _listed(site: dict[str, Any]) -> str:
    return ", ".join(f"{symbol} {value:g}" for symbol, value in site.items())


def _listed_sites(path: Path) -> list[tuple[list[str], list[np.ndarray]]]:
    """For each structure of a CIF the symbols of its sites and all places of each."""
    with open_with_compression(str(path), "rb") as file:
        blocks = [block for block in parse_cif(file) if block.has_structure()]
        return [_orbits(block) for block in blocks if block.get_cell().rank == 3]


def _orbits(block: CIFBlock) -> tuple[list[str], list[np.ndarray]]:
    sites = block.get_unsymmetrized_structure()
    group = block.get_spacegroup(True)
    places = sites.get_scaled_positions(wrap=True)
    return list(sites.symbols), [group.equivalent_sites([p])[0] for p in places]


def _require_distinct(path: Path, symbols: list[str], orbits: list[np.ndarray]) -> None:
    """Refuse a CIF that lists one site twice, which ASE would merge without a word."""
    site = np.repeat(np.arange(len(orbits)), [len(orbit) for orbit in orbits])
    places = np.concatenate(orbits) % 1.0 % 1.0  # −1e-17 % 1 is 1
    # 1e-3 of a cell vector is what ASE takes for one place.
    pairs = KDTree(places, boxsize=1.0).query_pairs(1e-3, p=np.inf)
    for i, j in sorted((site[a], site[b]) for a, b in pairs):
        if i != j:
            raise ValueError(
                f"{path}: each site must be listed once; entries {i + 1} "
                f"({symbols[i]}) and {j + 1} ({symbols[j]}) are symmetry images of one "
                "place: if the site is shared, choose an ordered arrangement first"
            )
