"""Potentials as safetensors files: parameters as arrays, the model as JSON metadata."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError, safe_open
from safetensors.flax import save_file

from matjax.models import MODELS
from matjax.physics import Potential
from matjax.weights.table import check, parameter_shapes

FORMAT = "matjax-potential-1"
_OF_FLAX = {"parent", "name"}


def save_potential(
    potential: Potential, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a potential to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not one of ``MODELS``.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give another name or overwrite=True")
    names = {model: name for name, model in MODELS.items()}
    kind = type(potential.model)
    if kind not in names:
        raise ValueError(
            f"only models of matjax.models.MODELS can be saved; {kind.__name__} is not "
            "registered there"
        )
    config = {
        field.name: getattr(potential.model, field.name)
        for field in dataclasses.fields(potential.model)  # pyright: ignore[reportArgumentType]
        if field.name not in _OF_FLAX
    }
    metadata = {"format": FORMAT, "model": names[kind], "config": json.dumps(config)}
    arrays = flatten_dict(potential.params, sep="/")
    save_file({k: jnp.asarray(v) for k, v in arrays.items()}, str(path), metadata)
    return path


def read_potential(path: str | Path) -> Potential:
    """Reads a potential that :func:`save_potential` wrote.

    Raises:
        ValueError: if the file is not of this format, is damaged, or its arrays are
            not exactly the model's parameters.
    """
    try:
        with safe_open(str(path), framework="flax") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in list(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from error
    if metadata.get("format") != FORMAT or metadata.get("model") not in MODELS:
        raise ValueError(
            f"{path}: its metadata must say format {FORMAT!r} and a model of "
            f"{sorted(MODELS)}; received {metadata.get('format')!r}, "
            f"{metadata.get('model')!r}"
        )
    config = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(metadata["config"]).items()
    }
    model = MODELS[metadata["model"]](**config)
    wanted: dict[str, Any] = flatten_dict(parameter_shapes(model), sep="/")  # pyright: ignore
    off = [f"missing: {name}" for name in wanted.keys() - arrays.keys()]
    off += [f"extra: {name}" for name in arrays.keys() - wanted.keys()]
    for name in wanted.keys() & arrays.keys():
        off += check(name, arrays[name], wanted[name].shape)
    if off:
        listed = "\n  ".join(sorted(off))
        raise ValueError(f"{path}: arrays and model disagree:\n  {listed}")
    return Potential(params=unflatten_dict(arrays, sep="/"), model=model)
