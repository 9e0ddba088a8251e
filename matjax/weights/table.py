"""Key tables: which array of a published file fills which parameter of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Line(NamedTuple):
    """One line of the key table of a file with named arrays."""

    parameter: tuple[str, ...]
    """Path of the parameter in our tree."""
    sources: tuple[str, ...]
    """Names of the arrays that it is made of; none for a constant."""
    make: Callable[..., np.ndarray]
    """The parameter of the arrays, in their order."""


def fill_lines(
    shapes: dict[str, Any],
    lines: Sequence[Line],
    state: dict[str, np.ndarray],
    path: Path,
) -> dict[str, Any]:
    """Parameters in float32, computed in float64 from named arrays.

    Args:
        shapes: our parameters' tree of shapes.
        lines: one for each parameter.
        state: the arrays by name.
        path: of the file, for errors.

    Raises:
        WeightsError: as :func:`fill` has it; the names of arrays that are missing or
            that no line uses are listed.
    """
    sources = {source for line in lines for source in line.sources}
    off = [f"missing: {name}" for name in sorted(sources - state.keys())]
    off += [f"extra: {name}" for name in sorted(state.keys() - sources)]
    if off:
        raise WeightsError(
            f"{path}: the arrays must be exactly those of the network that the file's "
            f"settings describe; off are\n  {_listed(off)}"
        )
    keys = [Key(" · ".join(line.sources) or "none", line.parameter) for line in lines]
    arrays = [_made(line, state, path) for line in lines]
    return fill(shapes, keys, arrays, path)


def _made(line: Line, state: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """A parameter, computed in float64."""
    arrays = [state[name].astype(np.float64) for name in line.sources]
    try:
        return line.make(*arrays).astype(np.float32)
    except (ValueError, IndexError) as error:
        shapes = {n: a.shape for n, a in zip(line.sources, arrays, strict=True)}
        raise WeightsError(f"{path}: shapes do not fit: {shapes}") from error


def _listed(off: list[str]) -> str:
    return "\n  ".join(off[:20] + [f"… {len(off) - 20} more"] * (len(off) > 20))


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
        raise WeightsError(
            f"{path}: the arrays must be exactly those of the network that the file's "
            f"config describes ({len(table)} arrays); off are\n  {_listed(off)}"
        )
    return unflatten_dict(filled)


def check(name: str, array: Array, shape: tuple[int, ...]) -> list[str]:
    """What is wrong with an array that must hold finite floats of a shape."""
    if array.shape != shape or not jnp.issubdtype(array.dtype, jnp.floating):
        return [f"{name}: {array.dtype} {array.shape}, needed are floats {shape}"]
    if not np.isfinite(array).all():
        return [f"{name}: holds numbers that are not finite"]
    return []
