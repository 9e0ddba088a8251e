"""Docstrings of matjax as Sphinx reads them: bars are bars, tables are tables.

Docstrings are written to be read in an editor. ``|V|`` is a volume there, not a name to
substitute, and a table has bars between its columns.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

ATTRIBUTES = {"attribute", "data", "property"}
FLAX_FIELDS = re.compile(r", parent: .*\)$")
LITERAL = re.compile(r"(``.+?``)")


def with_plain_bars(line: str) -> str:
    """The line with bars that mean themselves, outside of literals."""
    parts = LITERAL.split(line)
    return "".join(
        part if part.startswith("``") else part.replace("|", r"\|") for part in parts
    )


def with_tables(lines: list[str]) -> list[str]:
    """The lines, blocks of ``| a | b |`` among them as tables."""
    result: list[str] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        text = line.strip()
        if text.startswith("|") and text.endswith("|") and len(text) > 1:
            _add_row(rows, [cell.strip() for cell in text[1:-1].split("|")])
            continue
        if rows:
            result += [*_table(rows), ""]
            rows = []
        result.append(with_plain_bars(line))
    return result[:-1]


def _add_row(rows: list[list[str]], cells: list[str]) -> None:
    """A row, or what goes on with the last one: its first cell is empty."""
    if set("".join(cells)) <= set("-: "):
        return
    if rows and not cells[0]:
        pairs = zip(rows[-1], cells, strict=True)
        rows[-1] = [" ".join(pair).strip() for pair in pairs]
    else:
        rows.append(cells)


def _table(rows: list[list[str]]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        marks = ["   * - ", *["     - "] * (len(row) - 1)]
        lines += [mark + cell for mark, cell in zip(marks, row, strict=True)]
    return lines


def process(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Changes the lines of one docstring, before napoleon reads its sections."""
    if lines and lines[0].startswith("Alias for field number"):
        lines[:] = []  # what a named tuple says of a field that says nothing itself
    lines[:] = with_tables(lines)
    if what in ATTRIBUTES:
        # napoleon takes what stands before a colon in the first line for a type.
        lines[:0] = ["..", ""]  # an empty comment


def process_signature(
    app: Sphinx,
    what: str,
    name: str,
    thing: Any,
    options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Signatures of Flax modules without the two fields that Flax adds to each."""
    return signature and FLAX_FIELDS.sub(")", signature), returns


def skip(
    app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: Any
) -> bool | None:
    """Leaves out ``replace``, which every record of Flax has and none describes."""
    home = getattr(thing, "__module__", None) or ""
    return True if name == "replace" and home.startswith("flax") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Listens before napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
