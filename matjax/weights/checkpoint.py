"""Potentials and property networks as safetensors files.

Parameters are the arrays; the model, and the units of a property network, are JSON in
the metadata, as is a digest of all of it: a file that has changed since it was written
is refused. Equal parameters give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.flax import save as save_arrays
from safetensors.numpy import load as load_arrays

from matjax.errors import WeightsError
from matjax.files import bounded_recursion, draft
from matjax.models import Kind, make_model, registered
from matjax.predictors import Label, Potential, PropertyPredictor, parameter_shapes
from matjax.predictors.labels import Per
from matjax.weights.header import read_settings, require_settings
from matjax.weights.table import check

FORMATS: dict[Kind, str] = {
    "potential": "matjax-potential-1",
    "property": "matjax-predictor-1",
    "denoiser": "matjax-generator-1",
}
"""Format of the files of each kind of network."""

DIGEST = "sha256"
"""Key of the digest in the metadata. Files written before there was one lack it."""

_METADATA = {"format", "model", "config", DIGEST}
_OF_PROPERTIES: dict[str, Any] = {
    "units": tuple[Annotated[str, StringConstraints(max_length=100)], ...],
    "logarithmic": tuple[bool, ...],
    "probability": tuple[bool, ...],
    "calibration": tuple[Annotated[float, Field(gt=0, lt=1e6)], ...],
    "per": tuple[Per, ...],
    "shapes": tuple[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], ...],
}
"""One entry for each property. Units and logarithmic are always there; by default
outputs are no odds, calibrations 1, and all are scalars of the crystal."""

MEMBERS = "members"
"""Key of the number of networks of a predictor that is the mean of several."""
_MOST_MEMBERS = 1000
_KEYS: dict[Kind, set[str]] = {
    "potential": set(),
    "property": {*_OF_PROPERTIES, MEMBERS},
    "denoiser": {"generator"},
}
"""What the metadata of each kind may hold beside the model."""
_DTYPES = ("F16", "BF16", "F32", "F64")


def save_potential(
    potential: Potential, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a potential to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not registered as a potential, or a setting is so
            far out of bounds that the file would be refused.
    """
    return save_network(
        potential.model, potential.params, Path(path), "potential", overwrite=overwrite
    )


