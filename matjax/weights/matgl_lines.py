"""Key tables of matgl's networks: which arrays make each parameter of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from matjax.models.potentials import M3GNet, TensorNet
from matjax.models.properties import M3GNetProperties, MEGNet
from matjax.weights.table import Line


def m3gnet_lines(model: M3GNet | M3GNetProperties) -> list[Line]:
    """Arrays of the original exchanges that make each parameter of ours."""
    n = model.features
    bond = "model.embedding.layer_edge_embedding.layers.0"
    nodes = "model.embedding.layer_node_embedding.weight"
    lines = [Line(("embedding", "embedding"), (nodes,), _same), *dense(("bond",), bond)]
    for i in range(model.layers):
        layer, three = f"layer_{i}", f"model.three_body_interactions.{i}"
        lines += dense((layer, "third"), f"{three}.update_network_atom.layers.0")
        for ours, theirs in (("core", "layers"), ("gate", "gates")):
            place = (layer, "from_triples", ours, "layer_0", "kernel")
            source = f"{three}.update_network_bond.{theirs}.0.weight"
            lines.append(Line(place, (source,), np.transpose))
        for ours, theirs in (("to_edges", "edge"), ("to_atoms", "node")):
            conv = f"model.graph_layers.{i}.conv.{theirs}"
            update, place = f"{conv}_update_func", (layer, ours)
            first = (f"{update}.layers.0", f"{update}.gates.0")
            names = ("center", "neighbor", "bond")
            lines += _split(place, names, first, n)
            lines += _gated(update, (*place, "update"), range(1, 3))
            weight = f"{conv}_weight_func.weight"
            lines.append(Line((*place, "radial", "kernel"), (weight,), np.transpose))
    return lines


def potential_lines() -> list[Line]:
    """The gated perceptron that makes the energies, and those of the elements."""
    readout = _gated("model.final_layer.gated", ("readout",), range(4))
    own = Line(("atom_energies",), ("element_refs.property_offset",), _same)
    return [*readout, own]


def property_lines(model: M3GNetProperties) -> list[Line]:
    """The readout of a property by M3GNet."""
    lines = _perceptron("model.final_layer.layers", ("readout",), 3)
    for i in range(model.readout_layers):
        lines += lstm_lines(("read", f"lstm_{i}"), "model.readout.set2set.lstm", i)
    return lines


def tensornet_lines(model: TensorNet) -> list[Line]:
    """Arrays of the original network that make each parameter but the readout's."""
    n, first = model.channels, "model.tensor_embedding"
    projections = [f"{first}.distance_proj{k}" for k in (1, 2, 3)]
    lines = [
        Line(("embedding", "embedding"), (f"{first}.emb.weight",), _same),
        *_split(("tensors",), ("neighbor", "center"), (f"{first}.emb2",), n, bias=1),
        Line(
            ("tensors", "radial", "kernel"),
            tuple(f"{p}.weight" for p in projections),
            lambda *w: np.concatenate(w).T,
        ),
        Line(
            ("tensors", "radial", "bias"),
            tuple(f"{p}.bias" for p in projections),
            lambda *b: np.concatenate(b),
        ),
        *_norm_lines(("tensors", "norm"), f"{first}.init_norm"),
        *_mixed(("tensors", "mix"), f"{first}.linears_tensor", 0),
        *dense(("tensors", "scales", "layer_0"), f"{first}.linears_scalar.0"),
        *_by_irrep(("tensors", "scales", "layer_1"), f"{first}.linears_scalar.1"),
        *_norm_lines(("norm",), "model.out_norm"),
        *dense(("mix",), "model.linear"),
    ]
    for i in range(model.layers):
        layer, theirs = f"layer_{i}", f"model.layers.{i}"
        for k in (0, 1):
            place = (layer, "radial", f"layer_{k}")
            lines += dense(place, f"{theirs}.linears_scalar.{k}")
        place = (layer, "radial", "layer_2")
        lines += _by_irrep(place, f"{theirs}.linears_scalar.2")
        lines += _mixed((layer, "mix_in"), f"{theirs}.linears_tensor", 0)
        lines += _mixed((layer, "mix_out"), f"{theirs}.linears_tensor", 3)
    return lines


def megnet_lines(model: MEGNet, *, has_states: bool) -> list[Line]:
    """Arrays of the original network that make each parameter of ours.

    Args:
        model: of the settings.
        has_states: whether the original has a table of states; it begins at zeros
            without one.
    """
    n, sizes = model.dense_widths[-1], (model.n_states, model.state_features)
    states = ("model.embedding.layer_state_embedding.weight",)
    nodes = ("model.embedding.layer_node_embedding.weight",)
    lines = [
        Line(("embedding", "embedding"), nodes, _same),
        Line(("states",), states, _same)
        if has_states
        else Line(("states",), (), lambda: np.zeros(sizes)),
    ]
    kinds = (("bonds", "edge"), ("atoms", "node"), ("state", "state"))
    for ours, theirs in kinds:
        source = f"model.{theirs}_encoder.layers"
        lines += _perceptron(source, (f"first_{ours}",), len(model.dense_widths))
    for i in range(model.blocks):
        block, theirs = f"block_{i}", f"model.blocks.{i}"
        for ours, kind in kinds if i else ():
            source = f"{theirs}.{kind}_func.layers"
            lines += _perceptron(
                source, (block, f"dense_{ours}"), len(model.dense_widths)
            )
        edge = f"{theirs}.conv.edge_func.layers"
        names = ("neighbor", "center", "bond", "state")
        lines += _split((block,), names, (f"{edge}.0",), n, bias=2)
        lines += _perceptron(
            edge, (block, "to_bonds"), len(model.exchange_widths), first=1
        )
        # The original puts atoms before bonds, and the state before both.
        for ours, kind, order in (
            ("to_atoms", "node", (1, 0, 2)),
            ("to_state", "state", (1, 2, 0)),
        ):
            source = f"{theirs}.conv.{kind}_func.layers"
            lines += _perceptron(
                source, (block, ours), len(model.exchange_widths), order=order, size=n
            )
    for ours, theirs in (("read_atoms", "node"), ("read_bonds", "edge")):
        lines += lstm_lines((ours, "lstm_0"), f"model.{theirs}_s2s.lstm", 0)
    readout = len(model.head) + 1
    return lines + _perceptron("model.output_proj.layers", ("readout",), readout)


