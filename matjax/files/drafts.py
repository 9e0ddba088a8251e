"""Files that appear whole or not at all; equal ones have equal bytes."""

from __future__ import annotations

import errno
import os
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_NAME = re.compile(r"\.[0-9a-f]{16}-")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST = 100
"""Bytes of a file's name in that of its draft; most systems allow 255."""


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """An empty file beside the path, which takes its place when all went well.

    Its name cannot be guessed and did not exist, so that nothing is written through a
    link that somebody has laid; its permissions are those of any new file. A link that
    lies under the path itself is replaced, and what it points at stays.

    Raises:
        OSError: if the folder cannot be written to, or the disk is full: with the name
            of the file, which is as it was.
    """
    ending = os.fsdecode(os.fsencode(path.name)[-_LONGEST:])
    partial = path.with_name(f".{secrets.token_hex(8)}-{ending}")
    try:
        with partial.open("xb"):
            pass
        yield partial
        _sync(partial)
        os.replace(partial, path)
    except OSError as error:
        if error.errno in _FULL:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text that appears whole or not at all."""
    with draft(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes a file for :func:`numpy.load`, into which ``numpy.savez`` puts the time.

    Args:
        path: of a draft.
        arrays: by name.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # of 1980, as ZIP counts
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def clear_drafts(folder: Path) -> None:
    """Deletes what processes that were killed have left of their drafts."""
    for path in folder.iterdir():
        if _NAME.match(path.name) and path.is_file():
            path.unlink()


def _sync(path: Path) -> None:
    """Waits for the disk, which may say only now that it is full."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
