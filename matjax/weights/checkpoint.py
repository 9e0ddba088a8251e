"""Potentials and property networks as safetensors files.

Parameters are the arrays; the model, and the units of a property network, are JSON in
the metadata.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError, safe_open
from safetensors.flax import save_file

from matjax.models import MODELS, PROPERTY_MODELS, make_model
from matjax.physics import Potential, PropertyPredictor
from matjax.weights.table import check, parameter_shapes

FORMAT = "matjax-potential-1"
PREDICTOR_FORMAT = "matjax-predictor-1"
_OF_FLAX = {"parent", "name"}

Registry = Mapping[str, Callable[..., Any]]


def save_potential(
    potential: Potential, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a potential to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not one of ``MODELS``.
    """
    metadata = {"format": FORMAT, **_described(potential.model, MODELS)}
    return _write(potential.params, Path(path), metadata, overwrite=overwrite)


def save_predictor(
    predictor: PropertyPredictor, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a property network with its units to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not one of ``PROPERTY_MODELS``.
    """
    metadata = {
        "format": PREDICTOR_FORMAT,
        **_described(predictor.model, PROPERTY_MODELS),
        "units": json.dumps(predictor.units),
        "logarithmic": json.dumps(predictor.logarithmic),
    }
    return _write(predictor.params, Path(path), metadata, overwrite=overwrite)


def read_potential(path: str | Path) -> Potential:
    """Reads a potential that :func:`save_potential` wrote.

    Raises:
        ValueError: if the file is not of this format, is damaged, or its arrays are
            not exactly the model's parameters.
    """
    model, params, _ = _read(Path(path), FORMAT, MODELS)
    return Potential(params=params, model=model)


def read_predictor(path: str | Path) -> PropertyPredictor:
    """Reads a property network that :func:`save_predictor` wrote.

    Raises:
        ValueError: as :func:`read_potential`.
    """
    model, params, metadata = _read(Path(path), PREDICTOR_FORMAT, PROPERTY_MODELS)
    return PropertyPredictor.create(
        model,
        tuple(json.loads(metadata["units"])),
        logarithmic=tuple(json.loads(metadata["logarithmic"])),
        params=params,
    )


def _described(model: Any, registry: Registry) -> dict[str, str]:
    """Name and settings of a model, as metadata."""
    names = {kind: name for name, kind in registry.items()}
    if type(model) not in names:
        raise ValueError(
            f"only models registered in matjax.models ({', '.join(registry)}) can be "
            f"saved; {type(model).__name__} is not registered there"
        )
    config = {
        field.name: getattr(model, field.name)
        for field in dataclasses.fields(model)
        if field.name not in _OF_FLAX
    }
    return {"model": names[type(model)], "config": json.dumps(config)}


def _write(
    params: Any, path: Path, metadata: dict[str, str], *, overwrite: bool
) -> Path:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give another name or overwrite=True")
    arrays = flatten_dict(params, sep="/")
    save_file({k: jnp.asarray(v) for k, v in arrays.items()}, str(path), metadata)
    return path


def _read(
    path: Path, format: str, registry: Registry
) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Model, parameters and metadata of a file."""
    try:
        with safe_open(str(path), framework="flax") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in list(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from error
    if metadata.get("format") != format or metadata.get("model") not in registry:
        raise ValueError(
            f"{path}: its metadata must say format {format!r} and a model of "
            f"{sorted(registry)}; received {metadata.get('format')!r}, "
            f"{metadata.get('model')!r}"
        )
    settings = {"name": metadata["model"], **json.loads(metadata["config"])}
    model = make_model(settings, registry)
    wanted: dict[str, Any] = flatten_dict(parameter_shapes(model), sep="/")  # pyright: ignore
    off = [f"missing: {name}" for name in wanted.keys() - arrays.keys()]
    off += [f"extra: {name}" for name in arrays.keys() - wanted.keys()]
    for name in wanted.keys() & arrays.keys():
        off += check(name, arrays[name], wanted[name].shape)
    if off:
        listed = "\n  ".join(sorted(off))
        raise ValueError(f"{path}: arrays and model disagree:\n  {listed}")
    return model, unflatten_dict(arrays, sep="/"), metadata