def save_predictor(
    predictor: PropertyPredictor, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a property network with its units to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not registered as a property network, or as above.
    """
    metadata = {
        "units": json.dumps(predictor.units, ensure_ascii=False),
        "logarithmic": json.dumps(predictor.logarithmic),
    }
    if any(predictor.probability):
        metadata["probability"] = json.dumps(predictor.probability)
    if predictor.n_members > 1:
        metadata[MEMBERS] = json.dumps(predictor.n_members)
        metadata["calibration"] = json.dumps(predictor.calibration)
    if any(x.per != "graph" or x.shape for x in predictor.labels):
        metadata["per"] = json.dumps([x.per for x in predictor.labels])
        metadata["shapes"] = json.dumps([x.shape for x in predictor.labels])
    return save_network(
        *(predictor.model, predictor.params, Path(path), "property"),
        metadata=metadata,
        overwrite=overwrite,
    )


def read_potential(path: str | Path) -> Potential:
    """Reads a potential that :func:`save_potential` wrote.

    Raises:
        WeightsError: if the file is not of this format, is damaged, or its arrays are
            not exactly the model's parameters.
    """
    model, params, _ = read_network(Path(path), "potential")
    return Potential(params=params, model=model)


def read_predictor(path: str | Path) -> PropertyPredictor:
    """Reads a property network that :func:`save_predictor` wrote.

    Raises:
        WeightsError: as :func:`read_potential`.
    """
    path = Path(path)
    model, params, metadata = read_network(path, "property")
    n = len(model.properties)
    usual = {
        "per": ["graph"] * n,
        "shapes": [[]] * n,
        "probability": [False] * n,
        "calibration": [1.0] * n,
    }
    lists: dict[str, Any] = {}
    for key, kind in _OF_PROPERTIES.items():
        text = metadata.get(key, json.dumps(usual.get(key)))
        try:
            lists[key] = TypeAdapter(kind).validate_json(text, strict=True)
        except ValidationError:
            lists[key] = ()
        if len(lists[key]) != n:
            raise WeightsError(
                f"{path}: its header must list {key} of the properties "
                f"{model.properties}; it has {metadata.get(key)!r}"
            )
    kinds = zip(
        *(model.properties, lists["per"], lists["shapes"], lists["units"]), strict=True
    )
    try:
        return PropertyPredictor.create(
            model,
            [Label(*of_one) for of_one in kinds],
            **{k: lists[k] for k in ("logarithmic", "probability", "calibration")},
            n_members=_n_members(metadata, path) or 1,
            params=params,
        )
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def save_network(
    model: Any,
    params: Any,
    path: Path,
    kind: Kind,
    *,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a model and its parameters to a ``.safetensors`` file.

    Args:
        model: registered as of this kind.
        params: its parameters.
        path: of the file.
        kind: of the model.
        metadata: what else the kind of network needs.
        overwrite: whether to write over a file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not registered as of this kind, or a setting is so
            far out of bounds that the file would be refused.
    """
    name, text = require_settings(model, path, kind)
    own = {"format": FORMATS[kind], "model": name, "config": text}
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give another name or overwrite=True")
    arrays = {k: jnp.asarray(v) for k, v in flatten_dict(params, sep="/").items()}
    content = save_arrays(arrays, {**own, **(metadata or {})})
    header, data = _parts(content, path)
    header["__metadata__"][DIGEST] = _digest(header, data)
    # The library writes the metadata in an order that changes from file to file.
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    with draft(path) as partial:
        partial.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


class _Parts(NamedTuple):
    """The two parts of a safetensors file."""

    header: dict[str, Any]
    data: bytes


def _parts(content: bytes, path: Path) -> _Parts:
    """Header and data of a file's content.

    Raises:
        WeightsError: if there is no header.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        with bounded_recursion():
            header = json.loads(content[8:end]) if end <= len(content) else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: not a whole safetensors file (no header)")
    metadata = header.setdefault("__metadata__", {})
    if not isinstance(metadata, dict):
        raise WeightsError(f"{path}: not a safetensors file (metadata of another kind)")
    return _Parts(header, content[end:])


def _digest(header: Mapping[str, Any], data: bytes) -> str:
    """SHA-256 of a file but for the digest it carries, whatever the order of keys."""
    metadata = {k: v for k, v in header["__metadata__"].items() if k != DIGEST}
    text = json.dumps({**header, "__metadata__": metadata}, sort_keys=True)
    return hashlib.sha256(text.encode() + data).hexdigest()


def read_network(path: Path, kind: Kind) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Model, parameters and metadata of a file that :func:`save_network` wrote.

    Raises:
        WeightsError: if the file is not of this kind's format, is damaged, or its
            arrays are not exactly the model's parameters.
    """
    format, registry = FORMATS[kind], registered(kind)
    content = path.read_bytes()
    header, data = _parts(content, path)
    metadata: dict[str, Any] = header["__metadata__"]
    if DIGEST in metadata and metadata[DIGEST] != _digest(header, data):
        raise WeightsError(
            f"{path}: the file has changed since it was written: its content has not "
            "the SHA-256 that it carries; take another copy"
        )
    name = metadata.get("model")
    if metadata.get("format") != format or name not in registry:
        raise WeightsError(
            f"{path}: its metadata must say format {format!r} and a model of "
            f"{sorted(registry)}; received {metadata.get('format')!r}, {name!r}"
        )
    known = _METADATA | _KEYS[kind]
    if not (metadata.keys() <= known and isinstance(metadata.get("config"), str)):
        raise WeightsError(
            f"{path}: its metadata must be {sorted(known)}; it has {sorted(metadata)}"
        )
    network = registry[str(name)].network
    settings = read_settings(str(name), network, metadata["config"], path)
    arrays = _arrays(header, content, path)
    try:
        model = make_model({"name": name, **settings}, kind)
        shapes = parameter_shapes(model)
    except ValueError as error:
        raise WeightsError(f"{path}: its settings make no model: {error}") from error
    wanted: dict[str, Any] = flatten_dict(shapes, sep="/")  # pyright: ignore
    n_members = _n_members(metadata, path)
    stack = (n_members,) if n_members else ()
    off = [f"missing: {key}" for key in wanted.keys() - arrays.keys()]
    off += [f"extra: {key}" for key in arrays.keys() - wanted.keys()]
    for key in wanted.keys() & arrays.keys():
        off += check(key, arrays[key], (*stack, *wanted[key].shape))
    if off:
        listed = "\n  ".join(sorted(off))
        raise WeightsError(f"{path}: arrays and model disagree:\n  {listed}")
    return model, unflatten_dict(arrays, sep="/"), metadata


def _n_members(metadata: Mapping[str, str], path: Path) -> int:
    """Networks whose parameters are stacked; 0 of a file of one network."""
    text = metadata.get(MEMBERS)
    if text is None:
        return 0
    if not text.isdecimal() or not 2 <= int(text[:6]) <= _MOST_MEMBERS:
        raise WeightsError(
            f"{path}: members must be a number from 2 to {_MOST_MEMBERS}; its header "
            f"has {text[:20]!r}"
        )
    return int(text)


def _arrays(
    header: Mapping[str, Any], content: bytes, path: Path
) -> dict[str, jnp.ndarray]:
    """The arrays of a file, all of floats."""
    for key, entry in header.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if key != "__metadata__" and dtype not in _DTYPES:
            raise WeightsError(f"{path}: {key} must hold floats; it holds {dtype}")
    try:
        # Put, not converted: jnp.asarray compiles something for every shape.
        return jax.device_put(load_arrays(content))
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from error
