"""Settings of matgl's networks, in their bounds; what ours do not have is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from matjax.errors import WeightsError
from matjax.files import bounded_recursion
from matjax.weights.header import BOUNDS, Length, Width, Widths, Word

KINDS = ("M3GNet", "TensorNet", "MEGNet")
"""Classes of networks that are read."""

MOST_BYTES = 2**20
"""Of a file of settings; published ones have some thousand."""

Few = Annotated[int, Field(ge=1, le=32)]
Symbols = tuple[Word, ...]
Nothing = Literal[0] | None


def _schema(name: str, **fields: Any) -> type[BaseModel]:
    """A schema of settings that must all be there, by their types."""
    settings = ConfigDict(extra="forbid", allow_inf_nan=False)
    needed: dict[str, Any] = {key: (kind, ...) for key, kind in fields.items()}
    return create_model(name, __config__=settings, **needed)


M3GNET = _schema(
    "M3GNet",
    element_types=Symbols,
    dim_node_embedding=Width,
    dim_edge_embedding=Width,
    dim_state_embedding=Nothing,
    dim_state_feats=None,
    ntypes_state=None,
    include_state=Literal[False],
    max_n=Annotated[int, Field(ge=1, le=16)],
    max_l=Annotated[int, Field(ge=1, le=4)],
    nblocks=Few,
    rbf_type=Literal["SphericalBessel"],
    is_intensive=bool,
    readout_type=Literal["set2set", "weighted_atom"],
    task_type=Literal["regression"],
    cutoff=Length,
    threebody_cutoff=Length,
    units=Width,
    ntargets=Literal[1],
    use_smooth=bool,
    use_phi=Literal[False],
    niters_set2set=Few,
    nlayers_set2set=Few,
    field=Literal["node_feat"],
    activation_type=Literal["swish"],
)

TENSORNET = _schema(
    "TensorNet",
    element_types=Symbols,
    units=Width,
    ntypes_state=None,
    dim_state_embedding=Nothing,
    dim_state_feats=None,
    include_state=Literal[False],
    nblocks=Few,
    num_rbf=int,
    max_n=BOUNDS["basis"],
    max_l=int,
    rbf_type=Literal["SphericalBessel"],
    use_smooth=Literal[True],
    activation_type=Literal["swish"],
    cutoff=Length,
    equivariance_invariance_group=Literal["O(3)"],
    dtype=Literal["torch.float32"],
    width=float,
    readout_type=Literal["weighted_atom"],
    task_type=Literal["regression"],
    niters_set2set=int,
    nlayers_set2set=int,
    field=Literal["node_feat"],
    is_intensive=Literal[False],
    ntargets=Literal[1],
)

MEGNET = _schema(
    "MEGNet",
    dim_node_embedding=Width,
    dim_edge_embedding=Annotated[int, Field(ge=2, le=4096)],
    dim_state_embedding=Width,
    ntypes_state=Annotated[int | None, Field(ge=2, le=256)],
    nblocks=Few,
    hidden_layer_sizes_input=Widths,
    hidden_layer_sizes_conv=Widths,
    hidden_layer_sizes_output=Widths,
    nlayers_set2set=Literal[1],
    niters_set2set=Few,
    activation_type=Literal["softplus2"],
    is_classification=Literal[False],
    include_state=Literal[True],
    dropout=None,
    graph_transformations=None,
    element_types=Symbols | None,
    bond_expansion=None,
    cutoff=Length,
    gauss_width=Annotated[float, Field(gt=0, le=1e6)],
)


def settings_path(path: Path) -> Path:
    """File of the settings that belong to a file of arrays."""
    return path.with_name(path.name.removesuffix(".npz") + ".config.json")


def read_json(path: Path) -> dict[str, Any]:
    """The object that a file of settings holds.

    Raises:
        FileNotFoundError: if there is no such file.
        WeightsError: if it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"the settings of a network belong beside its arrays; {path} is missing"
        )
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        with bounded_recursion():
            content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: must hold a JSON object ({error})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: must hold a JSON object")
    return content


def read_config(path: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Class of the network, settings of what wraps it, and its own.

    Args:
        path: of the arrays.

    Raises:
        FileNotFoundError: if there are no settings beside them.
        WeightsError: if they describe none of the networks that are read.
    """
    place = settings_path(path)
    content = read_json(place)
    try:
        outer = content["kwargs"]
        kind, settings = outer["model"]["@class"], outer["model"]["init_args"]
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{place}: must hold kwargs/model/@class and …/init_args"
        ) from error
    if kind not in KINDS or not isinstance(settings, dict):
        raise WeightsError(f"{place}: networks are {', '.join(KINDS)}; it is {kind!r}")
    return kind, outer, settings
