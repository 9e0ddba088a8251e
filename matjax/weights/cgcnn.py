"""Published CGCNN weights (``.npz``) into :class:`matjax.models.properties.CGCNN`.

A file holds the arrays of the original network (``state/…``), mean and deviation of the
property it was trained on (``normalizer/…``) and its settings (``args``, JSON). The
table of element features, ``atom_init.json``, lies beside the files. Maps that follow
one another with nothing between become one: element features and their embedding,
batch normalization and its running statistics.

Source: Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018); weights under MIT.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from matjax.elements import N_ELEMENTS
from matjax.errors import WeightsError
from matjax.files import bounded_recursion
from matjax.models.properties import CGCNN
from matjax.predictors import PropertyPredictor, parameter_shapes
from matjax.weights.header import MAX_WIDTH
from matjax.weights.names import Converted
from matjax.weights.npy import UNREADABLE, read_archive
from matjax.weights.table import Line, fill_lines

FEATURES = "atom_init.json"
"""File of the element features: JSON, atomic number → list of numbers."""

VARIANCE_FLOOR = 1e-5
"""Added to variances by the original batch normalization (PyTorch's default)."""


def read_cgcnn(path: str | Path, published: Converted) -> PropertyPredictor:
    """Predictor with the weights of a ``.npz`` file, in float32.

    Args:
        path: of the weights, in a folder that holds ``atom_init.json`` too.
        published: what the file predicts.

    Raises:
        FileNotFoundError: if there is no table of element features beside the file.
        WeightsError: if the file is damaged or its arrays are not exactly those of the
            network that its settings describe.
    """
    path = Path(path)
    state, normalizer, settings = _read(path)
    species, state["features"] = _read_features(path.with_name(FEATURES))
    model = CGCNN(
        species=species,
        properties=(published.property,),
        features=settings["atom_fea_len"],
        layers=settings["n_conv"],
        head=(settings["h_fea_len"],) * settings["n_h"],
        norm="affine",
        scale=normalizer["std"],
        shift=normalizer["mean"],
    )
    params = fill_lines(parameter_shapes(model), key_table(model), state, path)
    return PropertyPredictor.create(
        model, (published.unit,), logarithmic=(published.logarithmic,), params=params
    )


def key_table(model: CGCNN) -> list[Line]:
    """Arrays of the original network that make each parameter of ours."""
    n = model.features
    lines = [
        Line(
            ("embedding", "embedding"),
            ("features", "embedding.weight", "embedding.bias"),
            lambda x, weight, bias: x @ weight.T + bias,
        )
    ]
    for i in range(model.layers):
        layer, conv = f"layer_{i}", f"convs.{i}"
        weight, bias = f"{conv}.fc_full.weight", f"{conv}.fc_full.bias"
        lines += [
            Line((layer, "center", "kernel"), (weight,), lambda w: w[:, :n].T),
            Line((layer, "neighbor", "kernel"), (weight,), lambda w: w[:, n : 2 * n].T),
            Line((layer, "bond", "kernel"), (weight,), lambda w: w[:, 2 * n :].T),
            Line((layer, "center", "bias"), (bias,), lambda b: b),
            *_norm_lines((layer, "norm_message"), f"{conv}.bn1"),
            *_norm_lines((layer, "norm_sum"), f"{conv}.bn2"),
        ]
    dense = ["conv_to_fc", *(f"fcs.{i}" for i in range(len(model.head) - 1)), "fc_out"]
    ours = [*(f"head_{i}" for i in range(len(model.head))), "readout"]
    for name, original in zip(ours, dense, strict=True):
        lines += [
            Line((name, "kernel"), (f"{original}.weight",), lambda w: w.T),
            Line((name, "bias"), (f"{original}.bias",), lambda b: b),
        ]
    return lines


def _norm_lines(parameter: tuple[str, ...], original: str) -> list[Line]:
    """Scale and offset that are (x − mean)/√(variance + floor) · w + b."""
    names = ("weight", "bias", "running_mean", "running_var")
    w, b, mean, variance = (f"{original}.{name}" for name in names)

    def scale(weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        return weight / np.sqrt(variance + VARIANCE_FLOOR)

    return [
        Line((*parameter, "scale"), (w, variance), scale),
        Line(
            (*parameter, "bias"),
            (b, mean, w, variance),
            lambda b, mean, w, variance: b - mean * scale(w, variance),
        ),
    ]


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, int]]:
    """Arrays of the network, its normalizer and its settings."""
    try:
        arrays = read_archive(path)
        with bounded_recursion():
            settings = json.loads(str(arrays.pop("args")))
        normalizer = {n: float(arrays.pop(f"normalizer/{n}")) for n in _NORMALIZER}
        sizes = {name: settings[name] for name in _SIZES}
    except (*UNREADABLE, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"{path}: CGCNN weights are an npz file with 'args', 'normalizer/…' and "
            f"'state/…' ({error}): is it another format, or a damaged download?"
        ) from error
    task = settings.get("task"), settings.get("n_out", 1)
    if task != ("regression", 1):
        raise WeightsError(
            f"{path}: a regression with one output is needed, not {task}"
        )
    for name, size in sizes.items():
        most = MAX_WIDTH if name.endswith("_len") else MOST_LAYERS
        if type(size) is not int or not 1 <= size <= most:
            raise WeightsError(f"{path}: {name} must be 1 to {most}; it is {size!r}")
    std = normalizer["std"]
    if not (math.isfinite(normalizer["mean"]) and math.isfinite(std) and std > 0):
        raise WeightsError(f"{path}: mean and deviation must be finite: {normalizer}")
    state = {name.removeprefix("state/"): array for name, array in arrays.items()}
    return state, normalizer, sizes


MOST_LAYERS = 32
_NORMALIZER = ("mean", "std")
_SIZES = ("atom_fea_len", "h_fea_len", "n_conv", "n_h")


def _read_features(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """Atomic numbers, and the features of each."""
    if not path.is_file():
        raise FileNotFoundError(
            f"the element features of CGCNN belong beside its weights; {path} is "
            "missing"
        )
    try:
        with bounded_recursion():
            rows = json.loads(path.read_text(encoding="utf-8"))
        table = {int(z): row for z, row in rows.items()}
        features = np.array(list(table.values()), dtype=np.float64)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"{path}: must hold a list of numbers for each atomic number ({error})"
        ) from error
    if features.ndim != 2 or not all(0 < z < N_ELEMENTS for z in table):
        raise WeightsError(f"{path}: needs atomic numbers and lists of one length")
    if not np.isfinite(features).all():
        raise WeightsError(f"{path}: features must be finite numbers")
    return tuple(table), features
