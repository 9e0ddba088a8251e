"""Reading and writing crystals: CIF, POSCAR, extended XYZ, and what else ASE knows.

Whatever a file leaves open is refused rather than guessed: a space group without its
setting, partial occupancy, one site listed twice, a periodic direction without a cell
vector, numbers that are not, atoms that lie in one another.
"""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matjax.crystals.conversion import (
    crystal_to_ase,
    with_cartesian_constraints,
)
from matjax.crystals.crystal import Crystal
from matjax.crystals.file_content import (
    file_format,
    file_text,
    readable,
    required_file,
)
from matjax.crystals.plausibility import require_plausible
from matjax.crystals.xyz import (
    Frame,
    frame_atoms,
    frame_values,
    place,
    placed_frames,
)
from matjax.errors import CrystalFileError
from matjax.files import bounded_recursion, draft

if TYPE_CHECKING:
    import ase

_ALWAYS_PERIODIC = ("cif", "vasp")
"""Formats that cannot say that a direction is not periodic."""

_log = logging.getLogger(__name__)


def read(
    path: str | os.PathLike[str],
    index: int = -1,
    *,
    format: str | None = None,
    allow_close: bool = False,
) -> Crystal:
    """Crystal in a file: CIF, POSCAR, extended XYZ, or whatever else ASE reads.

    Args:
        path: may be compressed (``.gz``, ``.bz2``, ``.xz``). ``x.cif#name`` is a data
            block of a CIF, ``x.cif#2`` the third structure of any file.
        index: which of several structures; the last by default, as in ASE.
        format: ASE's name of the format; by default told from name and content.
        allow_close: read atoms, too, that are closer than half the sum of their
            covalent radii.

    Raises:
        FileNotFoundError: if there is no such file.
        CrystalFileError: naming the file and the place in it, if it cannot be read or
            does not hold one certain crystal: empty, of unknown format, truncated,
            coordinates or cell that are not finite, a cell without volume, partial
            occupancy, a site listed twice, a setting of the space group that is open
            or contradicted, a formula that is not that of the sites, atoms too close.
            It is a ValueError.
    """
    [loader] = _chosen(Path(path), format, index)
    return loader.crystal(allow_close)


def read_all(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    allow_close: bool = False,
) -> list[Crystal]:
    """All crystals in a file, in order; arguments and errors as :func:`read`."""
    return [item.crystal(allow_close) for item in _chosen(Path(path), format, _ALL)]


def read_each(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    allow_close: bool = False,
) -> Iterator[tuple[int, Crystal | CrystalFileError]]:
    """Each structure of a file by its place from 0: the crystal, or why it is none.

    One bad structure spoils no other. Extended XYZ is read frame by frame. Arguments as
    :func:`read`; what concerns the whole file is raised: at once, but for the place in
    extended XYZ where it cannot be unpacked.
    """
    tried = _tried(_chosen(Path(path), format, _ALL), allow_close)
    return ((number, found) for number, (_, found) in enumerate(tried))


def read_with_values(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    allow_close: bool = False,
) -> Iterator[tuple[Crystal | CrystalFileError, Mapping[str, Any]]]:
    """Each structure as of :func:`read_each`, with the values that stand beside it.

    These are what the comment of a frame of extended XYZ holds, also of a frame that is
    no crystal, and the ``info`` and energies of ASE's ``Atoms``.
    """
    tried = _tried(_chosen(Path(path), format, _ALL), allow_close)
    return ((found, loader.values()) for loader, found in tried)


def read_atoms(path: Path) -> list[ase.Atoms]:
    """All structures of a file as ASE has them, with energies and other labels.

    Errors as :func:`read`; nothing is compared with covalent radii.
    """
    file = required_file(path)
    format = file_format(file, None)
    if format == "extxyz":
        return [_atoms_of_frame(*item) for item in placed_frames(file)]
    if format in ("cif", "vasp"):
        loaders = _chosen(file, format, _ALL)
        return [crystal_to_ase(loader.crystal(True)) for loader in loaders]
    return _ase_images(file, _ALL, format)


