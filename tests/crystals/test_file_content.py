"""Contents of files: packed, encoded, cut short."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from matjax.crystals import (
    file_content,
    read,
)
from matjax.crystals.file_content import plain_suffix, text_lines, text_pieces
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import (
    ROCK_SALT,
    ROCK_SALT_CIF,
    cif,
)


def formula(crystal):
    return dict(Counter(crystal.symbols))


ENCODINGS = {
    "byte order mark": lambda t: t.encode("utf-8-sig"),
    "utf-16": lambda t: t.encode("utf-16"),
    "latin-1": lambda t: ("# Åström\n" + t).encode("latin-1"),
    "windows lines": lambda t: t.replace("\n", "\r\n").encode(),
    "old mac lines": lambda t: t.replace("\n", "\r").encode(),
    "comment first": lambda t: ("#\\#CIF_1.1\n# x\n" + t).encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_of_text_are_read(load, encoding):
    crystal = load(ENCODINGS[encoding](cif(ROCK_SALT)))
    assert formula(crystal) == {"Na": 4, "Cl": 4}


def test_truncated_compressed_file_is_refused(tmp_path):
    path = tmp_path / "x.cif.gz"
    path.write_bytes(gzip.compress(ROCK_SALT_CIF.encode())[:-20])
    with pytest.raises(ValueError, match=r"x\.cif\.gz"):
        read(path)


LINES = {
    "utf-8": ("a\nbö\n\nc".encode(), ["a\n", "bö\n", "\n", "c"]),
    "byte order mark": ("a\nb\n".encode("utf-8-sig"), ["a\n", "b\n"]),
    "utf-16": ("a\nö\n".encode("utf-16"), ["a\n", "ö\n"]),
    "latin-1 in one line": (b"\xe5\n" + "ö\n".encode(), ["å\n", "ö\n"]),
    "windows lines": (b"a\r\nb\r\n", ["a\n", "b\n"]),
    "old mac lines": (b"a\rb\r", ["a\n", "b\n"]),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("packed", [False, True])
def test_lines_come_one_by_one_whatever_the_encoding(tmp_path, name, packed):
    content, lines = LINES[name]
    path = tmp_path / ("x.txt.gz" if packed else "x.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(text_lines(path)) == lines


def test_lines_before_a_damaged_place_are_read(tmp_path):
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"line\n" * 10**6)[:-4])
    lines = text_lines(path)
    assert next(lines) == "line\n"
    with pytest.raises(CrystalFileError, match=r"x\.txt\.gz cannot be unpacked"):
        list(lines)


def test_what_is_no_text_is_refused_when_its_place_is_reached(tmp_path):
    (tmp_path / "x").write_bytes(b"good\nb\0d\n")
    lines = text_lines(tmp_path / "x")
    assert next(lines) == "good\n"
    with pytest.raises(CrystalFileError, match="must be text"):
        next(lines)


def test_pieces_make_up_the_text(tmp_path, monkeypatch):
    monkeypatch.setattr(file_content, "_PIECE", 5)
    (tmp_path / "x").write_text("åtta\nhundra", encoding="utf-8")
    assert list(text_pieces(tmp_path / "x")) == ["åtta\n", "hundr", "a"]


def test_endings_are_those_of_what_was_compressed():
    assert plain_suffix(Path("A.CIF.gz")) == ".cif"
    assert plain_suffix(Path("POSCAR")) == ""
