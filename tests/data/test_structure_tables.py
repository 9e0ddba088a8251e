"""Which files are tables of structures, by their endings and first words."""

import ase.io
import pytest

from matjax.data.structure_tables import structure_table
from tests.data.examples import random_dataset, to_atoms


@pytest.mark.parametrize(("name", "text"), [("a.csv", "id,cif\n"), ("a.json", "[]")])
def test_tables_have_rows(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    rows = structure_table(tmp_path / name)
    assert rows is not None
    assert list(rows) == []


@pytest.mark.parametrize("name", ["a.extxyz", "a.json"])
def test_files_of_ase_are_no_tables(tmp_path, name):
    ase.io.write(tmp_path / name, to_atoms(random_dataset(1).examples[0]))
    assert structure_table(tmp_path / name) is None


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        structure_table(tmp_path / "nothing.csv")
