"""Errors of matjax's own: one base, so that a caller can tell them from all others.

What a caller got wrong is a ``ValueError`` as everywhere in Python; the classes here
are for what a program may want to catch by itself.
"""

from __future__ import annotations

from typing import Any


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
