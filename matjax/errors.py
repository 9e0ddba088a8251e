"""Errors of matjax's own, and why one of many items failed.

The errors have one base, so that a caller can tell them from all others. What a caller
got wrong is a ``ValueError`` as everywhere in Python; the classes here are for what a
program may want to catch by itself.
"""

from __future__ import annotations

from typing import Any

INPUT = (ValueError, OSError, ImportError, ArithmeticError)
"""Exceptions that a user's input can cause; those of matjax's own are among them."""

LONGEST = 2000
"""Characters of a message; some libraries quote the whole input."""


def reason(error: BaseException) -> str:
    """Why one of many items failed, in one line of a table."""
    text = " ".join(str(error).split())
    if isinstance(error, INPUT) and text:
        return shortened(text)
    name = type(error).__name__
    return shortened(f"{name}: {text}" if text else name)


def shortened(text: str) -> str:
    """The first :data:`LONGEST` characters of a message."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


class MatjaxError(Exception):
    """Base of all errors of matjax's own."""


class ConfigError(MatjaxError, ValueError):
    """A configuration does not fit its schema."""


class CrystalFileError(MatjaxError, ValueError):
    """A file does not hold one certain crystal; the message names file and place."""


class WeightsError(MatjaxError, ValueError):
    """A file of parameters is damaged, or not what its name says."""


class DivergenceError(MatjaxError, ArithmeticError):
    """A quantity is not a number; ``result`` holds what was computed before."""

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


def out_of_memory(error: BaseException) -> bool:
    """Whether it was memory that did not suffice, of the machine or of a device."""
    # XLA's error is a RuntimeError with this word; its class needs JAX, which a
    # command that fails early has not imported.
    if isinstance(error, RuntimeError):
        return "RESOURCE_EXHAUSTED" in str(error)
    return isinstance(error, MemoryError)
