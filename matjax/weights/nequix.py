"""Published Nequix weights (``.nqx``) into :class:`matjax.models.potentials.NequIP`.

A file is one line of JSON, the config, then ``.npy`` records in the order of the leaves
of the original Equinox model. Nothing is unpickled. Of the published files, nequix-mp-1
ends in a line feed, and nequix-oam-1 repeats the numbers of its config as records: both
are recognised exactly, and anything else after the last array is an error.

Source: Koker et al., arXiv 2508.16067; weights under MIT and CC-BY-4.0.
"""

from __future__ import annotations

import json
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import jax
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from matjax.errors import WeightsError
from matjax.files import bounded_recursion
from matjax.models.potentials import NequIP
from matjax.predictors import Potential, parameter_shapes
from matjax.weights.header import BOUNDS, Width, bounded, validated
from matjax.weights.npy import read_array
from matjax.weights.table import Key, fill

MODEL_KEYS = {
    "cutoff": "cutoff",
    "hidden_irreps": "hidden",
    "lmax": "lmax",
    "n_layers": "layers",
    "radial_basis_size": "basis",
    "radial_polynomial_p": "envelope",
    "mlp_init_scale": "gain",
    "avg_n_neighbors": "neighbors",
    "scale": "scale",
    "shift": "shift",
    "index_weights": "index_weights",
    "layer_norm": "norm",
}
"""Key of the file's config → attribute of :class:`NequIP`."""

MOST = 10_000
"""Arrays of a file."""

BLOCKS = {
    "radial_mlp": "radial",
    "linear_1": "linear_in",
    "linear_2": "linear_out",
    "skip": "skip",
    "layer_norm": "norm",
}
"""Block of an original layer, in the order of the file → ours."""


def read_nequix(path: str | Path) -> Potential:
    """Potential with the weights of a ``.nqx`` file, in float32.

    Raises:
        WeightsError: if the file is not of this format, is truncated, or its arrays are
            not exactly those of the network its config describes.
    """
    path = Path(path)
    with path.open("rb") as file:
        config = _read_config(file, path)
        model = nequip_of_config(config, path)
        arrays = _read_arrays(file, path)
    shapes = parameter_shapes(model)
    table = key_table(shapes, model.layers)
    if _repeats_config(arrays[len(table) :], config):
        arrays = arrays[: len(table)]
    params = fill(shapes, table, arrays, path)
    return Potential(params=params, model=model)


def _schema() -> type[BaseModel]:
    """What of a file's config describes the network; the rest tells of its training."""
    types = get_type_hints(NequIP)
    fields: dict[str, Any] = {
        ours: (bounded(ours, types[ours]), Field(alias=theirs))
        for theirs, ours in MODEL_KEYS.items()
    }
    for theirs, ours, kind in (
        ("atomic_numbers", "species", BOUNDS["species"]),
        ("radial_mlp_size", "radial_width", Width),
        ("radial_mlp_layers", "n_radial", Annotated[int, Field(ge=0, le=16)]),
    ):
        fields[ours] = (kind, Field(alias=theirs))
    settings = ConfigDict(extra="ignore", allow_inf_nan=False)
    return create_model("nequix", __config__=settings, **fields)


def nequip_of_config(config: dict[str, Any], path: Path) -> NequIP:
    """The network that a file's config describes.

    Raises:
        WeightsError: if it lacks a setting, or one is out of bounds.
    """
    schema = _schema()
    aliases = {str(field.alias) for field in schema.model_fields.values()}
    missing = sorted(aliases - config.keys())
    if missing:
        raise WeightsError(f"{path}: the config of Nequix weights lacks {missing}")
    given = validated(schema, json.dumps(config), path)
    widths = (given.pop("radial_width"),) * given.pop("n_radial")
    return NequIP(radial_widths=widths, **given)


def key_table(shapes: dict[str, Any], layers: int) -> list[Key]:
    """Every array of a file, in its order, with the parameter that it fills."""
    table = [Key(".atom_energies", ("atom_energies",))]
    for i in range(layers):
        layer = shapes[f"layer_{i}"]
        for theirs, ours in BLOCKS.items():
            for name in sorted(layer.get(ours, {})):
                source = f".layers[{i}].{theirs}{_leaf(theirs, name)}"
                table.append(Key(source, (f"layer_{i}", ours, name)))
    for name in sorted(shapes["readout"]):
        table.append(Key(f".readout._weights['{name}']", ("readout", name)))
    return table


def _leaf(block: str, name: str) -> str:
    """Path of an array inside an original block."""
    if block == "radial_mlp":
        return f".layers[{name.removeprefix('kernel_')}].weights"
    if block == "layer_norm":
        return f".affine_weight[{name.removeprefix('scale_')}]"
    return f"._weights['{name}']"


def _read_config(file: BufferedReader, path: Path) -> dict[str, Any]:
    line = file.readline(2**20)
    try:
        with bounded_recursion():
            config = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: Nequix weights begin with one line of JSON; this file does not "
            f"({error}): is it another format, or a damaged download?"
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path}: the first line must hold a JSON object")
    return config


def _repeats_config(records: list[np.ndarray], config: dict[str, Any]) -> bool:
    """Whether scalar records are the numbers of the config, sorted by key."""
    numbers = [x for x in jax.tree.leaves(config) if isinstance(x, int | float)]
    return len(records) == len(numbers) and all(
        record.shape == () and record.item() == number
        for record, number in zip(records, numbers, strict=True)
    )


def _read_arrays(file: BufferedReader, path: Path) -> list[np.ndarray]:
    arrays = []
    size = path.stat().st_size
    while file.peek(2)[:2] not in (b"", b"\n"):
        try:
            arrays.append(read_array(file, size - file.tell()))
        except ValueError as error:
            raise WeightsError(
                f"{path}: array {len(arrays) + 1} cannot be read ({error}): the file "
                "is truncated or damaged; download it again"
            ) from error
        if len(arrays) > MOST:
            raise WeightsError(f"{path}: no network has more than {MOST} arrays")
    return arrays
