"""The folder of exported functions: files that are whole, and not too many.

A file is the SHA-256 of its name and its content, and the content. It is what
``jax.export`` writes: StableHLO and the shapes around it, read as flatbuffers. Nothing
in it is unpickled.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from matjax.files import draft

VARIABLE = "MATJAX_EXPORTED"
"""Names the folder, for this process and for those it starts; none if empty."""

LIMIT = 500 * 10**6
"""Bytes of the folder; when a file is added, those that were used longest ago go."""

LOG = logging.getLogger("matjax.compilation")


def keep_exported(folder: Path | None) -> None:
    """Lets this process and its children export functions to a folder, or to none.

    The next start of a script that computes the same then neither traces nor, with
    JAX's persistent compilation cache, compiles it again. It may be a folder of several
    processes at work. Functions that have been called keep what they are.
    """
    os.environ[VARIABLE] = "" if folder is None else str(folder.absolute())


def exported_folder() -> Path | None:
    """The folder, if there is one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read(folder: Path, key: str) -> bytes | None:
    """What was written under a key; None if there is no such file that is whole."""
    path = _path(folder, key)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, body = content[:32], content[32:]
    if digest != _digest(key, body):
        return None
    with suppress(OSError):  # of somebody else: its time stays
        os.utime(path)
    return body


def write(folder: Path, key: str, body: bytes) -> None:
    """Writes a file, whole or not at all, and clears what is too much.

    A folder that cannot be written to costs time at the next start, and nothing else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft(_path(folder, key)) as partial:
            partial.write_bytes(_digest(key, body) + body)
        _clear(folder)
    except OSError as error:
        LOG.warning("functions are traced again at the next start: %s", error)


def _clear(folder: Path) -> None:
    """Deletes the files that were used longest ago, drafts of the dead among them."""
    sizes = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process clears too
            status = path.stat()
            sizes[path] = (status.st_mtime, status.st_size)
    excess = sum(size for _, size in sizes.values()) - LIMIT
    for path in sorted(sizes, key=lambda path: sizes[path][0]):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= sizes[path][1]


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.exported"


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + body).digest()
