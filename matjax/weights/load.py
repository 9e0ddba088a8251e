"""Finding a potential or a property network by name or file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from matjax.errors import WeightsError
from matjax.models import Kind, make_model
from matjax.predictors import Potential, PropertyPredictor
from matjax.weights.cgcnn import read_cgcnn
from matjax.weights.checkpoint import read_potential, read_predictor
from matjax.weights.chgnet import read_chgnet
from matjax.weights.matgl import read_matgl
from matjax.weights.megnet import read_megnet
from matjax.weights.names import (
    PRETRAINED,
    Converted,
    Embedded,
    Pretrained,
    Shipped,
)
from matjax.weights.nequix import read_nequix
from matjax.weights.placed import Placed
from matjax.weights.sevennet import read_sevennet
from matjax.weights.store import fetch, find, placed, require_published

READERS: dict[tuple[Kind, str], Callable[[Path], Any]] = {
    ("potential", ".nqx"): read_nequix,
    ("potential", ".safetensors"): read_potential,
    ("property", ".safetensors"): read_predictor,
}
"""Reader of each kind of network from each kind of file."""

PLACED: dict[str, Callable[[Path, Placed], Any]] = {
    "chgnet": read_chgnet,
    "matgl": read_matgl,
    "megnet": read_megnet,
    "sevennet": read_sevennet,
}
"""Reader of arrays that users have placed, by the package that they are of."""


def load_potential(name: str | Path, *, dtype: DTypeLike | None = None) -> Potential:
    """A potential by name or from a weight file.

    Args:
        name: a name that ``matjax list`` shows, or the path of a ``.nqx`` or
            ``.safetensors`` file.
        dtype: precision; by default float64 where JAX's 64-bit mode is on, else
            float32.

    Raises:
        ValueError: if no potential has this name (the nearest names are given), or a
            file is not what its ending says.
        FileNotFoundError: if published weights are in no folder and there is no
            network.
    """
    return _load(name, "potential", dtype)


def load_predictor(
    name: str | Path, *, dtype: DTypeLike | None = None
) -> PropertyPredictor:
    """A property network by name or from a file.

    Args:
        name: a name that ``matjax list`` shows, such as ``cgcnn-band-gap``, or the path
            of a ``.safetensors`` file.
        dtype: precision; by default float64 where JAX's 64-bit mode is on, else
            float32.

    Raises:
        ValueError: if no property network has this name (the nearest names are given),
            or a file holds none.
        FileNotFoundError: if the file of published weights is in no folder.
    """
    return _load(name, "property", dtype)


def _load(name: str | Path, kind: Kind, dtype: DTypeLike | None) -> Any:
    """The network of this kind that a name or a path means."""
    dtype = _precision(dtype)
    known = {n: entry for n, entry in PRETRAINED.items() if entry.kind == kind}
    if str(name) in known:
        return _cast(_pretrained(known[str(name)]), dtype)
    if os.path.exists(name):
        return _cast(_read(Path(name), kind), dtype)
    what = "potential" if kind == "potential" else "property network"
    raise ValueError(
        f"a {what}'s name or an existing weight file is needed; received "
        f"{str(name)!r}: {_nearest(str(name), list(known))}"
    )


def _cast(network: Any, dtype: np.dtype) -> Any:
    """The network in this precision, by the host: nothing is compiled."""
    params = jax.tree.map(lambda x: np.asarray(x, dtype), network.params)
    return network.replace(params=jax.device_put(params))


def _pretrained(entry: Pretrained) -> Any:
    if isinstance(entry, Embedded):
        return Potential.create(make_model(entry.settings, entry.kind))
    if isinstance(entry, Shipped):
        return _read(entry.path, entry.kind)
    if isinstance(entry, Placed):
        return PLACED[entry.folder](placed(entry), entry)
    if not isinstance(entry, Converted):
        return _read(fetch(entry), entry.kind)
    path = find(entry)
    if path is None:
        raise FileNotFoundError(
            f"{entry.file} is in no folder 'cgcnn_pretrained' of MATJAX_DATA or "
            "MATJAX_MODELS: put the weights of CGCNN, converted to npz, and "
            "atom_init.json there"
        )
    return read_cgcnn(path, entry)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {known}"


def _read(path: Path, kind: Kind) -> Any:
    endings = [ending for of_kind, ending in READERS if of_kind == kind]
    if path.suffix not in endings:
        raise WeightsError(
            f"{path}: weight files end in {' or '.join(endings)}; received "
            f"{path.suffix or 'none'!r}"
        )
    require_published(path)
    return READERS[kind, path.suffix](path)


def _precision(dtype: DTypeLike | None) -> np.dtype:
    """A floating-point precision, that of JAX by default."""
    if dtype is None:
        return jax.dtypes.canonicalize_dtype(float)
    try:
        precision = jnp.dtype(dtype)
    except TypeError:
        precision = None
    if precision is None or not jnp.issubdtype(precision, jnp.floating):
        raise ValueError(
            f"parameters have a precision such as float32 or float64; received {dtype}"
        )
    return precision
