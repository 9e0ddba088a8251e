"""Shapes of what a function would return, without tracing it where they are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from matjax.compilation import store
from matjax.compilation.descriptions import UnstableError, digest


def remembered_shapes(
    function: Callable[[], dict[str, Any]], about: Any
) -> dict[str, Any]:
    """What ``jax.eval_shape`` gives: nested dictionaries of shapes and types.

    They are read from the folder of exported functions, or written there
    (:func:`matjax.compilation.exported`).

    Args:
        function: returns nested dictionaries of arrays.
        about: everything that they depend on.
    """
    folder = store.exported_folder()
    if folder is None:
        return jax.eval_shape(function)
    try:
        key = digest(("shapes", about))
    except UnstableError:
        return jax.eval_shape(function)
    body = store.read(folder, key)
    if body is None:
        body = json.dumps(_listed(jax.eval_shape(function))).encode()
        store.write(folder, key, body)
    return _shapes(json.loads(body))


def _listed(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _listed(part) for name, part in tree.items()}
    return [list(tree.shape), str(tree.dtype)]


def _shapes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _shapes(part) for name, part in tree.items()}
    return jax.ShapeDtypeStruct(tuple(tree[0]), jnp.dtype(tree[1]))
