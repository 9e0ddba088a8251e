"""Tables of CIF texts: every row a crystal or a reason, columns by any case."""

import csv
import gzip
import json

import pytest

from matjax.data.csv_structures import csv_structures
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import ROCK_SALT_CIF
from tests.crystals.test_structure_json import SALT


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("name", ["cif", "CIF", "structure", " Structure "])
def test_texts_of_a_column_are_crystals_and_the_others_values(tmp_path, name):
    rows = [
        ["id", name, "gap"],
        ["a", ROCK_SALT_CIF, "5.0"],
        ["b", json.dumps(SALT), ""],
    ]
    found = list(csv_structures(table(tmp_path / "x.csv", rows)))
    assert [make().n_atoms for make, _ in found] == [8, 2]
    assert [values for _, values in found] == [{"id": "a", "gap": "5.0"}, {"id": "b"}]


def test_compressed_table_is_read(tmp_path):
    plain = table(tmp_path / "x.csv", [["cif"], [ROCK_SALT_CIF]])
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    [(make, _)] = csv_structures(path)
    assert make().n_atoms == 8


def test_row_that_is_no_crystal_spoils_no_other(tmp_path):
    rows = [
        ["cif", "gap"],
        ["no", "1"],
        [ROCK_SALT_CIF],
        [""] * 2,
        [ROCK_SALT_CIF, "1"],
    ]
    makers = [make for make, _ in csv_structures(table(tmp_path / "x.csv", rows))]
    for make, message in zip(
        makers,
        [r"x\.csv#0 must hold a structure", "#1 must have 2 cells.*it has 1", "#2"],
        strict=False,
    ):
        with pytest.raises(CrystalFileError, match=message):
            make()
    assert makers[3]().n_atoms == 8


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a":' * 100_000])
def test_json_that_is_no_structure_is_refused_with_its_place(tmp_path, text):
    [(make, _)] = csv_structures(table(tmp_path / "x.csv", [["structure"], [text]]))
    with pytest.raises(
        CrystalFileError, match=r"x\.csv#0 must hold a structure as JSON"
    ):
        make()


def test_text_of_two_crystals_is_refused(tmp_path):
    two = ROCK_SALT_CIF + ROCK_SALT_CIF.replace("data_", "data_other_")
    [(make, _)] = csv_structures(table(tmp_path / "x.csv", [["cif"], [two]]))
    with pytest.raises(
        CrystalFileError, match="must hold one structure; its CIF has 2"
    ):
        make()


def test_table_without_structures_is_refused(tmp_path):
    path = table(tmp_path / "x.csv", [["formula", "gap"], ["NaCl", "5"]])
    with pytest.raises(CrystalFileError, match=r"named cif or structure; .*'formula'"):
        next(csv_structures(path))


def test_long_fields_are_read_and_the_limit_of_others_stays(tmp_path):
    before = csv.field_size_limit()
    long = ROCK_SALT_CIF + "# remark\n" * 20_000
    [(make, _)] = csv_structures(table(tmp_path / "x.csv", [["cif"], [long]]))
    assert make().n_atoms == 8
    assert csv.field_size_limit() == before


def test_rows_are_read_as_they_are_taken(tmp_path):
    path = table(tmp_path / "x.csv", [["cif"], *[[ROCK_SALT_CIF]] * 5])
    with path.open("ab") as file:
        file.write(b"\0")
    found = csv_structures(path)
    assert next(found)[0]().n_atoms == 8
    with pytest.raises(CrystalFileError, match="must be text"):
        list(found)
