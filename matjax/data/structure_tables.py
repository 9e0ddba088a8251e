"""Files that are tables with a structure in each row: CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from matjax.crystals import Crystal
from matjax.crystals.file_content import plain_suffix, required_file
from matjax.data.csv_structures import csv_structures
from matjax.data.json_structures import is_ase_json, json_structures

Given = tuple[Callable[[], Crystal], Mapping[str, Any]]
"""What makes a crystal or raises an error, and the values that stand beside it."""


def structure_table(path: Path) -> Iterator[Given] | None:
    """Rows of a CSV with a column of structures or of a JSON; None of another file.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    suffix = plain_suffix(required_file(path))
    if suffix == ".csv":
        return csv_structures(path)
    if suffix == ".json" and not is_ase_json(path):
        return json_structures(path)
    return None
