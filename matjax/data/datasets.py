"""Labeled crystals from named data sets, files, tables, and folders of CIF.

Energies, forces and stresses are what the file stores as results of a calculation;
``energy`` is the total energy, never ASE's ``free_energy`` in its place. Whatever is
missing or not a number raises an error that names the frame.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.crystals import Crystal, read, require_separate_atoms
from matjax.crystals.file_content import plain_suffix
from matjax.crystals.io import read_atoms
from matjax.data.ase_database import DATABASES, database_rows
from matjax.data.entry import entries, source_parts
from matjax.data.sources import find_data
from matjax.data.structure_tables import Given, structure_table
from matjax.elements import symbols
from matjax.predictors import Label, as_label

if TYPE_CHECKING:
    import ase

_TABLE = "id_prop.csv"


@dataclasses.dataclass(frozen=True)
class Example:
    """A crystal with what is known of it."""

    crystal: Crystal
    labels: Mapping[str, np.ndarray | float]
    """Values by name, as :data:`matjax.predictors.LABELS` has them: ``energy`` (eV of
    the cell), ``forces`` ((atoms, 3), eV/Å), ``stress`` ((3, 3), eV/Å³, tension
    positive) and others; scalars as floats."""
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
        """Raises ValueError if there are elements that a model has no parameters for.

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
    labels: Sequence[Label | str],
    *,
    keys: Mapping[str, str] | None = None,
    group: str = "group",
) -> Dataset:
    """Crystals and labels of a file, of a folder, or of a data set known by name.

    A name such as ``mlearn/Si/train`` or ``perov_5/val`` is searched in the folders of
    ``MATJAX_DATA``. A file is one that ASE reads, a CSV with a column of CIF texts, or
    a JSON of pymatgen's structures. A folder holds CIF files and one table, which may
    be missing where no labels are wanted: ``id_prop.csv`` without header, as CGCNN has
    it (file, property), or a CSV whose first column names the files and whose header
    names the properties. ``.aselmdb`` needs ase-db-backends.

    Args:
        spec: a path or a name.
        labels: what each example must have; a name that
            :data:`matjax.predictors.LABELS` lacks is a scalar of the crystal.
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
    wanted = [as_label(label) for label in labels]
    if path.is_dir():
        frames = _folder(path, wanted) if wanted else _unlabeled(path)
    elif (rows := structure_table(path)) is not None:
        frames = _table(path, rows, wanted, keys or {}, group)
    else:
        frames = _file(path, wanted, keys or {}, group)
    examples = tuple(frames)
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


def _file(
    path: Path, wanted: Sequence[Label], keys: Mapping[str, str], group: str
) -> Iterator[Example]:
    for number, atoms in enumerate(_frames(path)):
        source = f"{path.name}#{number}"
        try:
            # Labels are of all atoms, fixed or not.
            crystal = Crystal.from_ase(atoms, constraints=False)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
        stored = {
            label.name: _stored(atoms, label, keys.get(label.name, label.name), source)
            for label in wanted
        }
        labels = _checked(crystal, stored, wanted, source)
        kind = str(atoms.info.get(group, ""))
        yield Example(crystal=crystal, labels=labels, source=source, group=kind)


def _table(
    path: Path,
    rows: Iterator[Given],
    wanted: Sequence[Label],
    keys: Mapping[str, str],
    group: str,
) -> Iterator[Example]:
    """Rows with a structure; labels are the other columns."""
    for number, (make, values) in enumerate(rows):
        source = f"{path.name}#{number}"
        try:
            crystal = make()
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
        stored: dict[str, Any] = {}
        for label in wanted:
            value = values.get(keys.get(label.name, label.name))
            if value is None:
                raise ValueError(
                    f"{source}: every row must have the label {label.name!r}; this one "
                    f"has {sorted(values)}: choose other labels, name its key, or "
                    "remove the row"
                )
            is_text = isinstance(value, str)
            stored[label.name] = _parsed(value, label, source) if is_text else value
        labels = _checked(crystal, stored, wanted, source)
        yield Example(crystal, labels, source, str(values.get(group, "")))


def _unlabeled(path: Path) -> Iterator[Example]:
    """All CIF files of a folder; all files, if none is a CIF."""
    parts = source_parts(str(path))
    files = [part for part in parts if plain_suffix(Path(part)) == ".cif"] or parts
    for entry in chain.from_iterable(map(entries, files)):
        if entry.crystal is None:
            raise ValueError(f"{path.name}/{entry.source}: {entry.refusal}")
        source = f"{path.name}/{entry.source}"
        _checked(entry.crystal, {}, (), source)
        yield Example(entry.crystal, {}, source)


def _frames(path: Path) -> Iterator[ase.Atoms]:
    if path.suffix not in DATABASES:
        yield from read_atoms(path)
        return
    for row in database_rows(path):
        atoms = row.toatoms()
        atoms.info.update(row.key_value_pairs)
        yield atoms


def _stored(atoms: ase.Atoms, label: Label, key: str, source: str) -> Any:
    """What a frame stores under a key: a result, a value of it, or of its atoms."""
    # The stored results themselves: ASE's get_forces would zero those of fixed atoms.
    results: Mapping[str, Any] = getattr(atoms.calc, "results", {})
    for place in (results, atoms.info, atoms.arrays if label.of_atoms else {}):
        if place.get(key) is not None:
            return place[key]
    there = sorted({*results, *atoms.info, *(set(atoms.arrays) - {"numbers"})})
    instead = "; free_energy is another quantity" if label.name == "energy" else ""
    raise ValueError(
        f"{source}: every frame must have the label {label.name!r} (stored as "
        f"{key!r}); this one stores {there}{instead}: choose other labels, name its "
        "key, or remove the frame"
    )


def _folder(path: Path, labels: Sequence[Label]) -> Iterator[Example]:
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
        names = [label.name for label in labels]
        header = ["", *names]
        if len(labels) != 1 or len(rows[0]) != 2:
            raise ValueError(
                f"{tables[0]} has no header, so that it must have two columns, file "
                f"and property, and labels one name; received {len(rows[0])} columns "
                f"and labels {names}: add a header"
            )
    else:
        header, rows = [cell.strip() for cell in rows[0]], rows[1:]
    taken: set[Path] = set()
    for row in rows:
        file = _named_file(path, tables[0], row[0].strip(), taken)
        source = f"{path.name}/{row[0].strip()}"
        values = dict(zip(header, row, strict=False))
        stored: dict[str, Any] = {}
        for label in labels:
            if not values.get(label.name, "").strip():
                raise ValueError(
                    f"{source}: every row must have the label {label.name!r}; columns "
                    f"of {tables[0].name} are {header[1:]} and this row is {row}"
                )
            stored[label.name] = _parsed(values[label.name], label, source)
        crystal = read(file)
        checked = _checked(crystal, stored, labels, source)
        yield Example(crystal=crystal, labels=checked, source=source)
    _require_rows(path, tables[0], taken)


def _named_file(path: Path, table: Path, name: str, taken: set[Path]) -> Path:
    """The file of a row, which is added to those taken.

    Raises:
        ValueError: if there is none, or another row has it.
    """
    candidates = [path / name, path / f"{name}.cif"]
    file = next((f for f in candidates if f.is_file()), None)
    if file is None:
        raise ValueError(f"{table} names {name!r}, but {path} has no such file (.cif)")
    if file in taken:
        raise ValueError(f"{table} names {name!r} twice: remove one of the rows")
    taken.add(file)
    return file


def _require_rows(path: Path, table: Path, taken: set[Path]) -> None:
    """Raises ValueError naming the first structure that no row names."""
    unnamed = sorted(f.name for f in path.glob("*.cif") if f not in taken)
    if taken and unnamed:
        raise ValueError(
            f"{table} has no row for {len(unnamed)} of the files beside it, the first "
            f"{unnamed[0]}: add rows, or move the files away"
        )


def _parsed(text: str, label: Label, source: str) -> Any:
    """What a cell of a table says: a number, or lists of numbers as JSON has them."""
    if not label.shape and not label.of_atoms:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{source}: {label.name} must be lists of numbers such as [1.0, 2.0]; "
            f"received {text[:40]!r}"
        ) from error


def _checked(
    crystal: Crystal, values: Mapping[str, Any], labels: Sequence[Label], source: str
) -> dict[str, np.ndarray | float]:
    """Labels as finite numbers of the right shapes, of a crystal that can be one."""
    try:
        require_separate_atoms(crystal)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    n = crystal.n_atoms
    return {x.name: x.checked(values[x.name], n, source) for x in labels}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
