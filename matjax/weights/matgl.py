"""Published weights of matgl (``.npz``): M3GNet, TensorNet and MEGNet.

A file holds the arrays of the original network by their names; ``NAME.config.json``
beside ``NAME.npz`` has its settings. The weights are published as PyTorch's pickles,
which matjax does not read: the arrays in NumPy's format are made of them elsewhere.

What the original network keeps as arrays although its settings fix it (cutoffs, the
centers of Gaussians, a unit matrix) is held against these settings.

Source: materialsvirtuallab/matgl, weights under BSD-3-Clause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matjax.elements import atomic_number
from matjax.errors import WeightsError
from matjax.models.potentials import M3GNet, TensorNet
from matjax.models.properties import M3GNetProperties, MEGNet
from matjax.predictors import Label, Potential, PropertyPredictor, parameter_shapes
from matjax.weights.header import validated
from matjax.weights.matgl_config import M3GNET, MEGNET, TENSORNET, read_config
from matjax.weights.matgl_lines import (
    m3gnet_lines,
    megnet_lines,
    potential_lines,
    property_lines,
    tensornet_lines,
)
from matjax.weights.npy import UNREADABLE, read_archive
from matjax.weights.placed import Placed
from matjax.weights.table import fill_lines

ELEMENTS = (*range(1, 84), *range(89, 95))
"""Atomic numbers that networks know whose settings name no elements."""


def read_matgl(path: str | Path, published: Placed) -> Potential | PropertyPredictor:
    """Network with the weights of a ``.npz`` file, in float32.

    Args:
        path: of the arrays; their settings lie beside.
        published: what the network predicts.

    Raises:
        FileNotFoundError: if there are no settings beside the arrays.
        WeightsError: if a file is damaged, a setting is one that our networks do not
            have, or the arrays are not exactly those of the network that the settings
            describe.
    """
    path = Path(path)
    kind, outer, settings = read_config(path)
    state = read_state(path)
    if kind == "MEGNet":
        return _read_megnet(path, published, outer, settings, state)
    if kind == "M3GNet" and settings.get("is_intensive"):
        return _read_m3gnet_properties(path, published, outer, settings, state)
    if kind == "M3GNet":
        given = validated(M3GNET, json.dumps(settings), path)
        species = _species(given.pop("element_types"), path)
        scale = _take_energies(state, len(species), path)
        _require(state, "model.bond_expansion.rbf.cutoff", given["cutoff"], path)
        _require(state, "model.basis_expansion.sbf.cutoff", given["cutoff"], path)
        model = M3GNet(species=species, scale=scale, **_known(given, M3GNet))
        lines = m3gnet_lines(model)
    else:
        given = validated(TENSORNET, json.dumps(settings), path)
        species = _species(given.pop("element_types"), path)
        scale = _take_energies(state, len(species), path)
        _require(state, "model.bond_expansion.rbf.cutoff", given["cutoff"], path)
        model = TensorNet(species=species, scale=scale, **_known(given, TensorNet))
        lines = tensornet_lines(model)
    lines += potential_lines()
    params = fill_lines(parameter_shapes(model), lines, state, path)
    return Potential(params=params, model=model)


def read_state(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name.

    Raises:
        WeightsError: if it is none, or damaged.
    """
    try:
        return read_archive(path)
    except UNREADABLE as error:
        raise WeightsError(
            f"{path}: weights are an npz file of arrays by their original names "
            f"({error}): is it another format, or a damaged copy?"
        ) from error


def _read_m3gnet_properties(
    path: Path,
    published: Placed,
    outer: Mapping[str, Any],
    settings: Mapping[str, Any],
    state: dict[str, np.ndarray],
) -> PropertyPredictor:
    given = validated(M3GNET, json.dumps(settings), path)
    mean, deviation = _normalizer(outer, path)
    model = M3GNetProperties(
        species=_species(given.pop("element_types"), path),
        properties=(published.property,),
        scale=deviation,
        shift=mean,
        turns=given["niters_set2set"],
        readout_layers=given["nlayers_set2set"],
        **_known(given, M3GNetProperties),
    )
    lines = m3gnet_lines(model) + property_lines(model)
    params = fill_lines(parameter_shapes(model), lines, state, path)
    return PropertyPredictor.create(model, (published.unit,), params=params)


