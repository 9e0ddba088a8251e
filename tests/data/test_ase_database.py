"""Databases of ASE: rows in order, values beside them, nothing changed or unpickled."""

import gzip
import os
import pickle
import sqlite3

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect

from matjax.data import ase_database
from matjax.data.ase_database import ase_structures, database_rows
from matjax.errors import CrystalFileError


@pytest.fixture(params=["x.db", "x.json"])
def path(request, tmp_path):
    """Three crystals of silicon, of which the last has atoms in one another."""
    path = tmp_path / request.param
    with connect(path) as database:
        for number, a in enumerate((5.4, 5.5, 0.5)):
            atoms = bulk("Si", "diamond", a)
            atoms.calc = SinglePointCalculator(atoms, energy=-10.0 - number)
            data = {"tensor": np.eye(3), "gap_hse": 1.1}
            database.write(atoms, key_value_pairs={"gap": 0.5}, data=data)
    return path


@pytest.mark.parametrize("n_together", [2, 1000])
def test_rows_have_crystals_and_values(path, n_together, monkeypatch):
    monkeypatch.setattr(ase_database, "_ROWS", n_together)
    before = path.read_bytes()
    found = list(ase_structures(path))
    assert path.read_bytes() == before
    assert [make().n_atoms for make, _ in found[:2]] == [2, 2]
    with pytest.raises(ValueError, match="apart"):
        found[2][0]()
    values = [values for _, values in found]
    assert [v["energy"] for v in values] == [-10, -11, -12]
    assert (values[0]["gap"], values[0]["gap_hse"]) == (0.5, 1.1)
    assert len({v["unique_id"] for v in values}) == 3


def test_other_files_are_refused_and_left_as_they_are(tmp_path):
    path = tmp_path / "x.db"
    sqlite3.connect(path).execute("CREATE TABLE mine (a INT)").connection.close()
    before = path.read_bytes()
    with pytest.raises(CrystalFileError, match="it has no table of systems"):
        list(database_rows(path))
    assert path.read_bytes() == before
    path.write_bytes(b"not a database, whatever its name says" * 99)
    with pytest.raises(CrystalFileError, match="must be a database of ASE"):
        list(database_rows(path))
    for text in ('{"1": 5, "ids": [1], "nextid": 2}', "{", "[]", "5"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(Exception, match=r"x\.json must be|not resemble ASE JSON"):
            list(ase_structures(tmp_path / "x.json"))


def test_compressed_text_is_read_and_a_compressed_table_refused(path):
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    if path.suffix == ".json":
        assert len(list(database_rows(packed))) == 3
        return
    with pytest.raises(CrystalFileError, match="must not be compressed: unpack"):
        list(database_rows(packed))


def test_pickled_data_are_not_executed_and_spoil_no_crystal(tmp_path, caplog):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    path = tmp_path / "x.db"
    connect(path).write(bulk("Si"), data={"a": 1}, key_value_pairs={"gap": 0.5})
    file = sqlite3.connect(path)
    file.execute("UPDATE systems SET data=?", (pickle.dumps(Trap()),))
    file.commit()
    file.close()
    [(make, values)] = ase_structures(path)
    assert (make().n_atoms, values["gap"]) == (2, 0.5)
    assert not (tmp_path / "executed").exists()
    assert "the data of row 1 cannot be read" in caplog.text
