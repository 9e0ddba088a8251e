"""Crystals of any source: in order, keys that differ, reasons for what is none."""

import gzip
import json
import sys
import tracemalloc

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.db import connect

from matjax.crystals import Crystal, read, write
from matjax.data import Entry, entries, source_parts, structure_tables
from tests.crystals.cif_text import ROCK_SALT_CIF
from tests.crystals.test_structure_json import SALT
from tests.data.test_csv_structures import table

LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4"'


def frame(values="", place="0 0 0"):
    return f"1\n{LATTICE} Properties=species:S:1:pos:R:3 {values}\nSi {place}\n"


def found(source, *references) -> list[Entry]:
    return list(entries(str(source), references=references))


def keys(source) -> list[str]:
    return [entry.key for entry in found(source)]


@pytest.fixture
def folder(tmp_path):
    """A file of each kind of source with rock salt in it, and what is left out."""
    folder = tmp_path / "mine"
    folder.mkdir()
    atoms = bulk("NaCl", "rocksalt", 5.6)
    (folder / "a.cif").write_text(ROCK_SALT_CIF)
    table(folder / "b.csv", [["material_id", "cif"], ["mp-1", ROCK_SALT_CIF]])
    connect(folder / "c.db").write(atoms, key_value_pairs={"name": "mine"})
    connect(folder / "d.json").write(atoms, key_value_pairs={"name": "yours"})
    (folder / "e.json").write_text(json.dumps({"mp-2": SALT, "mp-3": SALT}))
    atoms.info["id"] = "mp-4"
    ase.io.write(folder / "f.extxyz", [atoms])
    ase.io.write(folder / "g.traj", [bulk("NaCl", "rocksalt", 5.6)] * 2)
    packed = gzip.compress((folder / "b.csv").read_bytes().replace(b"mp-1", b"mp-5"))
    (folder / "h.csv.gz").write_bytes(packed)
    (folder / ".hidden").write_text("no structure")
    (folder / "sub").mkdir()
    (folder / "sub" / "z.cif").write_text(ROCK_SALT_CIF)
    return folder


def test_files_of_a_folder_come_by_name_whatever_their_kind(folder, caplog):
    of_folder = found(folder)
    assert [entry.refusal for entry in of_folder] == [""] * 10
    assert {"".join(sorted(set(e.crystal.symbols))) for e in of_folder} == {"ClNa"}
    assert [entry.key for entry in of_folder] == [
        *("a.cif", "mp-1", "mine", "yours", "mp-2", "mp-3", "mp-4"),
        *("g.traj#0", "g.traj#1", "mp-5"),
    ]
    assert [entry.source for entry in of_folder][3:6] == [
        *("d.json#0", "e.json#0", "e.json#1")
    ]
    assert f"subfolders of {folder} are not entered: sub" in caplog.text
    each = [entry for part in source_parts(str(folder)) for entry in entries(part)]
    assert [entry.key for entry in each] == [entry.key for entry in of_folder]


def test_crystal_is_the_one_that_is_read_alone(folder):
    [entry] = entries(str(folder / "a.cif"))
    alone = read(folder / "a.cif")
    assert isinstance(entry.crystal, Crystal)
    assert (entry.crystal.fractional == alone.fractional).all()


def test_files_are_found_by_name_in_the_folders_of_data(folder, monkeypatch):
    monkeypatch.setenv("MATJAX_DATA", str(folder))
    assert keys("f") == ["mp-4"]
    with pytest.raises(FileNotFoundError, match="no data set nowhere"):
        entries("nowhere")
    (folder / "sub" / "z.cif").unlink()
    with pytest.raises(ValueError, match="holds no file"):
        entries(str(folder / "sub"))


def test_identifiers_are_the_keys_and_places_where_there_is_none(tmp_path):
    path = tmp_path / "x.extxyz"
    path.write_text(frame())
    assert keys(path) == ["x.extxyz"]
    path.write_text(
        frame("id=7 name=a")
        + frame("material_id=mp-7 id=8")
        + frame("Name=b")
        + frame("id")
        + frame('id="1 2"')
        + frame('id=""')
    )
    sources = [f"x.extxyz#{number}" for number in range(6)]
    assert keys(path) == ["7", "mp-7", "b", *sources[3:]]
    assert [entry.source for entry in entries(str(path))] == sources


