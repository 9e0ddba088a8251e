"""Structures of a JSON file: pymatgen's, alone or in records, read one by one.

A list, a dictionary by name, ``{"entries": […]}`` as Alexandria has it, or a table as a
data frame of pandas writes it (Matbench, MatTEN). In the records of MP-2018.6.1 the
structure is the text of a CIF; in those of JARVIS-DFT it is jarvis-tools' ``atoms``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matjax.crystals import Crystal
from matjax.crystals.file_content import text_pieces
from matjax.crystals.structure_json import is_structure, structure_crystal
from matjax.data.csv_structures import text_crystal
from matjax.errors import CrystalFileError
from matjax.files import bounded_recursion

STRUCTURES = ("structure", "atoms")
"""Keys of a record behind which its structure stands."""
LISTS = ("entries", "structures")
"""Keys behind which a list of records may stand alone."""

_BLANKS = re.compile(r"[ \t\n\r]*")

Given = tuple[Callable[[], Crystal], Mapping[str, Any]]


def json_structures(path: Path) -> Iterator[Given]:
    """For each structure what makes its crystal, and what stands beside it by key.

    Lists and dictionaries of any length are read record by record; a table is read
    whole, because it stands there column by column.

    Raises:
        CrystalFileError: when the place is reached where the file is no JSON, or does
            not hold structures.
    """
    scanner = _Scanner(text_pieces(path))
    try:
        if scanner.following() == "[":
            yield from (_record(value) for value in scanner.items())
            return
        pairs = scanner.pairs(LISTS)
        key, value = next(pairs, ("", None))
        if isinstance(value, Iterator):
            yield from (_record(record) for record in value)
        elif key != "structure" and _has_structure(value):
            yield _record(value, id=key)
            yield from (_record(record, id=key) for key, record in pairs)
        else:
            yield from _whole({key: value, **dict(pairs)})
    except (ValueError, RecursionError) as error:
        raise CrystalFileError(
            f"{path} must hold structures as JSON: {error}"
        ) from error


def is_ase_json(path: Path) -> bool:
    """Whether a JSON file is a database of ASE: it begins with a row of atoms."""
    try:
        scanner = _Scanner(text_pieces(path))
        _, row = next(scanner.pairs(), ("", None))
        return isinstance(row, dict) and {"numbers", "positions"} <= row.keys()
    except (ValueError, RecursionError):  # whoever reads it says what is wrong
        return False


def _has_structure(value: Any) -> bool:
    return is_structure(value) or (
        isinstance(value, Mapping)
        and any(is_structure(value.get(k)) for k in STRUCTURES)
    )


def _record(value: Any, **values: Any) -> Given:
    """A structure, or one that stands in a record or an entry of pymatgen."""
    if is_structure(value) or not isinstance(value, Mapping):
        return partial(structure_crystal, value), values
    for more in (value.get("data"), value):
        values |= more if isinstance(more, Mapping) else {}
    structures = {name: values.pop(name, None) for name in STRUCTURES}
    structure = next((s for s in structures.values() if s is not None), None)
    if isinstance(structure, str):
        return partial(text_crystal, "a record", structure), values
    return partial(structure_crystal, structure), values


def _whole(value: dict[str, Any]) -> Iterator[Given]:
    """One structure, or a table by columns or by rows."""
    if _has_structure(value):
        yield _record(value)
    elif {"columns", "data"} <= value.keys():
        index = value.get("index", range(len(value["data"])))
        for name, row in zip(index, value["data"], strict=True):
            yield _record(dict(zip(value["columns"], row, strict=True)), index=name)
    elif isinstance(value.get("structure"), dict):
        columns = {name: c for name, c in value.items() if isinstance(c, dict)}
        for key in value["structure"]:
            row = {name: column.get(key) for name, column in columns.items()}
            yield _record(row, index=key)
    else:
        raise ValueError(
            "a list or dictionary of pymatgen's structures is needed, or of records "
            f"with one under 'structure'; its keys are {list(value)[:20]}"
        )


class _Scanner:
    """JSON that is read as far as it is asked for."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self.pieces, self.text, self.at = pieces, "", 0
        self.decoder = json.JSONDecoder()

    def items(self) -> Iterator[Any]:
        """The values of a list."""
        return (self.value() for _ in self._places("[", "]"))

    def pairs(self, lists: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
        """Keys and values of a dictionary.

        A list behind one of these keys is an iterator, which must be used up.
        """
        for _ in self._places("{", "}"):
            key = self.value()
            self._take(":")
            is_stream = key in lists and self.following() == "["
            yield key, self.items() if is_stream else self.value()

    def following(self) -> str:
        """The next character that is no blank; none at the end."""
        while True:
            blanks = _BLANKS.match(self.text, self.at)
            self.at = blanks.end() if blanks else self.at
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """The next value, whole."""
        self.following()
        while True:
            try:
                with bounded_recursion():
                    value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # A number may go on in the next piece.
            if end < len(self.text) or not self._more():
                self.at = end
                return value

    def _places(self, first: str, last: str) -> Iterator[None]:
        """Stops at each element between brackets."""
        self._take(first)
        if self.following() == last:
            self._take(last)
            return
        while True:
            yield
            if self._take(f",{last}") == last:
                return

    def _take(self, expected: str) -> str:
        found = self.following()
        if not found or found not in expected:
            raise ValueError(
                f"{' or '.join(expected)} must follow; "
                + (f"it is {found!r}" if found else "the file ends")
            )
        self.at += 1
        return found

    def _more(self) -> bool:
        """Reads on, as much as there is, so that long values are not tried often."""
        kept = self.text[self.at :]
        read, missing = [kept], len(kept)
        while missing >= 0 and (piece := next(self.pieces, None)) is not None:
            read.append(piece)
            missing -= len(piece)
        self.text, self.at = "".join(read), 0
        return len(read) > 1
