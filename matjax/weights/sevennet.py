"""Published weights of SevenNet-0 (``.npz``) into :class:`NequIP`.

A file holds the arrays of the original network by their names; ``NAME.config.json``
beside ``NAME.npz`` has its settings. The weights are published as a PyTorch pickle,
which matjax does not read: the arrays in NumPy's format are made of it elsewhere.

The original is built on e3nn for PyTorch, ours on e3nn-jax. What differs is brought
into the weights:

| original                                          | ours                          |
|---------------------------------------------------|-------------------------------|
| one flat array for each linear map, blocks by     | one array for each pair of    |
| pair of input and output irrep                    | input and output irrep        |
| layers of a radial perceptron over the root of    | plain layers                  |
| their inputs, silu times ``SILU``                 |                               |
| gates with silu times ``SILU``, estimated from    | gates with silu of unit       |
| a million random numbers                          | second moment                 |
| Wigner symbols of either sign                     | one sign; the other turns the |
|                                                   | path's radial weights         |
| readout by two linear maps with nothing between   | one linear map                |

Source: Park et al., J. Chem. Theory Comput. 20, 4857 (2024); weights under MIT.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from matjax.errors import WeightsError
from matjax.models.potentials import NequIP
from matjax.nn import tensor_product_paths
from matjax.nn.e3nn import e3nn
from matjax.predictors import Potential, parameter_shapes
from matjax.weights.header import Length, Widths, validated
from matjax.weights.matgl import read_state
from matjax.weights.matgl_config import read_json, settings_path
from matjax.weights.placed import Placed
from matjax.weights.table import Line, fill_lines

SILU = 1.6791767923989418
"""By which the original multiplies silu: e3nn's estimate of the inverse root of its
second moment, 0.16 % off."""


class _Basis(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Literal["bessel"] = Field(alias="radial_basis_name")
    size: Annotated[int, Field(ge=1, le=256)] = Field(alias="bessel_basis_num")


class _Switch(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    name: Literal["XPLOR"] = Field(alias="cutoff_function_name")
    onset: Length = Field(alias="cutoff_on")


class _Activations(BaseModel):
    model_config = ConfigDict(extra="forbid")
    e: Literal["silu"]
    o: Literal["tanh"]


class SevenNet(BaseModel):
    """What of the settings describes the network; the rest tells of its training."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    version: Literal["0.9.1"]  # later ones have the radial weights in another order
    kind: Literal["E3_equivariant_model"] = Field(alias="_model_type")
    interaction: Literal["nequip"] = Field(alias="interaction_type")
    places: dict[str, int] = Field(alias="_type_map")
    irreps: Annotated[tuple[str, ...], Field(min_length=3, max_length=33)] = Field(
        alias="irreps_manual"
    )
    cutoff: Length
    lmax: Annotated[int, Field(ge=0, le=6)]
    layers: Annotated[int, Field(ge=1, le=32)] = Field(alias="num_convolution_layer")
    basis: _Basis = Field(alias="radial_basis")
    switch: _Switch = Field(alias="cutoff_function")
    radial_widths: Widths = Field(alias="weight_nn_hidden_neurons")
    gates: _Activations = Field(alias="act_gate")
    scalars: _Activations = Field(alias="act_scalar")
    radial_activation: Literal["silu"] = Field(alias="act_radial")
    skip: Literal["linear"] = Field(alias="self_connection_type")
    parity: Literal[False] = Field(alias="is_parity")
    unit_vectors: Literal[True] = Field(alias="_normalize_sph")
    biases: Literal[False] = Field(alias="use_bias_in_linear")
    perceptron: Literal[False] = Field(alias="readout_as_fcn")


