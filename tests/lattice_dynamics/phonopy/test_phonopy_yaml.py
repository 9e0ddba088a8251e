"""phonopy's YAML: its units, its cells, and files that are damaged."""

import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    CONSTANTS,
    FCC,
    Q,
    atoms,
    conventional_rocksalt,
    displaced,
    frequencies,
    phonopy,
    write_disp,
)

YAML = "phonopy_disp.yaml"


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


def test_units_of_other_codes_are_converted(tmp_path):
    """Quantum ESPRESSO: Bohr and Rydberg; the same crystal, frequencies alike."""
    made = displaced("rocksalt")
    bohr, rydberg = 0.529177210903, 13.605693122994
    scaled = conventional_rocksalt()
    scaled = scaled.replace(cell=scaled.cell / bohr)
    other = phonopy.Phonopy(
        atoms(scaled), np.eye(3), primitive_matrix=FCC, calculator="qe"
    )
    other.generate_displacements(distance=0.02 / bohr)
    other.forces = made.forces / (rydberg / bohr)
    write_disp(other, tmp_path)
    made.produce_force_constants()
    found = mj.read_phonopy(tmp_path, symmetrize=False)
    assert_allclose(found.crystal.volume, made.primitive.volume, rtol=1e-8)
    assert_allclose(found.frequencies(Q), frequencies(made), atol=CONSTANTS)


def test_the_primitive_cell_is_found_where_the_file_names_none(tmp_path):
    made = displaced("rocksalt")
    write_disp(made, tmp_path)
    path = tmp_path / "phonopy_disp.yaml"
    expected = mj.read_phonopy(tmp_path)
    text = path.read_text()
    start = text.index("primitive_matrix:")
    path.write_text(text[:start] + text[text.index("supercell_matrix:") :])
    found = mj.read_phonopy(tmp_path)
    assert_allclose(found.crystal.cell, made.primitive.cell, atol=1e-9)
    assert_allclose(found.frequencies(Q), expected.frequencies(Q), atol=1e-7)
    with pytest.raises(ValueError, match="3 x 3 and not singular"):
        mj.read_phonopy(tmp_path, primitive_matrix=[[1, 0, 0]])
    with pytest.raises(ValueError, match="must be lattice vectors"):
        mj.read_phonopy(tmp_path, primitive_matrix=np.diag([1, 1, 0.3]))
    whole = mj.read_phonopy(tmp_path, primitive_matrix=np.eye(3))
    assert whole.crystal.n_atoms == 8
    top = whole.frequencies(np.zeros(3)).max()
    everywhere = [found.frequencies(q) for q in ([0, 0, 0], [0.5, 0.5, 0])]
    assert_allclose(top, np.max(everywhere), atol=1e-7)


def test_the_files_are_good_before_they_are_damaged(texts, tmp_path):
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert mj.read_phonopy(tmp_path).crystal.n_atoms == 2


@pytest.mark.parametrize("number", range(len(TREES)))
def test_damaged_yaml_is_refused_by_name(texts, tmp_path, number):
    tree = yaml.safe_load(texts[YAML])
    TREES[number](tree)
    (tmp_path / YAML).write_text(yaml.safe_dump(tree))
    (tmp_path / "FORCE_SETS").write_text(texts["FORCE_SETS"])
    with pytest.raises(ValueError, match=str(tmp_path)):
        mj.read_phonopy(tmp_path)


@pytest.mark.parametrize("symprec", [0.0, -1e-3, 0.5, NAN, INF])
def test_a_tolerance_that_is_none_is_refused(tmp_path, symprec):
    with pytest.raises(ValueError, match="symprec must be positive"):
        mj.read_phonopy(tmp_path, symprec=symprec)
