"""Arrays in NumPy's format, of what a file can hold; nothing is unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

_MALFORMED = (
    *(EOFError, MemoryError, RecursionError, TypeError, KeyError, SyntaxError),
    tokenize.TokenError,
)
"""What NumPy raises beside ValueError at a description that is no Python literal."""


def read_array(file: Any, n_bytes: int) -> np.ndarray:
    """The array that begins here; numbers or text, at most so many bytes of them.

    Args:
        file: open for reading, at the beginning of a header.
        n_bytes: what there is left in the file.

    Raises:
        ValueError: whatever is wrong.
    """
    try:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = npy.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = npy.read_array_header_2_0(file)
        else:
            raise ValueError(f"version {version} of the format is not read")
    except _MALFORMED as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    size = math.prod(shape)
    if (
        any(type(n) is not int or n < 0 for n in shape)
        or size * dtype.itemsize > n_bytes
    ):
        raise ValueError(f"an array of shape {shape} is more than the file holds")
    if dtype.kind not in "fiubU":
        raise ValueError(f"Object arrays cannot be loaded, nor records; it has {dtype}")
    content = file.read(size * dtype.itemsize)
    if len(content) < size * dtype.itemsize:
        raise ValueError(f"{len(content)} bytes of shape {shape} are there")
    array = np.frombuffer(content, dtype, count=size)
    return array.reshape(shape, order="F" if fortran else "C")


LARGEST = 2**28
"""Bytes of an array of an archive; published ones have some 2**20 in all."""

UNREADABLE = (
    *(ValueError, KeyError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What a file that is no archive makes ``zipfile`` raise; of runtime errors, those of
nesting, encryption and unknown compression."""


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, checksums compared; none larger than it.

    Raises:
        One of ``UNREADABLE``: whatever is wrong.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > LARGEST:
                raise ValueError(f"{member.filename} has {member.file_size} bytes")
            with archive.open(member) as file:
                array = read_array(file, member.file_size)
                if file.read(1):  # the end, where the archive compares the checksum
                    raise ValueError(f"{member.filename} holds more than an array")
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays
