"""What a person is told of an exception that ends a command: one line, no traceback.

The one place that decides it. What somebody's input, files or machine cause is an
error, and says what to do; anything else is a fault of the code that ran, and says
where it lies.
"""

from __future__ import annotations

import errno
import traceback

from matjax.errors import out_of_memory

INPUT = (ValueError, OSError, ImportError, ArithmeticError)
"""Exceptions that a user's input can cause; those of matjax's own are among them."""

LONGEST = 2000
"""Characters of a message; some libraries quote the whole input."""

_MEMORY = "there is not enough memory"
_SMALLER = "take a smaller crystal, mesh or batch, or a machine with more"


def message(error: BaseException) -> str:
    """What to tell of an exception: ``error: …`` or ``internal error: …``."""
    if isinstance(error, SystemExit):
        return (
            "error: the study ended the process itself, by "
            f"SystemExit({error.code!r}), and nothing is finished: its function main "
            "must return its metrics, or raise another error"
        )
    if out_of_memory(error):
        return f"error: {_MEMORY} ({_first_line(error)}): {_SMALLER}"
    if isinstance(error, OSError):
        return f"error: {_of_system(error)}"
    if isinstance(error, INPUT):
        return f"error: {_short(str(error).strip() or type(error).__name__)}"
    return (
        f"internal error: {type(error).__name__}: {_first_line(error)}"
        f"{_place(error)}; please report it; --debug shows where it comes from"
    )


def reason(error: BaseException) -> str:
    """Why one of many items failed, in one line of a table."""
    text = " ".join(str(error).split())
    if isinstance(error, INPUT) and text:
        return _short(text)
    return _short(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _of_system(error: OSError) -> str:
    if error.errno is None:
        return _short(str(error) or type(error).__name__)
    file = f"{error.filename}: " if error.filename is not None else ""
    if error.errno == errno.ENOSPC:
        return f"{file}no space is left on the disk: free some, or choose another"
    if error.errno == errno.EISDIR:
        return f"{file}a folder, where a file is needed"
    return f"{file}{(error.strerror or str(error)).lower()}"


def _place(error: BaseException) -> str:
    """Where it was raised in matjax or in a study, if there."""
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("matjax")
    ]
    return " in {}, line {}".format(*places[-1]) if places else ""


def _first_line(error: BaseException) -> str:
    return _short(str(error).strip().partition("\n")[0] or "without a message")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
