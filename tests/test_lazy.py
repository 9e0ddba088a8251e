"""Lazy packages: public names are listed, and found when they are used."""

import importlib
import sys
import textwrap

import pytest

import matjax as mj
import matjax.weights
from matjax.lazy import LazyModule


@pytest.mark.parametrize("package", [mj, matjax.weights])
def test_every_public_name_is_listed_and_found(package):
    assert len(package.__all__) > 10
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        found = getattr(package, name)
        assert getattr(found, "__name__", name) == name


@pytest.fixture
def waves(tmp_path, monkeypatch):
    """A lazy package with two public names from one folder."""
    init = """
        from typing import TYPE_CHECKING
        from matjax.lazy import import_when_used
        if TYPE_CHECKING:
            from waves.ripples import height as height
            from waves.ripples import spread as spread
        import_when_used(__name__)
    """
    ripples = "height = 1.5\ndef spread(): return height\n"
    (tmp_path / "waves" / "ripples").mkdir(parents=True)
    (tmp_path / "waves" / "__init__.py").write_text(textwrap.dedent(init))
    (tmp_path / "waves" / "ripples" / "__init__.py").write_text(ripples)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("waves")
    for name in ("waves", "waves.ripples"):
        sys.modules.pop(name, None)


def test_star_binds_the_public_names(waves):
    names = {}
    exec("from waves import *", names)
    assert {"height", "spread"} == names.keys() - {"__builtins__"}


def test_unknown_names_are_no_attributes(waves):
    with pytest.raises(AttributeError, match="'waves' has no attribute 'depth'"):
        _ = waves.depth


def test_a_lazy_module_is_imported_when_used(tmp_path, monkeypatch):
    (tmp_path / "tides.py").write_text("height = 2.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    tides = LazyModule("tides")
    assert "tides" not in sys.modules
    assert tides.height == 2.5
    with pytest.raises(AttributeError, match="depth"):
        tides.depth  # noqa: B018
    sys.modules.pop("tides")