def dense(parameter: tuple[str, ...], source: str) -> list[Line]:
    """Kernel and bias of a layer of PyTorch, whose matrix is transposed."""
    return [
        Line((*parameter, "kernel"), (f"{source}.weight",), np.transpose),
        Line((*parameter, "bias"), (f"{source}.bias",), _same),
    ]


def lstm_lines(parameter: tuple[str, ...], source: str, layer: int) -> list[Line]:
    """An LSTM of PyTorch, whose two biases are added."""
    biases = (f"{source}.bias_ih_l{layer}", f"{source}.bias_hh_l{layer}")
    weights = [f"{source}.weight_{x}_l{layer}" for x in ("ih", "hh")]
    return [
        Line((*parameter, "input", "kernel"), (weights[0],), np.transpose),
        Line((*parameter, "input", "bias"), biases, np.add),
        Line((*parameter, "hidden", "kernel"), (weights[1],), np.transpose),
    ]


def _same(x: np.ndarray) -> np.ndarray:
    return x


def _perceptron(
    source: str,
    parameter: tuple[str, ...],
    n_layers: int,
    *,
    first: int = 0,
    order: Sequence[int] | None = None,
    size: int = 0,
) -> list[Line]:
    """Layers of a perceptron, which has activations at the odd places.

    Args:
        source: name of the original list.
        parameter: of ours.
        n_layers: of the original.
        first: layer of the original that our first one is.
        order: of our inputs, as places of the original's, if they differ.
        size: width of each of these inputs.
    """
    lines = []
    for i in range(first, n_layers):
        place = (*parameter, f"layer_{i - first}")
        lines += dense(place, f"{source}.{2 * i}")
    if order is not None:

        def reordered(weight: np.ndarray) -> np.ndarray:
            parts = weight.reshape(len(weight), len(order), size)
            return parts[:, list(order)].reshape(len(weight), -1).T

        lines[0] = lines[0]._replace(make=reordered)
    return lines


def _gated(source: str, parameter: tuple[str, ...], layers: range) -> list[Line]:
    """Layers of both perceptrons of a gated one."""
    last = layers.stop
    return [
        line
        for ours, theirs in (("core", "layers"), ("gate", "gates"))
        for line in _perceptron(
            f"{source}.{theirs}", (*parameter, ours), last, first=layers.start
        )
    ]


def _split(
    parameter: tuple[str, ...],
    names: Sequence[str],
    sources: Sequence[str],
    size: int,
    *,
    bias: int = 0,
) -> list[Line]:
    """Layers of ours, one of each input of a layer that takes all of them.

    Args:
        parameter: that ours belong to.
        names: of ours, in the order of the inputs.
        sources: layers of the original, whose outputs lie side by side in ours.
        size: width of an input.
        bias: which of ours has the bias.
    """

    def part(k: int) -> Callable[..., np.ndarray]:
        return lambda *w: np.concatenate([x[:, k * size : (k + 1) * size] for x in w]).T

    weights = tuple(f"{source}.weight" for source in sources)
    biases = tuple(f"{source}.bias" for source in sources)
    lines = [
        Line((*parameter, name, "kernel"), weights, part(k))
        for k, name in enumerate(names)
    ]
    place = (*parameter, names[bias], "bias")
    return [*lines, Line(place, biases, lambda *b: np.concatenate(b))]


def _mixed(parameter: tuple[str, ...], source: str, first: int) -> list[Line]:
    """Maps of the channels, of the three irreps in turn."""
    names = ("isotropic", "skew", "symmetric")
    return [
        Line(
            (*parameter, name, "kernel"),
            (f"{source}.{first + k}.weight",),
            np.transpose,
        )
        for k, name in enumerate(names)
    ]


def _by_irrep(parameter: tuple[str, ...], source: str) -> list[Line]:
    """A layer whose outputs the original has by channel, then irrep."""

    def turned(x: np.ndarray) -> np.ndarray:
        return x.reshape(-1, 3, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)

    kernel = Line((*parameter, "kernel"), (f"{source}.weight",), lambda w: turned(w).T)
    return [kernel, Line((*parameter, "bias"), (f"{source}.bias",), turned)]


def _norm_lines(parameter: tuple[str, ...], source: str) -> list[Line]:
    """A layer norm."""
    return [
        Line((*parameter, "scale"), (f"{source}.weight",), _same),
        Line((*parameter, "bias"), (f"{source}.bias",), _same),
    ]
