"""The folder of exported functions: damaged and foreign files are as good as none."""

import logging
import os

import pytest

from matjax.compilation import keep_exported, store

BODY = b"function" * 100


def test_what_was_written_is_read(tmp_path):
    assert store.read(tmp_path, "key") is None
    store.write(tmp_path / "new" / "folder", "key", BODY)
    assert store.read(tmp_path / "new" / "folder", "key") == BODY


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:20],
        lambda content: b"",
        lambda content: content[:50] + b"!" + content[51:],
        lambda content: b"!" + content[1:],
        lambda content: content + b"!",
    ],
)
def test_a_damaged_file_is_none_and_is_replaced(tmp_path, damage):
    store.write(tmp_path, "key", BODY)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert store.read(tmp_path, "key") is None
    store.write(tmp_path, "key", BODY)
    assert store.read(tmp_path, "key") == BODY


def test_a_file_of_another_name_is_none(tmp_path):
    store.write(tmp_path, "key", BODY)
    (tmp_path / "key.exported").rename(tmp_path / "other.exported")
    assert store.read(tmp_path, "other") is None


def test_files_used_longest_ago_go_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "LIMIT", 3000)
    for time, key in enumerate("abc"):
        store.write(tmp_path, key, BODY)
        os.utime(tmp_path / f"{key}.exported", (time, time))
    assert store.read(tmp_path, "a") == BODY  # used now
    store.write(tmp_path, "d", BODY)
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}


def test_a_folder_that_cannot_be_written_to_is_a_warning(tmp_path, caplog):
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING, logger="matjax.compilation"):
        store.write(tmp_path / "file", "key", BODY)
    assert "traced again" in caplog.text
    assert store.read(tmp_path / "file", "key") is None


def test_the_folder_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(store.VARIABLE, "")
    assert store.exported_folder() is None
    keep_exported(tmp_path)
    assert store.exported_folder() == tmp_path
    assert os.environ[store.VARIABLE] == str(tmp_path)
    keep_exported(None)
    assert store.exported_folder() is None
