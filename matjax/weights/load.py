"""Finding a potential or a property network by name or file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from matjax.errors import WeightsError
from matjax.models import make_model
from matjax.predictors import Potential, PropertyPredictor
from matjax.weights.cgcnn import read_cgcnn
from matjax.weights.checkpoint import read_potential, read_predictor
from matjax.weights.names import EMBEDDED, PROPERTIES, SHIPPED
from matjax.weights.nequix import read_nequix
from matjax.weights.store import PUBLISHED, fetch, find_property, require_published

READERS: dict[str, Callable[[str | Path], Potential]] = {
    ".nqx": read_nequix,
    ".safetensors": read_potential,
}
"""Reader of each kind of weight file."""


def load_potential(name: str | Path, *, dtype: DTypeLike | None = None) -> Potential:
    """A potential by name or from a weight file.

    Args:
        name: one of ``EMBEDDED``, ``SHIPPED`` or ``PUBLISHED``, or the path of a
            ``.nqx`` or ``.safetensors`` file.
        dtype: precision; by default float64 where JAX's 64-bit mode is on, else
            float32.

    Raises:
        ValueError: if no potential has this name (the nearest names are given), or a
            file is not what its ending says.
        FileNotFoundError: if published weights are in no folder and there is no
            network.
    """
    dtype = _precision(dtype)
    if str(name) in EMBEDDED:
        return Potential.create(make_model(EMBEDDED[str(name)])).astype(dtype)
    if str(name) in SHIPPED:
        return _read(SHIPPED[str(name)]).astype(dtype)
    if str(name) in PUBLISHED:
        return _read(fetch(PUBLISHED[str(name)])).astype(dtype)
    if os.path.exists(name):
        return _read(Path(name)).astype(dtype)
    hint = _nearest(str(name), [*EMBEDDED, *SHIPPED, *PUBLISHED])
    raise ValueError(
        f"a potential's name or an existing weight file is needed; received "
        f"{str(name)!r}: {hint}"
    )


def load_predictor(
    name: str | Path, *, dtype: DTypeLike | None = None
) -> PropertyPredictor:
    """A property network by name or from a file.

    Args:
        name: one of ``PROPERTIES``, such as ``cgcnn-band-gap``, or the path of a
            ``.safetensors`` file.
        dtype: precision; by default float64 where JAX's 64-bit mode is on, else
            float32.

    Raises:
        ValueError: if no property network has this name (the nearest names are given),
            or a file holds none.
        FileNotFoundError: if the file of published weights is in no folder.
    """
    dtype = _precision(dtype)
    if os.path.isfile(name):
        return read_predictor(name).astype(dtype)
    if str(name) not in PROPERTIES:
        hint = _nearest(str(name), list(PROPERTIES))
        raise ValueError(
            "a property network's name or an existing weight file is needed; received "
            f"{str(name)!r}: {hint}"
        )
    published = PROPERTIES[str(name)]
    path = find_property(published.file)
    if path is None:
        raise FileNotFoundError(
            f"{published.file} is in no folder 'cgcnn_pretrained' of MATJAX_DATA or "
            "MATJAX_MODELS: put the weights of CGCNN, converted to npz, and "
            "atom_init.json there"
        )
    return read_cgcnn(path, published).astype(dtype)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {known}"


def _read(path: Path) -> Potential:
    if path.suffix not in READERS:
        raise WeightsError(
            f"{path}: weight files end in {' or '.join(READERS)}; received "
            f"{path.suffix or 'none'!r}"
        )
    require_published(path)
    return READERS[path.suffix](path)


def _precision(dtype: DTypeLike | None) -> np.dtype:
    """A floating-point precision, that of JAX by default."""
    if dtype is None:
        return jnp.zeros(()).dtype
    try:
        found = jnp.dtype(dtype)
    except TypeError:
        found = None
    if found is None or not jnp.issubdtype(found, jnp.floating):
        raise ValueError(
            f"parameters have a precision such as float32 or float64; received {dtype}"
        )
    return found
