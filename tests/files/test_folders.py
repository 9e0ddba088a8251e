"""Where files of the user lie."""

from pathlib import Path

from matjax.files import cache_folder


def test_the_cache_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MATJAX_CACHE", "")
    assert cache_folder().name == "matjax"
    assert cache_folder() != Path("matjax")
