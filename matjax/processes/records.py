"""The file of a survey: one line of JSON for each item, appended as it ends.

The first line holds the settings that all others were made with. A line that a crash
has cut short does not count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""``key``, ``seconds`` and either ``values`` or ``error``."""


class Records:
    """A file of records, made or continued; only what is asked for is in memory."""

    def __init__(self, path: Path, settings: Mapping[str, Any] | None = None) -> None:
        """Opens the file, or makes it.

        Raises:
            ValueError: if it was made with other settings.
        """
        self.path = path
        settings = json.loads(json.dumps(dict(settings or {})))
        first = next((record for _, record in _lines(path)), None)
        self._places: dict[str, int] = {}
        if first is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._write({"settings": settings})
            return
        made_with = first.get("settings")
        if made_with != settings:
            raise ValueError(
                f"{path} can be continued with the settings it was made with, "
                f"{made_with}; received {settings}: choose another folder"
            )
        for place, record in _lines(path):
            if "key" in record:
                self._places[record["key"]] = place

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __getitem__(self, key: str) -> Record:
        with self.path.open("rb") as file:
            file.seek(self._places[key])
            return json.loads(file.readline())

    def append(self, record: Record) -> None:
        """Writes one record more, so that a crash cannot take it away."""
        self._places[record["key"]] = self._write(record)

    def _write(self, record: Mapping[str, Any]) -> int:
        """One line more, in one write; on a line of its own after one cut short."""
        line = json.dumps(record) + "\n"
        with self.path.open("a+b") as file:
            place = file.seek(0, os.SEEK_END)
            if place and not _ends_with_newline(file):
                line = "\n" + line
                place += 1
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        return place


def read_answers(path: Path) -> dict[str, Record]:
    """The records of a file by key; a line cut short by a crash is left out."""
    return {r["key"]: r for _, r in _lines(path) if "key" in r}


def all_values(records: Mapping[str, Record]) -> dict[str, dict[str, Any]]:
    """The values of each record.

    Raises:
        ValueError: if an item has failed.
    """
    for key, record in records.items():
        if "error" in record:
            raise ValueError(f"every item must succeed; {key}: {record['error']}")
    return {key: record["values"] for key, record in records.items()}


def _lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Each whole line, and where it begins."""
    if not path.exists():
        return
    place = 0
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError, RecursionError):  # cut short, or damaged
                record = json.loads(line)
                if isinstance(record, dict):
                    yield place, record
            place += len(line)


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
