"""Key tables: which array of a published file fills which parameter of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from matjax.arrays import Array
from matjax.errors import WeightsError


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
        WeightsError: unless every array is used, every parameter filled and every shape
            equal; the message lists what is off.
    """
    wanted: dict[tuple[str, ...], Any] = flatten_dict(shapes)  # pyright: ignore
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
        off += check(key.source, array, wanted[key.parameter].shape)
        filled[key.parameter] = jnp.asarray(array)
    if off:
        listed = "\n  ".join(off[:20] + [f"… {len(off) - 20} more"] * (len(off) > 20))
        raise WeightsError(
            f"{path}: the arrays must be exactly those of the network that the file's "
            f"config describes ({len(table)} arrays); off are\n  {listed}"
        )
    return unflatten_dict(filled)


def check(name: str, array: Array, shape: tuple[int, ...]) -> list[str]:
    """What is wrong with an array that must hold finite floats of a shape."""
    if array.shape != shape or not jnp.issubdtype(array.dtype, jnp.floating):
        return [f"{name}: {array.dtype} {array.shape}, needed are floats {shape}"]
    if not np.isfinite(array).all():
        return [f"{name}: holds numbers that are not finite"]
    return []
