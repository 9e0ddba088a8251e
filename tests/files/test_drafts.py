"""Files appear whole, with equal bytes, under names that nobody can lay a trap at."""

import errno
import gzip
import os

import numpy as np
import pytest

from matjax.crystals import Crystal, read, write
from matjax.files import draft, write_arrays, write_text

ARGON = Crystal.create([18], 5.26 * np.eye(3), fractional=[[0, 0, 0]])


def test_a_draft_that_fails_leaves_the_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def interrupted():
        with draft(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["write", "sync"])
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, monkeypatch, where):
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "sync":  # where the disk says it late, as network file systems do
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(type(path), "write_text", full)
    with pytest.raises(OSError, match=r"table\.csv") as caught:
        write_text(path, "new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_what_it_points_at_stays(tmp_path):
    (tmp_path / "victim").write_text("mine")
    path = tmp_path / "report.txt"
    path.symlink_to(tmp_path / "victim")
    write_text(path, "new")
    assert (tmp_path / "victim").read_text() == "mine"
    assert (path.is_symlink(), path.read_text()) == (False, "new")


def test_long_names_have_drafts_too(tmp_path):
    path = tmp_path / ("Å" * 120 + ".extxyz.gz")  # 250 bytes
    write(path, ARGON)
    assert read(path).n_atoms == 1
    assert list(tmp_path.iterdir()) == [path]


def test_equal_content_gives_equal_bytes_at_any_time(tmp_path, monkeypatch):
    def written(folder, clock):
        folder.mkdir()
        monkeypatch.setattr("time.time", lambda: clock)
        write(folder / "a.extxyz.gz", ARGON)
        with draft(folder / "a.npz") as partial:
            write_arrays(partial, {"x": np.arange(3.0)})
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first = written(tmp_path / "one", 1e9)
    assert first == written(tmp_path / "two", 2e9)
    assert b"partial" not in first["a.extxyz.gz"]
    assert gzip.decompress(first["a.extxyz.gz"]).startswith(b"1")
