"""Key tables: which array of a published file fills which parameter of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict


class Key(NamedTuple):
    """One line of a key table."""

    source: str
    """Name of the array in the published file."""
    parameter: tuple[str, ...]
    """Path of the parameter in our tree."""


def fill(
    shapes: dict[str, Any], table: list[Key], arrays: list[np.ndarray], path: Path
) -> dict[str, Any]:
    """Parameters from the arrays of a file, in the order of the table.

    Args:
        shapes: our parameters' tree of shapes.
        table: one key for each array.
        arrays: as read, in file order.
        path: of the file, for the error.

    Raises:
        ValueError: unless every array is used, every parameter filled and every shape
            equal; the message lists what is off.
    """
    wanted = flatten_dict(shapes)
    off = [
        f"missing: {key.source} for {'/'.join(key.parameter)}"
        for key in table[len(arrays) :]
    ]
    off += [
        f"extra: array {i + 1} of shape {arrays[i].shape}"
        for i in range(len(table), len(arrays))
    ]
    off += [
        f"not in the table: {'/'.join(p)}"
        for p in wanted.keys() - {key.parameter for key in table}
    ]
    filled = {}
    for key, array in zip(table, arrays, strict=False):
        shape = wanted[key.parameter].shape
        if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
            off.append(
                f"{key.source}: {array.dtype} {array.shape} where "
                f"{'/'.join(key.parameter)} needs floats of shape {shape}"
            )
        elif not np.isfinite(array).all():
            off.append(f"{key.source}: holds numbers that are not finite")
        filled[key.parameter] = jnp.asarray(array)
    if off:
        listed = "\n  ".join(off[:20] + [f"… {len(off) - 20} more"] * (len(off) > 20))
        raise ValueError(
            f"{path}: the arrays must be exactly those of the network that the file's "
            f"config describes ({len(table)} arrays); off are\n  {listed}"
        )
    return unflatten_dict(filled)


def parameter_shapes(model: nn.Module) -> dict[str, Any]:
    """Tree of the shapes of a model's parameters, without computing anything."""
    from matjax.crystals import Crystal, build_graph

    atom = Crystal.create([model.species[0]], np.eye(3) * 10, fractional=[[0, 0, 0]])
    graph = build_graph(atom, 1.0)
    return jax.eval_shape(model.init, jax.random.key(0), graph)["params"]
