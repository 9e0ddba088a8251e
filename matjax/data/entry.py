"""Crystals one after another, wherever they come from: files, tables, databases.

A source is a file, a folder of files, or a query of a database (:mod:`~.optimade`):

* structures in any format that :func:`matjax.read` takes; of extended XYZ every frame,
  with the values of its comment;
* a CSV with a column of CIF texts (:mod:`~.csv_structures`);
* a JSON of pymatgen's structures (:mod:`~.json_structures`);
* a database of ASE (:mod:`~.ase_database`);
* a folder of these: its files by name, hidden ones and subfolders left out.

Extended XYZ, CSV, lists in JSON, ASE's SQLite and queries are read as crystals are
taken, and never lie in memory whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matjax.crystals import Crystal
from matjax.crystals.file_content import plain_suffix
from matjax.crystals.io import read_with_values
from matjax.data.ase_database import DATABASES, ase_structures
from matjax.data.optimade import PREFIX, optimade_structures, parsed_query
from matjax.data.sources import find_data
from matjax.data.structure_tables import Given, structure_table
from matjax.errors import reason

KEYS = ("material_id", "mp_id", "mat_id", "entry_id", "id", "jid", "name", "unique_id")
"""Values that identify a crystal, the first there is, in any case."""

LOG = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A crystal of a source, or why there is none."""

    key: str
    """Unique in the source: its identifier where one is given; else the name of the
    file, with its place from 0 as in ``file.cif#3`` where there are several. A second
    crystal with a key has #2 behind it, a third #3."""
    source: str
    """File and place in it from 0, as in ``file.extxyz#3``."""
    crystal: Crystal | None
    refusal: str = ""
    """Why there is no crystal."""
    references: Mapping[str, float] = {}
    """Values given with it, of those asked for; not a number where one is no number."""


def entries(source: str, *, references: Sequence[str] = ()) -> Iterator[Entry]:
    """Crystals of a source in its order, read as they are taken.

    A structure that cannot be read has an entry that says why, and the rest goes on;
    what ends a file is the last entry of it.

    Args:
        source: path of a file or a folder, name of one in the folders of
            ``MATJAX_DATA``, or ``optimade:URL?filter=…``.
        references: names of values that are given with the crystals.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ImportError: if a package is needed that is not installed.
        ValueError: if a folder has no file, or a query is written wrongly or refused.
        ConnectionError: if a database is not reached.
    """
    streams = [_entries(part, references) for part in source_parts(source)]
    return _with_unique_keys(chain.from_iterable(streams), source, references)


def source_parts(source: str) -> list[str]:
    """A query, a file, or the files of a folder by name.

    Hidden files are left out; subfolders are not entered, which is said.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a folder has no file.
    """
    if source.startswith(PREFIX):
        return [source]
    path = find_data(source)
    if not path.is_dir():
        return [str(path)]
    shown = sorted(p for p in path.iterdir() if p.name[0] != ".")
    if subfolders := [p.name for p in shown if p.is_dir()]:
        LOG.warning("subfolders of %s are not entered: %s", path, ", ".join(subfolders))
    if files := [str(p) for p in shown if p.is_file()]:
        return files
    raise ValueError(f"{path} holds no file; structure files are needed")


def _entries(part: str, references: Sequence[str]) -> Iterator[Entry]:
    """Entries of a query or a file; those without an identifier are named by place."""
    if part.startswith(PREFIX):
        query = parsed_query(part)  # the first page now: later errors are entries
        name, given = query.url, optimade_structures(query, references)
    else:
        name, given = Path(part).name, _structures(Path(part))
    return _named(name, _tried(name, given, references))


def _named(name: str, found: Iterator[Entry]) -> Iterator[Entry]:
    first = list(islice(found, 2))
    for entry in chain(first, found):
        is_alone = len(first) == 1
        yield entry._replace(key=entry.key or (name if is_alone else entry.source))


def _tried(
    name: str, given: Iterator[Given], references: Sequence[str]
) -> Iterator[Entry]:
    number = -1
    try:
        for number, (make, values) in enumerate(given):
            entry = Entry(
                _identifier(values),
                f"{name}#{number}",
                crystal=None,
                references=_numbers(values, references),
            )
            try:
                yield entry._replace(crystal=make())
            except Exception as error:  # noqa: BLE001 (parsers raise anything)
                yield entry._replace(refusal=reason(error))
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 (likewise)
        yield Entry("", f"{name}#{number + 1}", None, reason(error))


def _structures(path: Path) -> Iterator[Given]:
    table = structure_table(path)
    if table is not None:
        yield from table
    elif plain_suffix(path) in DATABASES:
        yield from ase_structures(path)
    else:
        for found, values in read_with_values(path):
            yield partial(_crystal_or_error, found), values


def _crystal_or_error(found: Crystal | Exception) -> Crystal:
    if isinstance(found, Exception):
        raise found
    return found


def _identifier(values: Mapping[str, Any]) -> str:
    by_name = {str(name).lower(): value for name, value in values.items()}
    for key in KEYS:
        value = by_name.get(key)
        is_one = isinstance(value, str | int | float | np.number)
        if is_one and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _numbers(values: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, float]:
    return {
        name: _number(values[name]) for name in names if values.get(name) is not None
    }


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _with_unique_keys(
    found: Iterator[Entry], source: str, references: Sequence[str]
) -> Iterator[Entry]:
    """Entries with keys that differ; says what repeats, and what no crystal has."""
    times: dict[str, int] = {}
    missing = set(references)
    repeated = 0
    for entry in found:
        missing -= entry.references.keys()
        key, n = entry.key, times.get(entry.key, 0)
        while key in times:
            n += 1
            key = f"{entry.key}#{n}"
            times[entry.key] = n
        if key != entry.key and not repeated:
            LOG.warning("%s: the key %s repeats; it becomes %s", source, entry.key, key)
        repeated += key != entry.key
        times[key] = 1
        yield entry._replace(key=key)
    if repeated > 1:
        LOG.warning("%s: %d keys repeated", source, repeated)
    if missing:
        LOG.warning("%s: no crystal has %s", source, ", ".join(sorted(missing)))
