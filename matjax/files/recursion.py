"""A bound on recursion while text of unknown origin is parsed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DEEPEST = 5000
"""Calls within one another: parsers written in C need a few hundred bytes of stack for
each, of which threads have some megabytes."""


@contextmanager
def bounded_recursion() -> Iterator[None]:
    """A context in which nesting without end is a RecursionError, whatever came before.

    Libraries raise Python's own limit for all when they are imported (symfc, which
    comes with phonopy, to 100,000); the parser of JSON then ends the process on
    brackets that nest as deeply.
    """
    before = sys.getrecursionlimit()
    with suppress(RecursionError):  # where calls nest more deeply already
        sys.setrecursionlimit(min(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
