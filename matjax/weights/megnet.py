"""Published weights of the first MEGNet (``.npz``), which was written with Keras.

A file holds the arrays of the original network by their names; ``NAME.config.json``
beside ``NAME.npz`` has the settings of its graphs and of its target. The originals are
HDF5 files, which matjax does not read.

Source: materialsvirtuallab/megnet, weights under BSD-3-Clause.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from matjax.errors import WeightsError
from matjax.models.properties import MEGNet
from matjax.predictors import PropertyPredictor, parameter_shapes
from matjax.weights.header import Length, validated
from matjax.weights.matgl import ELEMENTS, read_state
from matjax.weights.matgl_config import read_json, settings_path
from matjax.weights.placed import Placed
from matjax.weights.table import Line, fill_lines

ROOT = "model_weights"

TURNS = {"bulk_modulus": 1, "shear_modulus": 1}
"""Turns of Set2Set where they are not three. No file of settings has them; errors on
30 binary crystals, decimal logarithms of GPa: bulk modulus 0.045, shear modulus 0.054
with one turn, as published (0.050, 0.079); 0.3 and more with two, three or four."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Centers(_Strict):
    data: Annotated[list[float], Field(min_length=2, max_length=4096)]


class _Bonds(_Strict):
    kind: Literal["GaussianDistance"] = Field(alias="@class")
    centers: _Centers
    width: Length


class _Graphs(_Strict):
    kind: Literal["CrystalGraph"] = Field(alias="@class")
    bond_converter: _Bonds
    cutoff: Length


class _Scaler(_Strict):
    kind: Literal["StandardScaler"] = Field(alias="@class")
    mean: float
    std: Annotated[float, Field(gt=0)]
    is_intensive: Literal[True]


class _Settings(_Strict):
    graph_converter: _Graphs
    target_scaler: _Scaler | None = None


def read_megnet(path: str | Path, published: Placed) -> PropertyPredictor:
    """Predictor with the weights of a ``.npz`` file, in float32.

    Args:
        path: of the arrays; their settings lie beside.
        published: what the network predicts.

    Raises:
        FileNotFoundError: if there are no settings beside the arrays.
        WeightsError: if a file is damaged, or its arrays are not exactly those of the
            network.
    """
    path = Path(path)
    place = settings_path(path)
    given = validated(_Settings, json.dumps(read_json(place)), place)
    state = read_state(path)
    graphs: _Graphs = given["graph_converter"]
    scaler: _Scaler | None = given["target_scaler"]
    centers = np.asarray(graphs.bond_converter.centers.data)
    if not np.allclose(centers, np.linspace(0, centers[-1], len(centers))):
        raise WeightsError(
            f"{place}: centers of Gaussians must be evenly spaced from 0"
        )
    model = MEGNet(
        species=_species(state, path),
        properties=(published.property,),
        cutoff=graphs.cutoff,
        reach=float(centers[-1]),
        basis=len(centers),
        gaussian_width=graphs.bond_converter.width,
        ends_active=False,
        turns=TURNS.get(published.property, 3),
        query_width=16,
        sigmoid="hard",
        remembers=False,
        scale=scaler.std if scaler else 1.0,
        shift=scaler.mean if scaler else 0.0,
    )
    params = fill_lines(parameter_shapes(model), key_table(model), state, path)
    return PropertyPredictor.create(
        model, (published.unit,), logarithmic=(published.logarithmic,), params=params
    )


def key_table(model: MEGNet) -> list[Line]:
    """Arrays of the original network that make each parameter of ours.

    Its dense layers are numbered through: those of atoms, bonds and the state before
    the first exchange, then before each other one, then those of the readout.
    """
    n, sizes = model.dense_widths[-1], (model.n_states, model.state_features)
    embedding = f"{ROOT}|embedding_1|embedding_1|embeddings:0"
    lines = [
        Line(
            ("embedding", "embedding"), (embedding,), lambda x: x[list(model.species)]
        ),
        Line(("states",), (), lambda: np.zeros(sizes)),
    ]
    number = 1
    for i in range(model.blocks):
        before = ("first",) if i == 0 else (f"block_{i}", "dense")
        for part in ("atoms", "bonds", "state"):
            place = (*before[:-1], f"{before[-1]}_{part}")
            for k in range(len(model.dense_widths)):
                lines += _dense((*place, f"layer_{k}"), number)
                number += 1
    for k in range(len(model.head) + 1):
        lines += _dense(("readout", f"layer_{k}"), number + k)
    for i in range(model.blocks):
        layer = f"{ROOT}|" + f"meg_net_layer_{i + 1}|" * 3
        block, last = f"block_{i}", len(model.exchange_widths)
        weight = f"{layer}phi_e|weight_e_0:0"
        for k, name in enumerate(("center", "neighbor", "bond", "state")):
            rows = slice(k * n, (k + 1) * n)
            place = (block, name, "kernel")
            lines.append(Line(place, (weight,), lambda w, rows=rows: w[rows]))
        lines.append(
            Line((block, "bond", "bias"), (f"{layer}phi_e|bias_e_0:0",), _same)
        )
        for ours, theirs, first in (
            ("to_bonds", "e", 1),
            ("to_atoms", "v", 0),
            ("to_state", "u", 0),
        ):
            for k in range(first, last):
                place = (block, ours, f"layer_{k - first}")
                source = f"{layer}phi_{theirs}"
                lines += _pair(
                    place,
                    f"{source}|weight_{theirs}_{k}:0",
                    f"{source}|bias_{theirs}_{k}:0",
                )
    for k, ours in enumerate(("read_atoms", "read_bonds"), start=1):
        source = f"{ROOT}|set2_set_{k}|set2_set_{k}"
        names = ("x_to_m_weight:0", "x_to_m_bias:0")
        lines += _pair((ours, "project"), *(f"{source}|{name}" for name in names))
        names = ("recurrent_kernel:0", "recurrent_bias:0")
        place = (ours, "lstm_0", "input")
        lines += _pair(place, *(f"{source}|{name}" for name in names))
    return lines


def _same(x: np.ndarray) -> np.ndarray:
    return x


def _pair(parameter: tuple[str, ...], kernel: str, bias: str) -> list[Line]:
    return [
        Line((*parameter, "kernel"), (kernel,), _same),
        Line((*parameter, "bias"), (bias,), _same),
    ]


def _dense(parameter: tuple[str, ...], number: int) -> list[Line]:
    name = f"{ROOT}|dense_{number}|dense_{number}"
    return _pair(parameter, f"{name}|kernel:0", f"{name}|bias:0")


def _species(state: dict[str, Any], path: Path) -> tuple[int, ...]:
    """Atomic numbers of the table of elements that its training has seen.

    The rows of Po to Ra are those of the initialisation, like that of number 0.
    """
    table = state.get(f"{ROOT}|embedding_1|embedding_1|embeddings:0")
    if table is None or table.ndim != 2 or len(table) != max(ELEMENTS) + 1:
        raise WeightsError(f"{path}: must have a table of {max(ELEMENTS) + 1} elements")
    return ELEMENTS