def test_keys_that_repeat_are_numbered_and_that_is_said_once(tmp_path, caplog):
    path = tmp_path / "x.extxyz"
    path.write_text("".join(frame(f"id={k}") for k in ("a", "b", "a#2", "a", "a", "b")))
    assert keys(path) == ["a", "b", "a#2", "a#3", "a#4", "b#2"]
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        *("the key a repeats; it becomes a#3", "3 keys repeated"),
    ]


def test_structure_that_is_none_has_its_key_and_a_reason(tmp_path):
    path = tmp_path / "x.extxyz"
    path.write_text(frame("id=a") + frame("id=b", "nan 0 0") + frame("id=c"))
    good, bad, last = found(path)
    assert (good.refusal, last.refusal, bad.crystal) == ("", "", None)
    assert (bad.key, bad.source) == ("b", "x.extxyz#1")
    assert "coordinates" in bad.refusal


def test_what_ends_a_file_is_its_last_entry(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.extxyz").write_text(frame() + "2\n" + LATTICE)
    (folder / "b.csv").write_text("formula\nNaCl\n")
    (folder / "c.vasp").touch()
    text = "".join(frame(f"remark={number**40}") for number in range(900))
    packed = gzip.compress(text.encode())
    (folder / "d.extxyz.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "e.cif").write_text(ROCK_SALT_CIF)
    every = found(folder)
    bad = [entry for entry in every if entry.crystal is None]
    assert [entry.key.partition("#")[0] for entry in bad] == [
        *("a.extxyz", "b.csv", "c.vasp", "d.extxyz.gz")
    ]
    assert "file ends" in bad[0].refusal
    assert "must have a column" in bad[1].refusal
    assert "is empty" in bad[2].refusal
    assert "cannot be unpacked" in bad[3].refusal
    assert len(every) > 200  # what stands before the damage
    assert every[-1].crystal is not None


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError(), RecursionError()])
def test_any_error_of_a_parser_ends_its_file_alone(folder, monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(structure_tables, "csv_structures", fail)
    bad = [entry for entry in found(folder) if entry.crystal is None]
    assert [entry.source for entry in bad] == ["b.csv#0", "h.csv.gz#0"]
    assert type(error).__name__ in bad[0].refusal


def test_references_are_numbers_of_what_was_asked_for(tmp_path, caplog):
    rows = [
        ["gap", "cif", "note"],
        ["1.5", ROCK_SALT_CIF, "x"],
        ["", ROCK_SALT_CIF, ""],
    ]
    path = table(tmp_path / "x.csv", rows)
    first, second = found(path, "gap", "note", "tc")
    assert first.references["gap"] == 1.5
    assert np.isnan(first.references["note"])
    assert second.references == {}
    assert "no crystal has tc" in caplog.text
    assert found(path)[0].references == {}
    path = tmp_path / "x.extxyz"
    path.write_text(frame("energy=-3 gap=2", "nan 0 0"))
    assert found(path, "energy", "gap")[0].references == {"energy": -3, "gap": 2}


def test_many_crystals_never_lie_in_memory_together(tmp_path):
    path = tmp_path / "x.extxyz.gz"
    n = 300
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(n):
            file.write(frame(f'id={number} remark="{"x" * 10_000}"'))
    next(entries(str(path)))  # what is imported stays
    tracemalloc.start()
    taken = sum(1 for _ in entries(str(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken == n
    assert peak < 1e6  # the file has 3 MB


def test_package_that_is_missing_is_an_error_and_no_row(tmp_path, monkeypatch):
    (tmp_path / "x.aselmdb").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "ase_db_backends", None)
    monkeypatch.setitem(sys.modules, "ase_db_backends.aselmdb", None)
    with pytest.raises(ImportError, match="ase-db-backends"):
        found(tmp_path / "x.aselmdb")


def test_several_crystals_of_a_written_file_come_back(tmp_path):
    crystals = [Crystal.from_ase(bulk("Si", "diamond", a)) for a in (5.3, 5.4)]
    write(tmp_path / "x.extxyz", crystals)
    for entry, crystal in zip(found(tmp_path / "x.extxyz"), crystals, strict=True):
        np.testing.assert_allclose(entry.crystal.cell, crystal.cell, atol=1e-8)
