"""Labeled crystals from named data sets, files that ASE reads, and folders of CIF.

Energies, forces and stresses are what the file stores as results of a calculation;
``energy`` is the total energy, never ASE's ``free_energy`` in its place. Whatever is
missing or not a number raises an error that names the frame.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.crystals import Crystal, neighbors, read
from matjax.crystals.io import read_atoms
from matjax.data.sources import find_data
from matjax.elements import symbols

if TYPE_CHECKING:
    import ase

Label = np.ndarray | float

LARGEST = {"energy": 1e7, "forces": 1e6, "stress": 1e6}
"""Beyond this, in eV per atom, eV/Å and eV/Å³, a label is none. With all its electrons
an atom of the heaviest elements has some 1e6 eV; bare protons 0.01 Å apart repel each
other with 1.4e5 eV/Å; inside white dwarfs the pressure is 1e4 eV/Å³."""

LARGEST_PROPERTY = 1e15
"""Of any other label, whatever its unit: losses square it in float32."""

_DATABASES = (".db", ".json", ".aselmdb")
_TABLE = "id_prop.csv"


@dataclasses.dataclass(frozen=True)
class Example:
    """A crystal with what is known of it."""

    crystal: Crystal
    labels: Mapping[str, Label]
    """``energy`` (eV of the cell), ``forces`` ((atoms, 3), eV/Å), ``stress`` ((3, 3),
    eV/Å³, tension positive), and scalar properties by their names."""
    source: str
    """The frame, for errors: ``train.extxyz.gz#17``, counted from 0."""
    group: str = ""
    """The kind of configuration, where the file tells it."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Examples in the order of their file."""

    examples: tuple[Example, ...]
    name: str
    fingerprint: str
    """SHA-256 of the bytes read, and of the choice made among them."""

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that occur, in ascending order."""
        return tuple(sorted({int(z) for e in self.examples for z in e.crystal.numbers}))

    def require_species(self, known: Collection[int], whose: str) -> None:
        """Refuse elements that a model does not know: it has no parameters for them.

        Args:
            known: atomic numbers.
            whose: what knows no others, for the error.

        Raises:
            ValueError: naming the elements and the first frame that has one.
        """
        for example in self.examples:
            if {int(z) for z in example.crystal.numbers}.issubset(known):
                continue
            unknown = symbols(tuple(z for z in self.species if z not in known))
            raise ValueError(
                f"{self.name} holds {', '.join(unknown)}, first in {example.source}; "
                f"{whose} knows {', '.join(symbols(tuple(sorted(known))))} alone: take "
                "these frames away, or train on such, too"
            )


def read_dataset(
    spec: str | os.PathLike[str],
    labels: Sequence[str],
    *,
    keys: Mapping[str, str] | None = None,
    group: str = "group",
) -> Dataset:
    """Crystals and labels of a file, of a folder, or of a data set known by name.

    A name such as ``mlearn/Si/train`` or ``perov_5/val`` is searched in the folders of
    ``MATJAX_DATA``. A folder holds CIF files and one table: ``id_prop.csv`` without
    header, as CGCNN has it (file, property), or a CSV whose first column names the
    files and whose header names the properties. ``.aselmdb`` needs ase-db-backends.

    Args:
        spec: a path or a name.
        labels: what each example must have.
        keys: names under which the file keeps labels, where they are not its own.
        group: name of the text that tells the kind of configuration.

    Raises:
        FileNotFoundError: naming where it was searched.
        ImportError: if a format needs a package that is not installed.
        ValueError: naming the frame and the label, if a label is missing, not finite,
            of a wrong shape or a size that no calculation gives, two atoms lie on one
            place, or there is no frame.
    """
    path = find_data(spec)
    wanted = {label: (keys or {}).get(label, label) for label in labels}
    if path.is_dir():
        frames = _folder(path, list(wanted))
    else:
        frames = _file(path, wanted, group)
    examples = tuple(_checked(example) for example in frames)
    if not examples:
        raise ValueError(f"{path} must hold at least one labeled crystal; it has none")
    return Dataset(examples=examples, name=str(spec), fingerprint=fingerprint(path))


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """One data set after the other, as one.

    Raises:
        ValueError: if there is none.
    """
    if not datasets:
        raise ValueError("at least one data set is needed; received none")
    if len(datasets) == 1:
        return datasets[0]
    return Dataset(
        examples=tuple(e for d in datasets for e in d.examples),
        name=" + ".join(d.name for d in datasets),
        fingerprint=hashlib.sha256(
            "\0".join(d.fingerprint for d in datasets).encode()
        ).hexdigest(),
    )


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _file(path: Path, wanted: Mapping[str, str], group: str) -> Iterator[Example]:
    for number, atoms in enumerate(_frames(path)):
        source = f"{path.name}#{number}"
        try:
            # Labels are of all atoms, fixed or not.
            crystal = Crystal.from_ase(atoms, constraints=False)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
        labels = {
            name: _stored(atoms, name, key, source) for name, key in wanted.items()
        }
        kind = str(atoms.info.get(group, ""))
        yield Example(crystal=crystal, labels=labels, source=source, group=kind)


def _frames(path: Path) -> Iterator[ase.Atoms]:
    if path.suffix not in _DATABASES:
        yield from read_atoms(path)
        return
    from ase.db import connect

    # Opened for writing, a database in LMDB would change by being read.
    options: dict[str, Any] = {"readonly": True} if path.suffix == ".aselmdb" else {}
    try:
        database = connect(path, **options)
    except ImportError as error:
        raise ImportError(
            f"{path.name} is read through the package ase-db-backends, which is not "
            "installed: install it with `pip install ase-db-backends`, or convert the "
            "file to extended XYZ"
        ) from error
    try:
        for row in database.select():
            atoms = row.toatoms()
            atoms.info.update(row.key_value_pairs)
            yield atoms
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} must be a database of ASE: {error}") from error


def _stored(atoms: ase.Atoms, name: str, key: str, source: str) -> Any:
    """What a frame stores under a key: a result, a value of it, or of its atoms."""
    # The stored results themselves: ASE's get_forces would zero those of fixed atoms.
    results: Mapping[str, Any] = getattr(atoms.calc, "results", {})
    for place in (results, atoms.info, atoms.arrays if name == "forces" else {}):
        if place.get(key) is not None:
            return place[key]
    there = sorted({*results, *atoms.info, *(set(atoms.arrays) - {"numbers"})})
    instead = "; free_energy is another quantity" if name == "energy" else ""
    raise ValueError(
        f"{source}: every frame must have the label {name!r} (stored as {key!r}); this "
        f"one stores {there}{instead}: choose other labels, name its key, or remove "
        "the frame"
    )


def _folder(path: Path, labels: list[str]) -> Iterator[Example]:
    tables = (
        [path / _TABLE] if (path / _TABLE).is_file() else sorted(path.glob("*.csv"))
    )
    if len(tables) != 1:
        raise ValueError(
            f"a folder of CIF files needs one table, {_TABLE} or another CSV; "
            f"{path} holds {[t.name for t in tables]}"
        )
    with tables[0].open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if not rows:
        return
    if any(_is_number(cell) for cell in rows[0][1:]):
        header = ["", *labels]
        if len(labels) != 1 or len(rows[0]) != 2:
            raise ValueError(
                f"{tables[0]} has no header, so that it must have two columns, file "
                f"and property, and labels one name; received {len(rows[0])} columns "
                f"and labels {labels}: add a header"
            )
    else:
        header, rows = [cell.strip() for cell in rows[0]], rows[1:]
    for row in rows:
        source = f"{path.name}/{row[0].strip()}"
        values = dict(zip(header, row, strict=False))
        found = [path / row[0].strip(), path / f"{row[0].strip()}.cif"]
        file = next((f for f in found if f.is_file()), None)
        if file is None:
            raise ValueError(
                f"{tables[0]} names {row[0]!r}, but {path} has no such file (.cif)"
            )
        taken: dict[str, Label] = {}
        for label in labels:
            if not values.get(label, "").strip():
                raise ValueError(
                    f"{source}: every row must have the label {label!r}; columns of "
                    f"{tables[0].name} are {header[1:]} and this row is {row}"
                )
            taken[label] = _number(values[label], label, source)
        yield Example(crystal=read(file), labels=taken, source=source)


def _checked(example: Example) -> Example:
    """The example with labels as finite numbers of the right shapes."""
    source, crystal = example.source, example.crystal
    try:
        neighbors(crystal, 2.0)  # any cutoff refuses two atoms on one place
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    shapes = {"forces": (crystal.n_atoms, 3), "stress": (3, 3)}
    labels: dict[str, Label] = {}
    for name, value in example.labels.items():
        if name not in shapes:
            labels[name] = _number(value, name, source)
            _require_sane(np.asarray(labels[name]), name, source, crystal.n_atoms)
            continue
        array = np.asarray(value, dtype=np.float64)
        if name == "stress" and array.shape == (6,):
            xx, yy, zz, yz, xz, xy = array
            array = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        if array.shape != shapes[name]:
            raise ValueError(
                f"{source}: {name} of {crystal.n_atoms} atoms must have shape "
                f"{shapes[name]}; received {array.shape}"
            )
        _require_finite(array, name, source)
        _require_sane(array, name, source, crystal.n_atoms)
        labels[name] = array
    return dataclasses.replace(example, labels=labels)


def _number(value: Any, name: str, source: str) -> float:
    array = np.asarray(value)
    if array.ndim or not (array.dtype.kind in "fiu" or _is_number(str(value))):
        raise ValueError(f"{source}: {name} must be a number; received {value!r}")
    _require_finite(array.astype(np.float64), name, source)
    return float(value)


def _require_sane(array: np.ndarray, name: str, source: str, n_atoms: int) -> None:
    """Refuse numbers that no calculation gives; a few of them decide a training."""
    most = LARGEST.get(name, LARGEST_PROPERTY)
    if name == "energy":
        most *= n_atoms
    largest = float(np.abs(array).max(initial=0))
    if largest > most:
        raise ValueError(
            f"{source}: {name} may be {most:g} at most; received {largest:g}: correct "
            "its unit, or remove the frame"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require_finite(array: np.ndarray, name: str, source: str) -> None:
    if not np.isfinite(array).all():
        raise ValueError(
            f"{source}: {name} must be finite; received "
            f"{array if array.size < 10 else array[~np.isfinite(array)][:3]}: remove "
            "the frame"
        )
