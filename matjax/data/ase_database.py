"""Rows of databases of ASE, of which nothing is ever unpickled.

ASE writes what is stored with a row as JSON with arrays of numbers beside; it neither
pickles nor unpickles.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import StringIO
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from matjax.crystals import Crystal
from matjax.crystals.file_content import file_text, plain_suffix, required_file
from matjax.crystals.plausibility import require_plausible
from matjax.errors import CrystalFileError, reason

if TYPE_CHECKING:
    from ase.db.row import AtomsRow

LOG = logging.getLogger(__name__)

DATABASES = (".db", ".json", ".aselmdb")
"""Endings of the names of such files."""

_NO_DATABASE = (JSONDecodeError, KeyError, TypeError, AttributeError, AssertionError)
"""What ASE raises of JSON that is none, or not one of its databases."""

_ROWS = 1000
"""Rows of SQLite that ASE takes into memory together."""


def database_rows(path: Path) -> Iterator[AtomsRow]:
    """Rows of a database by their number; the file is not changed.

    Raises:
        ImportError: if a package is needed for it that is not installed.
        CrystalFileError: if it is no database of ASE.
    """
    try:
        yield from _rows(required_file(path))
    except (sqlite3.DatabaseError, *_NO_DATABASE) as error:
        raise CrystalFileError(
            f"{path} must be a database of ASE: {type(error).__name__} {error}"
        ) from error


def ase_structures(
    path: Path,
) -> Iterator[tuple[Callable[[], Crystal], Mapping[str, Any]]]:
    """For each row what makes its crystal, and its values by key.

    These are results such as the energy, scalars of its data, and its key-value pairs.
    """
    for row in database_rows(path):
        yield partial(_crystal, row), _values(row)


def _rows(path: Path) -> Iterator[AtomsRow]:
    from ase.db import connect

    if path.suffix not in DATABASES and plain_suffix(path) != ".json":
        raise CrystalFileError(f"{path} must not be compressed: unpack it first")
    if path.suffix == ".db":
        _require_table(path)
        database = connect(path, type="db")
        last = 0
        while rows := list(database.select(f"id>{last}", sort="id", limit=_ROWS)):
            yield from rows
            last = rows[-1].id
        return
    if path.suffix != ".aselmdb":
        yield from connect(StringIO(file_text(path)), type="json").select()
        return
    try:
        # Opened for writing, a database in LMDB would change by being read.
        database = connect(path, readonly=True)
    except ImportError as error:
        raise ImportError(
            f"{path.name} is read through the package ase-db-backends, which is not "
            "installed: install it with `pip install ase-db-backends`, or convert the "
            "file to extended XYZ"
        ) from error
    yield from database.select()


def _require_table(path: Path) -> None:
    """ASE would make its tables in any file of SQLite that lacks them."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    file = sqlite3.connect(address, uri=True)
    try:
        if not file.execute(
            "SELECT 1 FROM sqlite_master WHERE name='systems'"
        ).fetchall():
            raise CrystalFileError(
                f"{path} must be a database of ASE; it has no table of systems"
            )
    finally:
        file.close()


def _crystal(row: AtomsRow) -> Crystal:
    crystal = Crystal.from_ase(row.toatoms())
    require_plausible(crystal)
    return crystal


def _values(row: AtomsRow) -> Mapping[str, Any]:
    own = ("unique_id", "energy", "free_energy", "magmom")
    values = {key: row.get(key) for key in own}
    try:
        values.update(row.data)
    except Exception as error:  # noqa: BLE001 (of any damage; the crystal is whole)
        LOG.warning("the data of row %s cannot be read: %s", row.id, reason(error))
    return {**values, **row.key_value_pairs}