def _read_megnet(
    path: Path,
    published: Placed,
    outer: Mapping[str, Any],
    settings: Mapping[str, Any],
    state: dict[str, np.ndarray],
) -> PropertyPredictor:
    given = validated(MEGNET, json.dumps(settings), path)
    mean, deviation = _normalizer(outer, path)
    reach = given["cutoff"] + 1  # the original's own, in no setting
    centers = np.linspace(0, reach, given["dim_edge_embedding"])
    _require(state, "model.bond_expansion.rbf.centers", centers, path)
    model = MEGNet(
        species=_species(given["element_types"], path),
        properties=(published.property,),
        cutoff=given["cutoff"],
        reach=reach,
        basis=given["dim_edge_embedding"],
        gaussian_width=given["gauss_width"] ** -0.5,
        embedded=given["dim_node_embedding"],
        n_states=given["ntypes_state"] or 1,
        state_features=given["dim_state_embedding"],
        blocks=given["nblocks"],
        dense_widths=given["hidden_layer_sizes_input"],
        exchange_widths=given["hidden_layer_sizes_conv"],
        head=given["hidden_layer_sizes_output"],
        turns=given["niters_set2set"],
        scale=deviation,
        shift=mean,
    )
    lines = megnet_lines(model, has_states=given["ntypes_state"] is not None)
    params = fill_lines(parameter_shapes(model), lines, state, path)
    shape = (model.n_states,) if model.n_states > 1 else ()
    label = Label(published.property, unit=published.unit, shape=shape)
    return PropertyPredictor.create(model, (label,), params=params)


def _species(symbols: Sequence[str] | None, path: Path) -> tuple[int, ...]:
    if symbols is None:
        return ELEMENTS
    try:
        numbers = tuple(atomic_number(symbol) for symbol in symbols)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None
    if len(set(numbers)) < len(numbers) or not numbers:
        raise WeightsError(f"{path}: elements must be some, and differ: {symbols}")
    return numbers


def _known(given: Mapping[str, Any], model: Callable[..., Any]) -> dict[str, Any]:
    """Of the settings those that are attributes of a model, by our names."""
    names = {"threebody_cutoff": "three_body_cutoff", "dim_node_embedding": "features"}
    names |= {"nblocks": "layers", "max_l": "degrees", "max_n": "basis"}
    names |= {"use_smooth": "smooth", "cutoff": "cutoff"}
    names |= {"units": "channels"} if model is TensorNet else {"units": "units"}
    has = getattr(model, "__dataclass_fields__", {})
    return {names[k]: v for k, v in given.items() if names.get(k) in has}


def _take_energies(state: dict[str, np.ndarray], n_species: int, path: Path) -> float:
    """The factor of the readout; what else belongs to it must be as it is here."""
    _require(state, "data_mean", 0.0, path)
    _require(state, "element_refs.onehot", np.eye(n_species), path)
    scale = state.pop("data_std", None)
    if scale is None or scale.shape != () or not (np.isfinite(scale) and scale > 0):
        raise WeightsError(f"{path}: data_std must be a number above 0; it is {scale}")
    return float(scale)


def _require(
    state: dict[str, np.ndarray], name: str, value: np.ndarray | float, path: Path
) -> None:
    """Takes an array away that must have a value, to the round-off of float32."""
    array = state.pop(name, None)
    wanted = np.asarray(value)
    if (
        array is None
        or array.shape != wanted.shape
        or not np.allclose(array, wanted, rtol=1e-6, atol=1e-6)
    ):
        raise WeightsError(
            f"{path}: {name} must be there, and what the settings say: {value}; it is "
            f"{array}"
        )


def _normalizer(outer: Mapping[str, Any], path: Path) -> tuple[float, float]:
    """Mean and deviation, which the settings have as a text."""
    number = r"(-?\d+\.\d+)"
    text = str(outer.get("target_transformer"))
    found = re.fullmatch(rf"Normalizer: Mean={number}, Std: {number}", text)
    if found is None or not float(found[2]) > 0:
        raise WeightsError(
            f"{path}: target_transformer must be 'Normalizer: Mean=…, Std: …'; it is "
            f"{text!r}"
        )
    return float(found[1]), float(found[2])