def read_sevennet(path: str | Path, published: Placed) -> Potential:
    """Potential with the weights of a ``.npz`` file, in float32.

    Args:
        path: of the arrays; their settings lie beside.
        published: what the network predicts.

    Raises:
        FileNotFoundError: if there are no settings beside the arrays.
        WeightsError: if a file is damaged, a setting is one that our network does not
            have, or the arrays are not exactly those of the network that the settings
            describe.
    """
    path = Path(path)
    place = settings_path(path)
    given = validated(SevenNet, json.dumps(read_json(place)), place)
    onset, cutoff = given["switch"].onset, given["cutoff"]
    if onset >= cutoff:
        raise WeightsError(
            f"{place}: the switch must begin below the cutoff; received {onset} and "
            f"{cutoff} Å"
        )
    state = read_state(path)
    model = NequIP(
        species=_species(given["places"], place),
        cutoff=cutoff,
        hidden=_hidden(given["irreps"], given["layers"], place),
        lmax=given["lmax"],
        layers=given["layers"],
        basis=given["basis"].size,
        radial_widths=given["radial_widths"],
        neighbors=_same_number(
            state,
            [f"{i}_convolution.denominator" for i in range(given["layers"])],
            path,
        )
        ** 2,
        scale=_same_number(state, ["rescale_atomic_energy.scale"], path),
        norm=False,
        embed=True,
        learned_basis=True,
        xplor=onset,
        parity=False,
    )
    shapes = parameter_shapes(model)
    lines = key_table(model, shapes, take_constants(model, state, path))
    return Potential(params=fill_lines(shapes, lines, state, path), model=model)


def _species(places: Mapping[str, int], place: Path) -> tuple[int, ...]:
    """Atomic numbers in the order of the original embedding."""
    numbers = {index: z for z, index in places.items()}
    try:
        return tuple(int(numbers[k]) for k in range(len(places)))
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{place}: _type_map must give places 0, 1, … to atomic numbers ({error})"
        ) from error


def _hidden(irreps: tuple[str, ...], layers: int, place: Path) -> str:
    """Irreps between layers: all alike, scalars alone at the beginning and the end."""
    inner = irreps[1]
    scalars = inner.partition("+")[0]
    if list(irreps) != [scalars, *[inner] * (layers - 1), scalars]:
        raise WeightsError(
            f"{place}: irreps_manual must begin and end with the scalars of the "
            f"irreps between all {layers} layers; received {irreps}"
        )
    return inner.replace("+", " + ")


def _same_number(state: dict[str, np.ndarray], names: list[str], path: Path) -> float:
    """The number that all these arrays repeat, which are taken from the state."""
    arrays = [state.pop(name, np.zeros(0)) for name in names]
    values = np.unique(np.concatenate([a.ravel() for a in arrays]).astype(float))
    if len(values) != 1 or not all(a.size for a in arrays):
        raise WeightsError(
            f"{path}: {', '.join(names)} must hold one number, the same everywhere; "
            f"received {values[:5]}"
        )
    return float(values[0])


def take_constants(
    model: NequIP, state: dict[str, np.ndarray], path: Path
) -> dict[tuple[int, int, int], float]:
    """Signs of the Wigner symbols by degrees, other than 1; what is fixed is removed.

    The original state holds, beside its parameters, empty arrays for what it does
    without, masks of outputs, and Wigner symbols, equal to ours but for signs.

    Raises:
        WeightsError: if one is not what the network's settings fix.
    """
    signs: dict[tuple[int, int, int], float] = {}
    for name in sorted(state):
        array = state[name]
        if name.endswith(".output_mask"):
            # The first layer has scalars alone: its skip gives scalars and gates.
            first = name.startswith("0_self_connection_intro.")
            n = e3nn.Irreps(model.hidden).num_irreps if first else len(array)
            right = array.ndim == 1 and (array[:n] == 1).all() and not array[n:].any()
        elif "._w3j_" in name:
            degrees = tuple(int(x) for x in name.rpartition("_w3j_")[2].split("_"))
            ours = np.asarray(e3nn.clebsch_gordan(*degrees))
            right = array.shape == ours.shape
            sign = np.sign(np.vdot(ours, array)) if right else 0.0
            right = right and np.allclose(sign * ours, array, atol=1e-6)
            right &= signs.setdefault(degrees, sign) == sign
        elif array.size == 0:
            right = array.shape == (0,)
        else:
            continue
        if not right:
            raise WeightsError(f"{path}: {name} is not what the settings say")
        del state[name]
    return signs


