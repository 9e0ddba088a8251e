"""What a person is told of an exception that ends a command: one line, no traceback.

The one place that decides it. What somebody's input, files or machine cause is an
error, and says what to do; anything else is a fault of the code that ran, and says
where it lies.
"""

from __future__ import annotations

import errno
import traceback

from matjax.errors import INPUT, out_of_memory, shortened

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
        return f"error: {shortened(str(error).strip() or type(error).__name__)}"
    return (
        f"internal error: {type(error).__name__}: {_first_line(error)}"
        f"{_place(error)}; please report it; --debug shows where it comes from"
    )


def _of_system(error: OSError) -> str:
    if error.errno is None:
        return shortened(str(error) or type(error).__name__)
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
    return shortened(str(error).strip().partition("\n")[0] or "without a message")
