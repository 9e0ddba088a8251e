"""Numbers of ``experiments/results/*.json`` in pages, so that none is typed twice.

A page holds ``{{ FILE.KEY }}``, with a format after a colon if it needs one, and may
multiply and divide: ``{{ benchmark_potential.matjax_peak_MB / 1000 : .1f }}``.
``{{ table NAME }}`` is a table of :mod:`result_tables` with the commands that made its
numbers. What is not there ends the build.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import result_tables
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FIELD = re.compile(r"\{\{\s*(.+?)\s*\}\}")


def rendered(text: str, folder: Path) -> str:
    """The text of a page with numbers and tables in their places.

    Raises:
        ExtensionError: if a file, a key or a table is not there.
    """
    return FIELD.sub(lambda found: _field(found[1], folder), text)


def _field(field: str, folder: Path) -> str:
    if field.startswith("table "):
        name = field.removeprefix("table ")
        return str(_looked_up(result_tables.TABLES, name, "tables")(folder))
    formula, _, form = field.partition(":")
    value, *rest = formula.split()
    result = _operand(value, folder)
    for sign, operand in zip(rest[::2], rest[1::2], strict=True):
        factor = _operand(operand, folder)
        result = result * factor if sign == "*" else result / factor
    return format(result, form.strip())


def _operand(text: str, folder: Path) -> Any:
    """A number, or what a key of a file holds."""
    if re.fullmatch(r"[\d.]+", text):
        return float(text)
    name, _, key = text.partition(".")
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ExtensionError(f"there are no results {name}.json, for {text!r}")
    values = json.loads(path.read_text(encoding="utf-8"))
    return _looked_up(values, key, f"{name}.json")


def _looked_up(values: dict[str, Any], key: str, place: str) -> Any:
    if key not in values:
        near = ", ".join(difflib.get_close_matches(key, values)) or "nothing near"
        raise ExtensionError(f"there is no {key!r} in {place}; there is {near}")
    return values[key]


def read_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Fills in the page ``results`` as it is read."""
    if name == "results":
        folder = Path(app.srcdir).parent / "experiments" / "results"
        app.env.note_reread()
        source[0] = rendered(source[0], folder)


def setup(app: Sphinx) -> dict[str, bool]:
    """Listens for pages that are read."""
    app.connect("source-read", read_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
