"""Each file of phonopy that is damaged is refused in a message that names it."""

import gzip

import pytest
import yaml

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    displaced,
    file_io,
    with_born,
    write_disp,
)

YAML = "phonopy_disp.yaml"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Files of a calculation, by name."""
    folder = tmp_path_factory.mktemp("calculation")
    made = with_born(displaced("rocksalt"))
    params = made.nac_params
    file_io.write_BORN(
        made.primitive, params["born"], params["dielectric"], folder / "BORN"
    )
    made.save(folder / "phonopy_params.yaml")
    made.nac_params = None
    write_disp(made, folder)
    made.produce_force_constants()
    file_io.write_FORCE_CONSTANTS(made.force_constants, folder / "FORCE_CONSTANTS")
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_files_are_good_before_they_are_damaged(texts, tmp_path):
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert mj.read_phonopy(tmp_path).crystal.n_atoms == 2


def put(*path_and_value):
    """An edit of a tree: the value is put where the path leads."""
    *path, last, value = path_and_value

    def edit(tree):
        for key in path:
            tree = tree[key]
        tree[last] = value

    return edit


def drop(*path):
    def edit(tree):
        for key in path[:-1]:
            tree = tree[key]
        del tree[path[-1]]

    return edit


NAN, INF = float("nan"), float("inf")
POINT = ("supercell", "points", 1)
TREES = [
    put("unit_cell", None),
    put("unit_cell", [1, 2, 3]),
    put("supercell", "cell"),
    put("supercell", "points", []),
    put("supercell", "points", None),
    put("supercell", "points", {"symbol": "Na"}),
    put("supercell", "points", 3, None),
    put("supercell", "lattice", 1, 1, NAN),
    put("supercell", "lattice", 1, [1.0, 2.0]),
    put("supercell", "lattice", "big"),
    put("supercell", "lattice", 0, [0.0, 0.0, 0.0]),
    drop("supercell", "lattice"),
    put(*POINT, "symbol", None),
    put(*POINT, "symbol", "Xx"),
    put(*POINT, "symbol", ""),
    put(*POINT, "symbol", 11),
    put(*POINT, "coordinates", [0.1, 0.2]),
    put(*POINT, "coordinates", [0.1, 0.2, INF]),
    put(*POINT, "coordinates", [0.1, 0.2, [0.3]]),
    put(*POINT, "coordinates", [0.1, 0.2, None]),
    put(*POINT, "coordinates", [0.11, 0.22, 0.33]),
    put(*POINT, "mass", None),
    put(*POINT, "mass", -1.0),
    put(*POINT, "mass", NAN),
    put(*POINT, "mass", 30.0),
    put(*POINT, "mass", "heavy"),
    put(*POINT, "weight", 0.5),
    put(*POINT, "weight", "half"),
    put("primitive_matrix", [[1, 0, 0], [0, 1, 0]]),
    put("primitive_matrix", [[1, 0, 0], [0, 1, 0], [0, 0, 0]]),
    put("primitive_matrix", [[1, 0, 0], [0, 1, 0], [0, 0, NAN]]),
    put("primitive_matrix", "auto"),
    put("primitive_matrix", [[0.7, 0, 0], [0, 1, 0], [0, 0, 1]]),
    put("phonopy", ["4.0"]),
    put("phonopy", "symmetry_tolerance", -1e-3),
    put("phonopy", "symmetry_tolerance", "loose"),
    put("phonopy", "symmetry_tolerance", 3.0),
    put("physical_unit", "length", 3),
    put("physical_unit", "length", "furlong"),
    put("physical_unit", "force_constants", "eV"),
    put("displacements", 7),
    put("displacements", 0, None),
    put("displacements", 0, "atom", 0),
    put("displacements", 0, "atom", 9),
    put("displacements", 0, "atom", 1.5),
    put("displacements", 0, "displacement", [0.0, 0.0]),
    put("displacements", 0, "displacement", [0.0, NAN, 0.0]),
    put("displacements", [[{"displacement": [0.1, 0, 0]}]]),
    put("displacements", [[{"displacement": [0.1, 0, 0]}], []]),
    put("dataset", {"displacements": [[0.1, 0.0, 0.0]]}),
    put("dataset", {"forces": [[0.1, 0.0, 0.0]]}),
    put("dataset", 5),
    put("nac", "yes"),
    put("nac", {"born_effective_charge": [[1, 0], [0, 1]]}),
    put("nac", {"born_effective_charge": None, "dielectric_constant": "x"}),
    put("nac", {"method": 3}),
    put("nac", {"unit_conversion_factor": 0.0}),
    put("force_constants", {"elements": [[[1, 2, 3]] * 3], "shape": [2, 8]}),
    put("force_constants", {"elements": [], "shape": [0, 0]}),
    put("force_constants", {"shape": [2, 8]}),
    put("force_constants", [1.0]),
]


@pytest.mark.parametrize("number", range(len(TREES)))
def test_damaged_yaml_is_refused_by_name(texts, tmp_path, number):
    tree = yaml.safe_load(texts[YAML])
    TREES[number](tree)
    (tmp_path / YAML).write_text(yaml.safe_dump(tree))
    (tmp_path / "FORCE_SETS").write_text(texts["FORCE_SETS"])
    with pytest.raises(ValueError, match=str(tmp_path)):
        mj.read_phonopy(tmp_path)


RAW = [
    (YAML, b"\xff\xfe\x00a"),
    (YAML, "Größe: ä".encode("latin-1")),
    (YAML, b""),
    (YAML, b"42"),
    (YAML, b"- 1\n- 2"),
    (YAML, b"unit_cell: {\n"),
    (YAML, b"unit_cell: 2001-99-99\nsupercell: 1"),
    (YAML, b"\x00\x00"),
    (YAML, b"? [a]\n: 1\nunit_cell: 1\nsupercell: 1"),
    (YAML + ".gz", b"no gzip"),
    (YAML + ".gz", gzip.compress(b"unit_cell: 1\n" * 99)[:-12]),
    (YAML + ".xz", b"no xz"),
    ("FORCE_SETS", b""),
    ("FORCE_SETS", b"8"),
    ("FORCE_SETS", b"8\n0\n"),
    ("FORCE_SETS", b"8\n-2\n"),
    ("FORCE_SETS", b"8\n1e300\n"),
    ("FORCE_SETS", b"8\n1.5\n"),
    ("FORCE_SETS", b"8.2\n2\n"),
    ("FORCE_SETS", b"eight"),
    ("FORCE_SETS", b"\xff\xff"),
    ("FORCE_SETS", b"1 2 3 4 5 6\n" * 7),
    ("FORCE_SETS", b"1 2 3 nan 5 6\n" * 8),
    ("FORCE_CONSTANTS", b""),
    ("FORCE_CONSTANTS", b"2 8\n"),
    ("FORCE_CONSTANTS", b"-2 -8\n" + b"1 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"9 9\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"1 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"1.5 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"inf 8\n"),
    ("FORCE_CONSTANTS", b"two eight\n"),
    ("BORN", b""),
    ("BORN", b"14.4\n"),
    ("BORN", b"14.4\n1 0 0 0 1 0 0 0 1\n1 0 0 0 x 0 0 0 1\n1 0 0 0 1 0 0 0 1"),
    ("BORN", b"14.4\n1 0 0 0 1 0 0 0 nan\n1 0 0 0 1 0 0 0 1\n1 0 0 0 1 0 0 0 1"),
    *(
        ("BORN", f"{factor}\n2 0 0 0 2 0 0 0 2\n{row}\n-{row}".encode())
        for factor in ("0.0", "-14.4", "nan", "inf")
        for row in ("1 0 0 0 1 0 0 0 1",)
    ),
]


@pytest.mark.parametrize("number", range(len(RAW)))
def test_damaged_files_are_refused_by_name(texts, tmp_path, number):
    name, content = RAW[number]
    kept = {YAML, "FORCE_SETS"} - {name.partition(".gz")[0].partition(".xz")[0]}
    if name == "FORCE_CONSTANTS":
        kept.discard("FORCE_SETS")
    for other in kept:
        (tmp_path / other).write_text(texts[other])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path / name)):
        mj.read_phonopy(tmp_path)


def test_a_byte_order_mark_is_no_damage(texts, tmp_path):
    (tmp_path / YAML).write_text(texts[YAML], encoding="utf-8-sig")
    (tmp_path / "FORCE_SETS").write_text(texts["FORCE_SETS"], encoding="utf-8-sig")
    assert mj.read_phonopy(tmp_path).crystal.n_atoms == 2


@pytest.mark.parametrize("symprec", [0.0, -1e-3, 0.5, NAN, INF])
def test_a_tolerance_that_is_none_is_refused(tmp_path, symprec):
    with pytest.raises(ValueError, match="symprec must be positive"):
        mj.read_phonopy(tmp_path, symprec=symprec)
