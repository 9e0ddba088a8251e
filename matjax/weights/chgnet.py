"""Published CHGNet weights (``.npz``) into :class:`matjax.models.potentials.CHGNet`.

A file holds the arrays of the original network by their names; ``NAME.config.json``
beside ``NAME.npz`` has its settings. The weights are published as PyTorch's pickles,
which matjax does not read: the arrays in NumPy's format are made of them elsewhere.

Source: Deng et al., Nat. Mach. Intell. 5, 1031 (2023); weights under a BSD licence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from matjax.errors import WeightsError
from matjax.models.potentials import CHGNet
from matjax.predictors import Potential, parameter_shapes
from matjax.weights.header import Length, Width, Widths, validated
from matjax.weights.matgl import read_state
from matjax.weights.matgl_config import read_json, settings_path
from matjax.weights.placed import Placed
from matjax.weights.table import Line, check, fill_lines

ELEMENTS = tuple(range(1, 95))
"""Atomic numbers in the order of the original embedding."""

FIXED: dict[str, Any] = {
    "composition_model": str,
    "update_bond": Literal[True],
    "update_angle": Literal[True],
    "read_out": Literal["ave"],
    "mlp_first": Literal[True],
    "is_intensive": Literal[True],
    "learnable_rbf": Literal[True],
    "angle_layer_hidden_dim": Literal[0],
    "non_linearity": Literal["silu"],
    "mlp_dropout": float,
    "conv_dropout": float,
    "gMLP_norm": Literal["layer"] | None,
    "readout_norm": Literal["layer"] | None,
}
"""Settings that must have a value that our network has, or do not matter to it."""

SIZES: dict[str, Any] = {
    "atom_fea_dim": Width,
    "bond_fea_dim": Width,
    "angle_fea_dim": Width,
    "atom_conv_hidden_dim": Width,
    "bond_conv_hidden_dim": Width,
    "mlp_hidden_dims": Widths,
    "num_radial": Annotated[int, Field(ge=1, le=256)],
    "num_angular": Annotated[int, Field(ge=3, le=255)],
    "n_conv": Annotated[int, Field(ge=2, le=32)],
    "atom_graph_cutoff": Length,
    "bond_graph_cutoff": Length,
    "cutoff_coeff": Annotated[float, Field(ge=1, le=100)],
}
"""Settings that our network has as attributes."""

LATER: dict[str, Any] = {
    "conv_norm": None,
    "skip_connection": Literal[False],
    "graph_converter_algorithm": str,
    "cutofff_coeff": float,
}
"""Settings that not every version names; one of them is a slip of the pen."""


def _schema() -> type[BaseModel]:
    needed: dict[str, Any] = {key: (kind, ...) for key, kind in (FIXED | SIZES).items()}
    optional: dict[str, Any] = {
        key: (kind if kind is None else kind | None, None)
        for key, kind in LATER.items()
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model("CHGNet", __config__=config, **needed, **optional)


def read_chgnet(path: str | Path, published: Placed) -> Potential:
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
    given = validated(_schema(), json.dumps(read_json(place)), place)
    widths = {value for key, value in given.items() if key.endswith("_dim") and value}
    norms = {given["gMLP_norm"], given["readout_norm"]}
    if len(widths) != 1 or len(norms) != 1 or given["num_angular"] % 2 == 0:
        raise WeightsError(
            f"{place}: one width, one kind of norms and an odd num_angular are needed; "
            f"received {sorted(widths)}, {norms} and {given['num_angular']}"
        )
    state = read_state(path)
    model = CHGNet(
        species=ELEMENTS,
        cutoff=given["atom_graph_cutoff"],
        bond_cutoff=given["bond_graph_cutoff"],
        features=widths.pop(),
        layers=given["n_conv"],
        basis=given["num_radial"],
        angular_basis=given["num_angular"] // 2,
        envelope=given["cutoff_coeff"],
        head=given["mlp_hidden_dims"],
        norm=norms == {"layer"},
        biased="atom_conv_layers.0.mlp_out.layers.1.bias" in state,
    )
    drop_last_angles(model, state, path)
    params = fill_lines(parameter_shapes(model), key_table(model), state, path)
    return Potential(params=params, model=model)


def drop_last_angles(model: CHGNet, state: dict[str, np.ndarray], path: Path) -> None:
    """Remove from the arrays those of an update of angles that nothing reads.

    Raises:
        WeightsError: if they are not all there, of the right shapes.
    """
    n, layer = model.features, f"angle_layers.{model.layers - 2}.twoBody_bond"
    shapes: dict[str, tuple[int, ...]] = {}
    for part in ("core", "gate"):
        shapes[f"{layer}.mlp_{part}.layers.1.weight"] = (n, 4 * n)
        shapes[f"{layer}.mlp_{part}.layers.1.bias"] = (n,)
    if model.norm:
        for name in ("bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias"):
            shapes[f"{layer}.{name}"] = (n,)
    off = [f"missing: {name}" for name in sorted(shapes.keys() - state.keys())]
    for name in sorted(shapes.keys() & state.keys()):
        off += check(name, state.pop(name), shapes[name])
    if off:
        listed = "\n  ".join(off)
        raise WeightsError(f"{path}: of the last update of angles are off\n  {listed}")


def key_table(model: CHGNet) -> list[Line]:
    """Arrays of the original network that make each parameter of ours."""
    radial = "bond_basis_expansion.rbf_expansion"
    lines = [
        Line(("embedding", "embedding"), ("atom_embedding.embedding.weight",), _same),
        Line(("atom_energies",), ("composition_model.fc.weight",), np.ravel),
        Line(("frequencies",), (f"{radial}_ag.frequencies",), _in_pi),
        Line(("bond_frequencies",), (f"{radial}_bg.frequencies",), _in_pi),
        Line(
            ("angular_frequencies",),
            ("angle_basis_expansion.fourier_expansion.frequencies",),
            _same,
        ),
        _kernel(("bond",), "bond_embedding"),
        _kernel(("weigh_edges",), "bond_weights_ag"),
        _kernel(("weigh_bonds",), "bond_weights_bg"),
        _kernel(("angle",), "angle_embedding"),
        *_dense(("moments",), "site_wise"),
        *_readout(model),
    ]
    parts = ("own", "other", "angle", "center")
    for i in range(model.layers):
        source, ours = f"atom_conv_layers.{i}", f"atoms_{i}"
        names = [(ours, name) for name in ("center", "bond", "neighbor")]
        lines += _gated(model, f"{source}.twoBody_atom", names, (ours, "gated"), 0)
        lines += _out(model, f"{source}.mlp_out.layers.1", (ours, "out"), (ours, "out"))
        if i == model.layers - 1:
            break
        source, ours = f"bond_conv_layers.{i}", f"bonds_{i}"
        names = [(ours, "inputs", name) for name in parts]
        lines += _gated(model, f"{source}.twoBody_bond", names, (ours, "gated"), 0)
        lines += _out(model, f"{source}.mlp_out.layers.1", (ours, "out"), (ours,))
        if i == model.layers - 2:
            continue
        source, ours = f"angle_layers.{i}.twoBody_bond", f"angles_{i}"
        names = [(ours, "inputs", name) for name in parts]
        lines += _gated(model, source, names, (ours, "gated"), 1)
    return lines


def _gated(
    model: CHGNet,
    source: str,
    inputs: Sequence[tuple[str, ...]],
    rest: tuple[str, ...],
    first: int,
) -> list[Line]:
    """A gated perceptron, whose first layer is one of ours for each of its inputs.

    Args:
        model: of the settings.
        source: name of the original's.
        inputs: of our first layers, in the order of the original's inputs; that of the
            center has the bias.
        rest: of what follows.
        first: place of the first layer in the original's lists; the second one follows
            after an activation and a dropout, if the first is at 0.
    """
    n, both = model.features, [f"{source}.mlp_{x}.layers" for x in ("core", "gate")]
    weights = tuple(f"{x}.{first}.weight" for x in both)
    biases = tuple(f"{x}.{first}.bias" for x in both)
    lines = []
    for k, place in enumerate(inputs):
        part = slice(k * n, (k + 1) * n)
        lines.append(Line((*place, "kernel"), weights, _columns(part)))
        if place[-1] == "center":
            lines.append(Line((*place, "bias"), biases, lambda a, b: np.append(a, b)))
    for ours, theirs, norm in (("core", both[0], "bn1"), ("gate", both[1], "bn2")):
        if first == 0:
            lines += _dense((*rest, ours), f"{theirs}.3")
        if model.norm:
            lines += _norm((*rest, f"{ours}_norm"), f"{source}.{norm}")
    return lines


def _columns(part: slice) -> Any:
    return lambda a, b: np.concatenate([a[:, part], b[:, part]]).T


def _out(
    model: CHGNet, source: str, kernel: tuple[str, ...], bias: tuple[str, ...]
) -> list[Line]:
    """The layer that sums go through; bonds have its bias beside it."""
    lines = [_kernel(kernel, source)]
    if model.biased:
        lines.append(Line((*bias, "bias"), (f"{source}.bias",), _same))
    return lines


def _readout(model: CHGNet) -> list[Line]:
    """The perceptron that makes the energies; its last layer follows a dropout."""
    n = len(model.head)
    places = [*(2 * i for i in range(n)), 2 * n + 1]
    lines = [
        line
        for i, place in enumerate(places)
        for line in _dense(("readout", f"layer_{i}"), f"mlp.layers.{place}")
    ]
    if model.norm:
        lines += _norm(("readout_norm",), "readout_norm")
    return lines


def _norm(parameter: tuple[str, ...], source: str) -> list[Line]:
    return [
        Line((*parameter, "scale"), (f"{source}.weight",), _same),
        Line((*parameter, "bias"), (f"{source}.bias",), _same),
    ]


def _dense(parameter: tuple[str, ...], source: str) -> list[Line]:
    bias = Line((*parameter, "bias"), (f"{source}.bias",), _same)
    return [_kernel(parameter, source), bias]


def _kernel(parameter: tuple[str, ...], source: str) -> Line:
    return Line((*parameter, "kernel"), (f"{source}.weight",), np.transpose)


def _in_pi(x: np.ndarray) -> np.ndarray:
    return x / np.pi


def _same(x: np.ndarray) -> np.ndarray:
    return x