def write(
    path: str | os.PathLike[str],
    crystals: Crystal | Sequence[Crystal],
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> None:
    """Writes one crystal or several to a file of any format that ASE writes.

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
    from ase.io.formats import UnknownFileTypeError, filetype

    path = Path(path)
    crystals = [crystals] if isinstance(crystals, Crystal) else list(crystals)
    if not crystals:
        raise ValueError(f"at least one crystal is needed to write {path}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; use overwrite=True to replace it")
    try:
        format = format or filetype(str(path), read=False)
        images = [_writable(crystal, format) for crystal in crystals]
        write_atoms(path, images, format=format)
    except (UnknownFileTypeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{len(crystals)} crystals cannot be written to {path}: {error}"
        ) from error


def write_atoms(
    path: Path, images: Sequence[ase.Atoms], *, format: str | None = None
) -> None:
    """Writes ASE's ``Atoms`` as :func:`write` does crystals.

    Equal ones give equal bytes: a ``.gz`` file has no name and no time in it.
    """
    import ase.io
    from ase.io.formats import filetype

    format = format or filetype(str(path), read=False)
    what = images[0] if len(images) == 1 else list(images)
    with draft(path) as partial:
        if path.suffix != ".gz":
            ase.io.write(partial, what, format=format)
            return
        with TemporaryDirectory() as folder:
            plain = Path(folder, path.stem)
            ase.io.write(plain, what, format=format)
            partial.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))


_ALL = slice(None)


class _Loader(NamedTuple):
    """How a structure of a file is read."""

    crystal: Callable[[bool], Crystal]
    """The crystal; takes ``allow_close``."""
    values: Callable[[], Mapping[str, Any]] = dict
    """What stands beside it."""
    name: str = ""
    """In the file."""


def _chosen(path: Path, format: str | None, index: int | slice) -> Iterable[_Loader]:
    """The structures chosen by place, or by what stands behind the name of the file."""
    file, selector = _selected(path)
    format = file_format(file, format)
    if format in ("cif", "vasp", "extxyz"):
        loaders = _loaders(file, format)
    else:
        images = _ase_images(file, index if selector is None else _ALL, format)
        loaders = [
            _Loader(
                partial(
                    _of_atoms, place(file, i, is_one_of_several=len(images) > 1), atoms
                ),
                partial(_values, atoms),
            )
            for i, atoms in enumerate(images)
        ]
        index = _ALL if selector is None else index
    if selector is not None:
        every = list(loaders)
        loaders = [every[_place(file, selector, every)]]
    return loaders if index == _ALL else _indexed(file, list(loaders), index)


def _loaders(file: Path, format: str) -> Iterable[_Loader]:
    """Each structure of a file in a format that is read here."""
    if format == "vasp":
        return [_Loader(partial(_of_poscar, file))]
    if format == "extxyz":
        return (
            _Loader(partial(_of_frame, where, frame), partial(frame_values, frame))
            for where, frame in placed_frames(file)
        )
    from matjax.crystals.cif import block_crystal, structure_blocks

    return [
        _Loader(
            lambda allow_close, b=block: block_crystal(b, allow_close=allow_close),
            name=block.name,
        )
        for block in structure_blocks(file, file_text(file))
    ]


def _indexed(path: Path, loaders: list[_Loader], index: int | slice) -> list[_Loader]:
    if isinstance(index, slice):
        return loaders[index]
    if not -len(loaders) <= index < len(loaders):
        raise CrystalFileError(
            f"{path} holds no structure {index}; it holds {len(loaders)}"
        )
    return [loaders[index]]


def _tried(
    loaders: Iterable[_Loader], allow_close: bool
) -> Iterator[tuple[_Loader, Crystal | CrystalFileError]]:
    for loader in loaders:
        try:
            yield loader, loader.crystal(allow_close)
        except CrystalFileError as error:
            yield loader, error


def _of_poscar(path: Path, allow_close: bool) -> Crystal:
    from matjax.crystals.poscar import poscar_crystal

    crystal = poscar_crystal(path, file_text(path))
    return _plausible(str(path), crystal, allow_close)


def _of_frame(where: str, frame: Frame, allow_close: bool) -> Crystal:
    return _of_atoms(where, _atoms_of_frame(where, frame), allow_close)


def _atoms_of_frame(where: str, frame: Frame) -> ase.Atoms:
    try:
        return frame_atoms(frame)
    except CrystalFileError as error:
        raise CrystalFileError(f"{where}: {error}") from error


def _of_atoms(where: str, atoms: ase.Atoms, allow_close: bool) -> Crystal:
    try:
        crystal = Crystal.from_ase(atoms)
    except ValueError as error:
        raise CrystalFileError(f"{where}: {error}") from error
    return _plausible(where, crystal, allow_close)


def _values(atoms: ase.Atoms) -> Mapping[str, Any]:
    return {**(atoms.calc.results if atoms.calc else {}), **atoms.info}


def _plausible(where: str, crystal: Crystal, allow_close: bool) -> Crystal:
    try:
        require_plausible(crystal, allow_close=allow_close)
    except ValueError as error:
        raise CrystalFileError(f"{where}: {error}") from error
    return crystal


def _selected(path: Path) -> tuple[Path, str | None]:
    """The file, and what stands behind the # that follows its name."""
    text = str(path)
    for at, character in enumerate(text):
        if character == "#" and not path.exists() and Path(text[:at]).is_file():
            return required_file(Path(text[:at])), text[at + 1 :]
    return required_file(path), None


def _place(path: Path, selector: str, loaders: list[_Loader]) -> int:
    """Place of the structure of this name, or of this number from 0."""
    names = [loader.name for loader in loaders if loader.name]
    n = len(loaders)
    wanted = selector.lower().removeprefix("data_")
    matches = [i for i, name in enumerate(names) if name.lower() == wanted]
    if len(matches) == 1:
        return matches[0]
    if selector.isdecimal() and int(selector) < n:
        return int(selector)
    named = f" with the names {names}" if names else ""
    raise CrystalFileError(
        f"{path} holds no structure {selector!r}; it holds {n}{named}: choose by name, "
        "or by number from 0"
    )


def _ase_images(path: Path, index: int | slice, format: str) -> list[ase.Atoms]:
    import ase.io

    try:
        with bounded_recursion():
            images = ase.io.read(
                readable(path, format),
                index,
                format=format,
                do_not_split_by_at_sign=True,
            )
    except (IndexError, StopIteration) as error:
        which = "" if isinstance(index, slice) else f" {index}"
        raise CrystalFileError(
            f"{path} holds no structure{which} that ASE can read as {format}"
        ) from error
    except Exception as error:  # what a parser raises on bad input differs by format
        raise CrystalFileError(
            f"{path} must hold a structure in a format that ASE reads; as {format} it "
            f"cannot be read: {type(error).__name__} {error}"
        ) from error
    images = images if isinstance(images, list) else [images]
    if not images:
        raise CrystalFileError(f"{path} holds no structure")
    return images


def _writable(crystal: Crystal, format: str) -> ase.Atoms:
    if format in _ALWAYS_PERIODIC and not all(crystal.pbc):
        raise ValueError(
            f"the format {format} needs three periodic directions; received "
            f"pbc={crystal.pbc}: write extended XYZ instead"
        )
    if format in _ALWAYS_PERIODIC and crystal.given_masses is not None:
        _log.warning("the format %s does not keep masses", format)
    if format == "cif" and crystal.fixed is not None:
        _log.warning("the format cif does not keep fixed atoms")
    if format == "cif" and np.linalg.det(np.asarray(crystal.cell)) < 0:
        # CIF holds lengths and angles, which a left-handed cell shares with its mirror
        # image. The basis −cell is right-handed and describes the same crystal.
        crystal = crystal.replace(cell=-crystal.cell, fractional=-crystal.fractional)
    atoms = crystal_to_ase(crystal)
    if format == "extxyz" and crystal.fixed is not None and crystal.fixed.ndim == 2:
        return with_cartesian_constraints(atoms, crystal)
    return atoms
