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

        self._inner: Any = jax.jit(function, static_argnames=static)
        self._outer: dict[bool, Any] = {}
        self._functions, self._static = (function, found), static

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        if _is_special((args, kwargs)):
            return self._inner(*args, **kwargs)
        return self._compiled(store.exported_folder() is not None)(*args, **kwargs)

    def _compiled(self, is_exported: bool) -> Any:
        """The function with options of the compiler, which no inner one may have."""
        if is_exported not in self._outer:  # made late: it asks for the device
            self._outer[is_exported] = jax.jit(
                self._functions[is_exported],
                static_argnames=self._static,
                compiler_options=compiler_options(),
            )
        return self._outer[is_exported]

    def _cache_size(self) -> int:
        """Number of compiled functions, as that of ``jax.jit``."""
        known = [self._inner, *self._outer.values()]
        return sum(function._cache_size() for function in known)

    def clear_cache(self) -> None:
        """Forgets compiled functions, as that of ``jax.jit``."""
        for function in [self._inner, *self._outer.values()]:
            function.clear_cache()


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


def compiler_options() -> dict[str, bool] | None:
    """Options of XLA for the device: a quarter less time to compile networks on CPUs.

    What runs is as fast without its newer emitters of fused loops: energy and forces of
    64 atoms by nequix-mp-1-pft take 17 and 13 s to compile, and 0.28 s either way.
    """
    known = jax.default_backend() == "cpu" and jax.__version_info__ < (0, 11)
    return {"xla_cpu_use_fusion_emitters": False} if known else None


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
