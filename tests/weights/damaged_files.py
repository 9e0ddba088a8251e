"""Weight files that are damaged or lie, and what must be said of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from matjax.errors import WeightsError
from matjax.models.potentials import LennardJones
from matjax.weights.checkpoint import FORMATS

LJ = LennardJones()


LJ_SETTINGS = {
    "species": [18],
    "epsilon": 0.01,
    "sigma": 3.4,
    "onset": 7.0,
    "cutoff": 8.5,
}


LJ_ARRAYS = {"epsilon": np.float64(0.01), "sigma": np.float64(3.4)}


def refused(read, path: Path) -> str:
    """What is said of a file, in one message that names it."""
    with pytest.raises(WeightsError) as caught:
        read(path)
    told = str(caught.value)
    assert str(path) in told
    assert len(told) < 5_000
    return told


def safetensors(path: Path, model="lennard_jones", settings=None, arrays=None, **more):
    """A file without a digest, as an attacker or an old version writes it."""
    text = (
        settings if isinstance(settings, str) else json.dumps(settings or LJ_SETTINGS)
    )
    metadata = {"format": FORMATS["potential"], "model": model, "config": text, **more}
    arrays = {k: np.asarray(v) for k, v in (arrays or LJ_ARRAYS).items()}
    path.write_bytes(save(arrays, metadata))
    return path


HUGE = 10**12


def header(length: int, text: bytes, data: bytes = b"") -> bytes:
    return length.to_bytes(8, "little") + text + data
