"""What a function is traced for, in words that all processes share.

Two values of one description are traced alike; a value that could change from process
to process without its words, such as a function within a function, has none.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from matjax.source import source_digest

PACKAGES = ("jax", "jaxlib", "flax", "e3nn-jax", "jax-md", "optax", "numpy")
"""Besides matjax, those whose code is traced; what they define is told by its name."""

KNOWN = {
    "matjax",
    "collections",
    "builtins",
    "functools",
    *(p.replace("-", "_") for p in PACKAGES),
}

PLAIN = (type(None), bool, int, float, complex, str, bytes)
"""Types whose values are told by themselves."""

ASIDE = ("cache", "log", "dump", "trace", "profiler", "traceback", "pallas", "mosaic")
"""Settings of JAX with these words in their names say what is written, and where.

Those of Pallas exist once something has imported it; nothing here is written in it.
"""


class UnstableError(ValueError):
    """A value has no description that all processes share."""


@functools.lru_cache(maxsize=1)
def versions() -> str:
    """The code that is traced and the code that traces: matjax, packages, Python."""
    found = [f"{package} {version(package)}" for package in PACKAGES]
    return "\n".join([source_digest(), *found, platform.python_version()])


def settings() -> str:
    """Settings of JAX that may change what is traced, and the device it is for."""
    config: Any = jax.config
    device = jax.local_devices()[0]
    kept = [
        f"{name}={getattr(config, name, value)!r}"  # what a context sets comes first
        for name, value in sorted(config.values.items())
        if not any(word in name for word in ASIDE)
    ]
    return "\n".join([device.platform, device.device_kind, *kept])


def digest(value: Any) -> str:
    """SHA-256 of all that what is traced for a value depends on.

    Raises:
        UnstableError: if the value has no description that all processes share.
    """
    words = "\n".join([versions(), settings(), described(value)])
    return hashlib.sha256(words.encode()).hexdigest()


def described(value: Any) -> str:
    """The words for a value: an argument, or what an argument holds.

    Of what is traced they tell the shape and the type, of other arrays the digest of
    the content; classes and functions are told by their names.

    Raises:
        UnstableError: if there are none that all processes share.
    """
    if isinstance(value, Tracer):
        return str(jax.typeof(value)) + "~" * jax.typeof(value).weak_type
    if isinstance(value, Enum):
        return f"{_name(type(value))}.{value.name}"
    if type(value) in PLAIN:
        return repr(value)
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        array = np.asarray(value)
        if not array.dtype.hasobject:
            digest = hashlib.sha256(array.tobytes()).hexdigest()
            return f"array {array.dtype}{array.shape} {digest}"
    if isinstance(value, np.dtype):
        return f"dtype {value}"
    return _described_whole(value)


def _described_whole(value: Any) -> str:
    """The words for what holds other values, or has a name."""
    if isinstance(value, functools.partial):
        return _listed("partial", [value.func, value.args, value.keywords])
    if isinstance(value, type):
        return _name(value)
    if is_dataclass(value):
        own = [(f.name, getattr(value, f.name)) for f in fields(value)]
        return _listed(_name(type(value)), own)
    if isinstance(value, Mapping):
        # As JAX has them: sorted, unless their order is what the type is about.
        items = list(value.items())
        if not isinstance(value, OrderedDict):
            items.sort(key=lambda item: described(item[0]))
        return _listed(_name(type(value)), items)
    if isinstance(value, tuple | list):
        return _listed(_name(type(value)), value)
    return _name(value)


def _listed(name: str, values: Any) -> str:
    return f"{name}({', '.join(map(described, values))})"


def _name(thing: Any) -> str:
    """The name under which every process finds a class or function.

    Raises:
        UnstableError: if it has none in a module of the known packages.
    """
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None)
    found: Any = None
    if module and name and module.partition(".")[0] in KNOWN:
        found = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
    # Under the name of a function may stand what a decorator has made of it.
    inner = getattr(found, "__wrapped__", None)
    if thing is None or not (thing is found or thing is inner):
        raise UnstableError(
            "only what the packages define at the top of a module has a name that all "
            f"processes share; received {thing!r}"
        )
    return f"{module}:{name}"
