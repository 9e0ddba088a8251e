"""Files of pymatgen's structures: lists, dictionaries, tables, read piece by piece."""

import json
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import file_content
from matjax.data.json_structures import is_ase_json, json_structures
from matjax.errors import CrystalFileError
from tests.crystals.test_structure_json import SALT

ENTRY = {"structure": SALT, "energy": -6.5, "data": {"mat_id": "agm1", "gap": 5.0}}
FLAT = {"structure": SALT, "gap": 5.0}

FILES = {
    "list": ([SALT, SALT], [{}, {}]),
    "list of records": ([FLAT], [{"gap": 5.0}]),
    "dictionary": ({"a": SALT, "b": SALT}, [{"id": "a"}, {"id": "b"}]),
    "dictionary of records": ({"7": FLAT}, [{"id": "7", "gap": 5.0}]),
    "one": (SALT, [{}]),
    "one record": (FLAT, [{"gap": 5.0}]),
    "columns": (
        {"gap": {"0": 1, "1": 2}, "structure": {"0": SALT, "1": SALT}, "remark": "x"},
        [{"gap": 1, "index": "0"}, {"gap": 2, "index": "1"}],
    ),
    "rows": (
        {
            "index": [4],
            "columns": ["structure", "last phdos peak"],
            "data": [[SALT, 9]],
        },
        [{"last phdos peak": 9, "index": 4}],
    ),
}


@pytest.fixture(params=[1, 7, 2**22])
def piece(request, monkeypatch):
    """Pieces of a file end anywhere: within words, numbers and escapes."""
    monkeypatch.setattr(file_content, "_PIECE", request.param)


@pytest.mark.parametrize("name", FILES)
def test_structures_and_what_stands_beside_them(tmp_path, piece, name):
    content, values = FILES[name]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content, indent=1))
    found = list(json_structures(path))
    assert [make().n_atoms for make, _ in found] == [2] * len(values)
    assert [v for _, v in found] == values


def test_entries_of_pymatgen_carry_energy_and_data(tmp_path, piece):
    (tmp_path / "x.json").write_text(json.dumps({"entries": [ENTRY, ENTRY]}))
    found = list(json_structures(tmp_path / "x.json"))
    assert len(found) == 2
    _, values = found[1]
    assert (values["mat_id"], values["gap"], values["energy"]) == ("agm1", 5.0, -6.5)


def test_record_that_is_none_spoils_no_other(tmp_path):
    content = [SALT, {"structure": None}, 5, SALT | {"lattice": {}}, SALT]
    (tmp_path / "x.json").write_text(json.dumps(content))
    makers = [make for make, _ in json_structures(tmp_path / "x.json")]
    assert makers[0]().n_atoms == makers[4]().n_atoms == 2
    for make in makers[1:4]:
        with pytest.raises(ValueError, match="structure of pymatgen"):
            make()


@pytest.mark.parametrize(
    ("text", "n_good", "message"),
    [
        (json.dumps([SALT, SALT])[:-40], 1, "x.json must hold structures as JSON"),
        (f"[{json.dumps(SALT)} 5]", 1, ", or ] must follow; it is '5'"),
        (f"[{json.dumps(SALT)}", 1, "the file ends"),
        ('{"a": 1, "b": 2}', 0, r"its keys are \['a', 'b'\]"),
        ("{}", 0, "its keys are"),
        ("5", 0, "{ must follow; it is '5'"),
        ("", 0, "the file ends"),
        ("[" * 100_000, 0, "recursion"),
    ],
)
def test_place_where_a_file_breaks_off_is_reached_with_what_was_before(
    tmp_path, text, n_good, message
):
    (tmp_path / "x.json").write_text(text)
    found = json_structures(tmp_path / "x.json")
    for _ in range(n_good):
        assert next(found)[0]().n_atoms == 2
    with pytest.raises(CrystalFileError, match=message):
        list(found)


def test_empty_list_holds_none(tmp_path):
    (tmp_path / "x.json").write_text(" [ ] ")
    assert list(json_structures(tmp_path / "x.json")) == []


def test_databases_of_ase_are_told_by_their_first_row(tmp_path):
    row = {"numbers": [14], "positions": [[0, 0, 0]]}
    for content, expected in (({"1": row}, True), (SALT, False), ([SALT], False)):
        (tmp_path / "x.json").write_text(json.dumps(content))
        assert is_ase_json(tmp_path / "x.json") == expected


JARVIS = {
    "jid": "JVASP-1",
    "atoms": {
        "lattice_mat": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
        "coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
        "elements": ["Cs", "Cl"],
        "cartesian": False,
    },
    "formation_energy_peratom": -1.5,
}
"""A record of JARVIS-DFT."""

CIF = """data_CsCl
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 Cs Cs1 0 0 0
 Cl Cl1 0.5 0.5 0.5
"""


@pytest.mark.parametrize("packed", [False, True])
def test_records_of_jarvis_and_of_megnets_data_are_crystals(tmp_path, packed):
    in_angstrom = {**JARVIS["atoms"], "coords": [[0, 0, 0], [2.0] * 3]}
    megnet = {"structure": CIF, "band_gap": 5.0, "material_id": "mp-1"}
    records = [JARVIS, {"atoms": {**in_angstrom, "cartesian": True}}, megnet]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(records))
    if packed:
        path = tmp_path / "x.json.zip"
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            archive.write(tmp_path / "x.json", "x.json")
    found = [*json_structures(path)]
    for make, _ in found:
        crystal = make()
        assert crystal.numbers.tolist() == [55, 17]
        assert_allclose(crystal.cell, 4 * np.eye(3), atol=1e-12)
        assert_allclose(crystal.fractional, [[0] * 3, [0.5] * 3], atol=1e-12)
    assert found[0][1] == {"jid": "JVASP-1", "formation_energy_peratom": -1.5}
    assert found[2][1] == {"band_gap": 5.0, "material_id": "mp-1"}


def test_an_archive_of_several_files_is_refused(tmp_path):
    with ZipFile(tmp_path / "x.json.zip", "w") as archive:
        archive.writestr("a.json", "[]")
        archive.writestr("b.json", "[]")
    with pytest.raises(CrystalFileError, match="must hold one file"):
        list(json_structures(tmp_path / "x.json.zip"))
