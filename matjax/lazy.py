"""Packages whose public names are imported when they are first used (PEP 562).

The names stand once, as plain imports under ``if TYPE_CHECKING:`` in the package's
``__init__``: type checkers and editors read them there, and so does this file.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """A module of another package that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


class LazyPackage(ModuleType):
    """A package that imports its public names, and its modules, when asked for them."""

    _origins: dict[str, str]
    """Module of each public name."""

    @property
    def __all__(self) -> list[str]:
        """What ``from package import *`` binds."""
        return list(self._origins)

    def __dir__(self) -> list[str]:
        own = {name for name in self.__dict__ if name.startswith("__")}
        return sorted({*own, *self._origins, *_modules(self)})

    def __getattr__(self, name: str) -> Any:
        origins = self.__dict__.get("_origins", {})
        if name in origins:
            value = getattr(import_module(origins[name]), name)
            setattr(self, name, value)
            return value
        if name in _modules(self):
            return import_module(f"{self.__name__}.{name}")
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def import_when_used(package: str) -> None:
    """Lets a package import its names when they are first used.

    Args:
        package: name of the package, whose ``__init__`` calls this after its imports
            under ``if TYPE_CHECKING:``.
    """
    module = sys.modules[package]
    module.__dict__["_origins"] = {
        alias.name: str(node.module)
        for block in ast.parse(inspect.getsource(module)).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    module.__class__ = LazyPackage


def _modules(package: ModuleType) -> set[str]:
    """Files and folders of a package, but those that it keeps."""
    modules = pkgutil.iter_modules(package.__path__)
    return {module.name for module in modules if not module.name.startswith("_")}
