"""A function in place of ``jax.jit`` that later processes need not trace.

JAX's persistent compilation cache saves the compilation, not what comes before it:
seconds for nested derivatives of a network. ``jax.export`` writes the traced function
(https://docs.jax.dev/en/latest/export/export.html); compiling what is read goes through
the cache again.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import jax
from jax import export
from jax.core import Tracer

from matjax.compilation import store
from matjax.compilation.descriptions import digest

LOG = logging.getLogger("matjax.compilation")

Result = Callable[..., Any]
"""A function of the arguments that gives a tree of the structure of the result."""

SPECIAL = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs", "jax_default_device")
"""Settings of JAX under which functions run operation by operation, or elsewhere."""


class ExportedFunction:
    """A pure function, compiled, and exported where it can be; see :func:`exported`."""

    def __init__(
        self, function: Callable[..., Any], result: Result, static: tuple[str, ...]
    ) -> None:
        functools.update_wrapper(self, function)

        @functools.wraps(function)
        def found(*args: Any, **kwargs: Any) -> Any:
            fixed = {name: kwargs.pop(name) for name in static if name in kwargs}
            return _found(functools.partial(function, **fixed), result, args, kwargs)

        self._plain: Any = jax.jit(function, static_argnames=static)
        self._exported: Any = jax.jit(found, static_argnames=static)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        if store.exported_folder() is None or _is_special((args, kwargs)):
            return self._plain(*args, **kwargs)
        return self._exported(*args, **kwargs)

    def _cache_size(self) -> int:
        """Number of compiled functions, as that of ``jax.jit``."""
        return self._plain._cache_size() + self._exported._cache_size()

    def clear_cache(self) -> None:
        """Forgets compiled functions, as that of ``jax.jit``."""
        self._plain.clear_cache()
        self._exported.clear_cache()


def exported(
    *, result: Result, static: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], ExportedFunction]:
    """``jax.jit`` for a function that is to be found by later processes.

    Where a folder is set (:func:`keep_exported`) and all arguments are concrete, the
    traced function is read from there, or written. Its name is a digest of the sources
    of matjax, of versions, settings and device, and of the arguments: shapes and types,
    and the configuration of models. It is exactly ``jax.jit`` within other
    transformations (``jax.grad``, ``jax.vmap``, ``jax.jit``), without a folder, for
    models that the packages do not define, and for arguments on devices of their own.

    Args:
        result: gives a tree of the structure of the result for the arguments but for
            the static ones; what its leaves are does not matter.
        static: names of keyword arguments that are no arrays.
    """
    return lambda function: ExportedFunction(function, result, static)


def _found(function: functools.partial, result: Result, args: Any, kwargs: Any) -> Any:
    """What is traced in place of a function: a call of the exported one."""
    structure = jax.tree.structure(result(*args, **kwargs))
    body = None
    try:
        body = _read_or_written(function, structure, args, kwargs)
    except (ValueError, NotImplementedError) as error:
        # No words for an argument, a custom call for which JAX guarantees nothing, or
        # what has no form in a file. Errors of the function itself come again.
        LOG.debug("%s is not exported: %s", function.func.__qualname__, error)
    if body is None:
        return function(*args, **kwargs)
    leaves = jax.tree.leaves((args, kwargs))
    values = export.deserialize(bytearray(body)).call(*leaves)
    return jax.tree.unflatten(structure, values)


def _read_or_written(
    function: functools.partial, structure: Any, args: Any, kwargs: Any
) -> bytes:
    """The exported function of the leaves of the arguments.

    Raises:
        ValueError, NotImplementedError: if it cannot be exported.
    """
    folder = store.exported_folder()
    assert folder is not None
    key = digest((function, args, kwargs))
    body = store.read(folder, key)
    if body is None:
        leaves, tree = jax.tree.flatten((args, kwargs))

        def flat(*leaves: Any) -> list[Any]:
            args, kwargs = jax.tree.unflatten(tree, leaves)
            values, found = jax.tree.flatten(function(*args, **kwargs))
            assert found == structure, f"a result of {structure} was told; got {found}"
            return values

        shapes = [_shape(leaf) for leaf in leaves]
        body = bytes(export.export(jax.jit(flat))(*shapes).serialize())
        store.write(folder, key, body)
    return body


def _is_special(arguments: Any) -> bool:
    """Whether the call is part of another function, not compiled, or for a device."""
    config: Any = jax.config
    if any(getattr(config, name) for name in SPECIAL):
        return True
    leaves = jax.tree.leaves(arguments)
    # By type: a tenth of the time, for there are few types and many leaves.
    if any(issubclass(kind, Tracer) for kind in set(map(type, leaves))):
        return True
    return any(getattr(x, "committed", False) and _is_elsewhere(x) for x in leaves)


def _is_elsewhere(array: jax.Array) -> bool:
    return array.devices() != {jax.local_devices()[0]}


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    known = jax.typeof(leaf)
    return jax.ShapeDtypeStruct(known.shape, known.dtype, weak_type=known.weak_type)