def key_table(
    model: NequIP,
    shapes: Mapping[str, Any],
    signs: Mapping[tuple[int, int, int], float],
) -> list[Line]:
    """Arrays of the original network that make each parameter of ours."""
    # Ours have unit second moment: features that come from a gate are smaller.
    gate = float(e3nn.normalize_function(jax.nn.silu)(1.0) / jax.nn.silu(1.0))
    gain = SILU / gate
    radians = model.cutoff / np.pi
    lines = [
        Line(("atom_energies",), ("rescale_atomic_energy.shift",), lambda x: x),
        Line(
            ("frequencies",),
            ("edge_embedding.basis_function.coeffs",),
            lambda x: x * radians,
        ),
        *_linear("onehot_to_feature_x", ("embedding",), shapes["embedding"], 1.0),
        _readout(shapes["readout"], gain),
    ]
    for i in range(model.layers):
        layer = shapes[f"layer_{i}"]
        factor = gain if i else 1.0
        for ours, theirs, size in (
            ("linear_in", "self_interaction_1", factor),
            ("skip", "self_connection_intro", factor),
            ("linear_out", "self_interaction_2", 1.0),
        ):
            lines += _linear(f"{i}_{theirs}", (f"layer_{i}", ours), layer[ours], size)
        order = _radial_weights(model, i, signs)
        kernels = sorted(layer["radial"], key=lambda name: int(name.split("_")[1]))
        for k, name in enumerate(kernels):
            source = f"{i}_convolution.weight_nn.layer{k}.weight"
            make = _radial(SILU if k else 1.0, order if name == kernels[-1] else None)
            lines.append(Line((f"layer_{i}", "radial", name), (source,), make))
    return lines


def _radial_weights(
    model: NequIP, layer: int, signs: Mapping[tuple[int, int, int], float]
) -> tuple[np.ndarray, np.ndarray]:
    """For each of our radial weights its place in the original, and its sign.

    The original has the paths by feature, harmonic and output; ours are sorted by
    output.
    """
    hidden = e3nn.Irreps(model.hidden)
    scalars = hidden.filter("0e")
    features = hidden if layer else scalars
    wanted = hidden if layer < model.layers - 1 else scalars
    harmonics = e3nn.s2_irreps(model.lmax, p_arg=1)
    paths = tensor_product_paths(features, harmonics, wanted)

    theirs = sorted(paths, key=lambda p: (p.feature, p.harmonic, p.irrep.l))
    ends = dict(zip(theirs, np.cumsum([p.multiplicity for p in theirs]), strict=True))
    places, turned = [], []
    for path in paths:
        places.append(np.arange(ends[path] - path.multiplicity, ends[path]))
        a, b = features[path.feature].ir.l, harmonics[path.harmonic].ir.l
        sign = signs.get((a, b, path.irrep.l), 1.0)
        turned.append(np.full(path.multiplicity, sign))
    return np.concatenate(places), np.concatenate(turned)


def _radial(
    factor: float, order: tuple[np.ndarray, np.ndarray] | None
) -> Callable[[np.ndarray], np.ndarray]:
    def make(weights: np.ndarray) -> np.ndarray:
        weights = weights / math.sqrt(len(weights)) * factor
        if order is None:
            return weights
        places, signs = order
        if weights.shape[1] != len(places):
            raise ValueError("not as many radial weights as the paths need")
        return weights[:, places] * signs

    return make


def _linear(
    source: str, parameter: tuple[str, ...], blocks: Mapping[str, Any], factor: float
) -> list[Line]:
    """Blocks of a linear map, which follow one another in the original's array."""

    def places(name: str) -> tuple[int, ...]:
        return tuple(int(x) for x in name[2 : name.index("]")].split(","))

    lines, start = [], 0
    size = sum(math.prod(block.shape) for block in blocks.values())
    for name in sorted(blocks, key=places):
        shape = blocks[name].shape
        stop = start + math.prod(shape)
        make = _block(slice(start, stop), shape, size, factor)
        lines.append(Line((*parameter, name), (f"{source}.linear.weight",), make))
        start = stop
    return lines


def _block(
    part: slice, shape: tuple[int, ...], size: int, factor: float
) -> Callable[[np.ndarray], np.ndarray]:
    def make(flat: np.ndarray) -> np.ndarray:
        if flat.shape != (size,):
            raise ValueError("not as many weights as the map needs")
        return flat[part].reshape(shape) * factor

    return make


def _readout(blocks: Mapping[str, Any], gain: float) -> Line:
    """Both maps of the readout as one."""
    ((name, block),) = blocks.items()

    def make(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        width = len(second)
        product = first.reshape(-1, width) @ second.reshape(width, 1)
        return (product / math.sqrt(width) * gain).reshape(block.shape)

    sources = ("reduce_input_to_hidden", "reduce_hidden_to_energy")
    names = tuple(f"{source}.linear.weight" for source in sources)
    return Line(("readout", name), names, make)
