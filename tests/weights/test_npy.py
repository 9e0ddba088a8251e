"""Arrays in NumPy's format: what NumPy writes comes back, anything else is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from matjax.weights import (
    read_nequix,
)
from tests.weights.damaged_files import (
    HUGE,
    refused,
)
from tests.weights.nequix_files import NQX, described, npy


@pytest.mark.parametrize(
    "record",
    [
        npy(described((HUGE,))),
        npy(described((-5,)), b"\0" * 20),
        npy(described((2**40, 2**40))),
        npy(described((0, HUGE))),
        npy(described((3,)), b"\0" * 12),
        npy(described((2,), "'<i4'"), b"\0" * 8),
        npy(described((2,), "'|O'"), b"\0" * 16),
        npy(described((2,), "[('a', '<f4')]"), b"\0" * 8),
        npy(described((2,), "'x'"), b"\0" * 8),
        npy(described((2,), "None"), b"\0" * 8),
        npy(described("2"), b"\0" * 8),
        npy(described("(True,)"), b"\0" * 8),
        npy(described("(2.0,)"), b"\0" * 8),
        npy(described((2,), order="'x'"), b"\0" * 8),
        npy("{}"),
        npy("[" * 110),
        npy("__import__('os')"),
        npy(described(), np.array([np.nan, 0], np.float32).tobytes()),
        b"\x93NUMPY\x09\x00" + b"\0" * 100,
        b"\x93NUMPY\x01\x00\xff\xff{}",
        b"\x93NUM",
        b"garbage",
        b"\n",
        b"",
    ],
)
def test_nequix_arrays_that_are_none_are_refused(tmp_path, record):
    path = tmp_path / "a.nqx"
    path.write_bytes(json.dumps(NQX).encode() + b"\n" + record)
    refused(read_nequix, path)
