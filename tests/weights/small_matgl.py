"""Small files of matgl's and megnet's formats, with arrays of random numbers."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from matjax.weights import Placed
from matjax.weights.matgl import ELEMENTS
from matjax.weights.matgl_config import settings_path

M3GNET = {
    "element_types": ["O", "Si"],
    "dim_node_embedding": 4,
    "dim_edge_embedding": 4,
    "dim_state_embedding": 0,
    "dim_state_feats": None,
    "ntypes_state": None,
    "include_state": False,
    "max_n": 2,
    "max_l": 3,
    "nblocks": 2,
    "rbf_type": "SphericalBessel",
    "is_intensive": False,
    "readout_type": "weighted_atom",
    "task_type": "regression",
    "cutoff": 4.0,
    "threebody_cutoff": 3.5,
    "units": 5,
    "ntargets": 1,
    "use_smooth": True,
    "use_phi": False,
    "niters_set2set": 2,
    "nlayers_set2set": 2,
    "field": "node_feat",
    "activation_type": "swish",
}

MEGNET = {
    "dim_node_embedding": 3,
    "dim_edge_embedding": 6,
    "dim_state_embedding": 2,
    "ntypes_state": None,
    "nblocks": 2,
    "hidden_layer_sizes_input": [5, 4],
    "hidden_layer_sizes_conv": [6, 5, 4],
    "hidden_layer_sizes_output": [3],
    "nlayers_set2set": 1,
    "niters_set2set": 2,
    "activation_type": "softplus2",
    "is_classification": False,
    "include_state": True,
    "dropout": None,
    "graph_transformations": None,
    "element_types": None,
    "bond_expansion": None,
    "cutoff": 3.6,
    "gauss_width": 0.5,
}

NORMALIZER = "Normalizer: Mean=-1.50000000, Std: 2.00000000"


def linear(rng, name, outputs, inputs, bias=True):
    arrays = {f"{name}.weight": rng.normal(size=(outputs, inputs)) / np.sqrt(inputs)}
    return arrays | ({f"{name}.bias": 0.3 * rng.normal(size=outputs)} if bias else {})


def chain(rng, name, widths, bias=True):
    arrays = {}
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        arrays |= linear(rng, f"{name}.{2 * k}", outputs, inputs, bias)
    return arrays


def gated(rng, name, widths, bias=True):
    return chain(rng, f"{name}.layers", widths, bias) | chain(
        rng, f"{name}.gates", widths, bias
    )


def lstm(rng, name, inputs, size, layer=0):
    shapes = {"weight_ih": inputs, "weight_hh": size}
    arrays = {f"{name}.{k}_l{layer}": (4 * size, n) for k, n in shapes.items()}
    arrays |= {f"{name}.bias_{k}_l{layer}": (4 * size,) for k in ("ih", "hh")}
    return {k: rng.normal(size=shape) for k, shape in arrays.items()}


def m3gnet_state(settings):
    """Arrays of an M3GNet, a potential or a property network."""
    rng = np.random.default_rng(0)
    n, units = settings["dim_node_embedding"], settings["units"]
    waves, size = settings["max_n"] * settings["max_l"], settings["max_n"]
    size = size if settings["use_smooth"] else waves
    n_species = len(settings["element_types"])
    state = {"embedding.layer_node_embedding.weight": rng.normal(size=(n_species, n))}
    state |= chain(rng, "embedding.layer_edge_embedding.layers", (size, n))
    for i in range(settings["nblocks"]):
        three = f"three_body_interactions.{i}"
        state |= chain(rng, f"{three}.update_network_atom.layers", (n, waves))
        state |= gated(rng, f"{three}.update_network_bond", (waves, n), bias=False)
        for kind in ("edge", "node"):
            conv = f"graph_layers.{i}.conv.{kind}"
            state |= gated(rng, f"{conv}_update_func", (3 * n, units, units, n))
            state |= linear(rng, f"{conv}_weight_func", n, size, bias=False)
    if settings["is_intensive"]:
        for layer in range(settings["nlayers_set2set"]):
            inputs = n if layer else 2 * n
            state |= lstm(rng, "readout.set2set.lstm", inputs, n, layer)
        state |= chain(rng, "final_layer.layers", (2 * n, units, units, 1))
        return {f"model.{k}": v for k, v in state.items()}
    state |= gated(rng, "final_layer.gated", (n, n, units, units, 1))
    state |= dict.fromkeys(
        ("bond_expansion.rbf.cutoff", "basis_expansion.sbf.cutoff"),
        np.asarray(settings["cutoff"]),
    )
    return {f"model.{k}": v for k, v in state.items()} | {
        "data_mean": np.asarray(0.0),
        "data_std": np.asarray(2.5),
        "element_refs.property_offset": np.array([-2.0, -5.0]),
        "element_refs.onehot": np.eye(n_species),
    }


def megnet_state(settings):
    """Arrays of matgl's MEGNet."""
    rng = np.random.default_rng(0)
    first = settings["hidden_layer_sizes_input"]
    hidden = settings["hidden_layer_sizes_conv"]
    n, n_edges = first[-1], settings["dim_edge_embedding"]
    size = {"edge": n_edges, "node": settings["dim_node_embedding"]}
    size["state"] = settings["dim_state_embedding"]
    table = (len(ELEMENTS), settings["dim_node_embedding"])
    state = {
        "bond_expansion.rbf.centers": np.linspace(0, settings["cutoff"] + 1, n_edges),
        "embedding.layer_node_embedding.weight": rng.normal(size=table),
    }
    if settings["ntypes_state"]:
        shape = (settings["ntypes_state"], size["state"])
        state["embedding.layer_state_embedding.weight"] = rng.normal(size=shape)
    for kind, inputs in size.items():
        state |= chain(rng, f"{kind}_encoder.layers", (inputs, *first))
    for i in range(settings["nblocks"]):
        for kind, inputs in (("edge", 4), ("node", 3), ("state", 3)):
            block = f"blocks.{i}"
            name = f"{block}.conv.{kind}_func.layers"
            state |= chain(rng, name, (inputs * n, *hidden))
            if i:
                state |= chain(rng, f"{block}.{kind}_func.layers", (n, *first))
    for kind in ("edge", "node"):
        state |= lstm(rng, f"{kind}_s2s.lstm", 2 * n, n)
    head = settings["hidden_layer_sizes_output"]
    state |= chain(rng, "output_proj.layers", (5 * n, *head, 1))
    return {f"model.{k}": v for k, v in state.items()}


def config_of(kind, settings, **outer):
    return {"kwargs": {"model": {"@class": kind, "init_args": settings}, **outer}}


def written(folder: Path, config, state, name="small") -> Path:
    """Path of the arrays, with their settings beside."""
    path = folder / f"{name}.npz"
    np.savez(path, **{k: np.asarray(v, np.float32) for k, v in state.items()})
    settings_path(path).write_text(json.dumps(config))
    return path


def placed(path: Path, **what) -> Placed:
    """An entry of the table of names for these files."""
    digests = [
        hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, settings_path(path))
    ]
    return Placed(path.name, "matgl", *digests, "https://example.org", "test", **what)
