"""Text in tables that a spreadsheet may open."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula, and computes it (OWASP, CSV
Injection)."""


def cell(value: object) -> object:
    """The value as a cell of a CSV table: text that looks like a formula is quoted.

    A file of the name ``=cmd|…`` becomes ``'=cmd|…``. Numbers, and text that is one
    such as ``-1.5``, stay as they are.
    """
    if not isinstance(value, str) or not value.startswith(FORMULA_STARTS):
        return value
    return value if _is_number(value) else f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
