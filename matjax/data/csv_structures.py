"""Structures of a CSV: a column of CIF texts, and what else stands in the row.

CDVAE's tables (perov_5, mp_20, carbon_24) are of this kind, and exports of data frames.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matjax.crystals import Crystal
from matjax.crystals.cif import block_crystal, structure_blocks
from matjax.crystals.file_content import text_lines
from matjax.crystals.structure_json import structure_crystal
from matjax.errors import CrystalFileError
from matjax.files import bounded_recursion

COLUMNS = ("cif", "structure")
"""Names of the column of structures, in any case; the first there is taken."""

_LONGEST = 2**30
"""Characters of a field; CIFs of large cells pass Python's own limit, 131,072."""


def csv_structures(
    path: Path,
) -> Iterator[tuple[Callable[[], Crystal], Mapping[str, Any]]]:
    """For each row what makes its crystal, and the other cells by column.

    A structure is the text of a CIF, or pymatgen's JSON.

    Raises:
        CrystalFileError: if there is no such column.
    """
    rows = _rows(path)
    names = next(rows, [])
    by_name = {name.strip().lower(): i for i, name in reversed([*enumerate(names)])}
    place = next((by_name[name] for name in COLUMNS if name in by_name), None)
    if place is None:
        raise CrystalFileError(
            f"{path} must have a column of structures named {' or '.join(COLUMNS)}; "
            f"its columns are {names[:20]}"
        )
    for number, row in enumerate(rows):
        where = f"{path.name}#{number}"
        values = {n: v for n, v in zip(names, row, strict=False) if v.strip()}
        if len(row) == len(names):
            values.pop(names[place], None)
            yield partial(text_crystal, where, row[place]), values
        else:
            yield partial(_refuse_row, where, len(names), len(row)), {}


def _rows(path: Path) -> Iterator[list[str]]:
    """Rows that are not blank, as they are read."""
    reader = csv.reader(text_lines(path))
    while True:
        before = csv.field_size_limit(_LONGEST)
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise CrystalFileError(
                f"{path} must be a CSV; line {reader.line_num}: {error}"
            ) from error
        finally:
            csv.field_size_limit(before)
        if row is None:
            return
        if row:
            yield row


def text_crystal(where: str, text: str) -> Crystal:
    """The crystal of the text of a CIF, or of pymatgen's JSON.

    Args:
        where: the row, for errors.
        text: of one structure.
    """
    if text.lstrip().startswith("{"):
        try:
            with bounded_recursion():
                return structure_crystal(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise CrystalFileError(
                f"{where} must hold a structure as JSON: {error}"
            ) from error
    blocks = structure_blocks(Path(where), text)
    if len(blocks) > 1:
        raise CrystalFileError(
            f"{where} must hold one structure; its CIF has {len(blocks)}"
        )
    return block_crystal(blocks[0])


def _refuse_row(where: str, n_columns: int, n_cells: int) -> Crystal:
    raise CrystalFileError(
        f"{where} must have {n_columns} cells, one for each column; it has {n_cells}"
    )
