"""What a file says arrives, and what it does not say is refused by name."""

import csv
import gzip
import importlib.util
import json
import os

import ase.db
import ase.io
import numpy as np
import pytest
from ase.constraints import FixAtoms
from numpy.testing import assert_allclose, assert_array_equal

from matjax.crystals import write
from matjax.data import read_dataset
from matjax.predictors import Label
from tests.data.examples import assert_same, random_dataset, to_atoms, write_frames

LABELS = ["energy", "forces", "stress", "gap"]


@pytest.fixture(scope="module")
def dataset():
    return random_dataset(6, n_atoms=2)


def write_database(path, dataset):
    with ase.db.connect(path) as database:
        for example in dataset.examples:
            atoms = to_atoms(example)
            values = {"gap": atoms.info["gap"], "group": atoms.info["group"]}
            database.write(atoms, key_value_pairs=values)


@pytest.mark.parametrize("name", ["x.extxyz", "x.xyz.gz", "x.traj", "x.db"])
def test_files_of_ase_give_back_what_was_written(dataset, tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".db":
        write_database(path, dataset)
    else:
        write_frames(path, dataset)
    read = read_dataset(path, LABELS)
    assert_same(read, dataset, LABELS)
    assert [e.group for e in read.examples] == [e.group for e in dataset.examples]
    assert read.examples[3].source == f"{name}#3"
    assert read.species == (8, 14)


def test_forces_of_fixed_atoms_are_those_of_the_file(dataset, tmp_path):
    def fix(frames):
        for atoms in frames:
            atoms.set_constraint(FixAtoms([0]))

    path = write_frames(tmp_path / "x.traj", dataset, fix)
    assert_same(read_dataset(path, ["forces"]), dataset, ["forces"])


def test_labels_may_have_other_names_in_the_file(dataset, tmp_path):
    def rename(frames):
        for atoms in frames:
            atoms.info["dft_energy"] = atoms.calc.results["energy"]
            atoms.arrays["dft_forces"] = atoms.calc.results["forces"]
            atoms.calc = None

    path = write_frames(tmp_path / "x.extxyz", dataset, rename)
    keys = {"energy": "dft_energy", "forces": "dft_forces"}
    read = read_dataset(path, ["energy", "forces"], keys=keys)
    assert_same(read, dataset, ["energy", "forces"])


def spoil(key, value):
    def change(frames):
        where = frames[2].info if key == "gap" else frames[2].calc.results
        if value is None:
            del where[key]
        else:
            where[key] = value

    return change


def move(frames):
    frames[2].positions[1] = frames[2].positions[0]
    frames[2].calc.atoms = frames[2].copy()


def only_free_energy(frames):
    results = frames[2].calc.results
    results["free_energy"] = results.pop("energy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("energy", None), r"x\.traj#2: every frame must have .*'energy'"),
        (spoil("forces", None), r"x\.traj#2: every frame must have .*'forces'"),
        (spoil("stress", None), r"x\.traj#2: every frame must have .*'stress'"),
        (spoil("gap", None), r"x\.traj#2: every frame must have .*'gap'"),
        (only_free_energy, r"x\.traj#2: .*'energy'.*free_energy is another quantity"),
        (spoil("energy", np.nan), r"x\.traj#2: energy must be finite; received nan"),
        (spoil("gap", np.inf), r"x\.traj#2: gap must be finite; received inf"),
        (spoil("gap", "wide"), r"x\.traj#2: gap must be a number; received 'wide'"),
        (move, r"x\.traj#2: atoms must lie at least"),
    ],
)
def test_a_bad_frame_is_refused_by_name(dataset, tmp_path, change, message):
    path = write_frames(tmp_path / "x.traj", dataset, change)
    with pytest.raises(ValueError, match=message):
        read_dataset(path, LABELS)


@pytest.mark.parametrize(
    ("forces", "message"),
    [
        (np.full((7, 3), 1.0), r"x\.db#0: forces of 1 atoms must have shape \(1, 3\)"),
        (np.full((1, 3), np.nan), r"x\.db#0: forces must be finite"),
    ],
)
def test_forces_that_are_not_those_of_the_atoms_are_refused(tmp_path, forces, message):
    with ase.db.connect(tmp_path / "x.db") as database:
        atoms = to_atoms(random_dataset(1, n_atoms=1).examples[0])
        atoms.calc.results["forces"] = forces
        database.write(atoms)
    with pytest.raises(ValueError, match=message):
        read_dataset(tmp_path / "x.db", ["forces"])


def folder_of_cif(path, dataset, rows):
    path.mkdir()
    for k, example in enumerate(dataset.examples):
        write(path / f"c{k}.cif", example.crystal)
    name = "table.csv" if rows[0].startswith("id") else "id_prop.csv"
    (path / name).write_text("\n".join(rows) + "\n")
    return path


def test_a_folder_of_cif_reads_with_a_header_or_as_cgcnn_has_it(dataset, tmp_path):
    gaps = [e.labels["gap"] for e in dataset.examples]
    headed = ["id,other,gap", *(f"c{k}.cif,7,{g!r}" for k, g in enumerate(gaps))]
    bare = [f"c{k},{g!r}" for k, g in enumerate(gaps)]
    for name, rows in (("headed", headed), ("bare", bare)):
        read = read_dataset(folder_of_cif(tmp_path / name, dataset, rows), ["gap"])
        assert [e.labels["gap"] for e in read.examples] == gaps
        for a, b in zip(read.examples, dataset.examples, strict=True):
            assert_array_equal(np.sort(a.crystal.numbers), np.sort(b.crystal.numbers))
        assert read.examples[1].source.startswith(f"{name}/c1")


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (["id,gap", "c0,1.0", "c1,"], ["gap"], "c1: every row must have .*'gap'"),
        (["id,gap", "c0,1.0", "c9,2.0"], ["gap"], "names 'c9'.*no such file"),
        (["id,gap", "c0,1.0", "c1,nan"], ["gap"], "c1: gap must be finite"),
        (["id,gap", "c0,1.0", "c1,big"], ["gap"], "c1: gap must be a number"),
        (["c0,1.0,2.0"], ["gap"], "no header.*two columns"),
        (["id,gap"], ["gap"], "at least one labeled crystal"),
    ],
)
def test_a_bad_table_is_refused_by_row(dataset, tmp_path, rows, labels, message):
    path = folder_of_cif(tmp_path / "cif", dataset, rows)
    with pytest.raises(ValueError, match=message):
        read_dataset(path, labels)


def test_a_folder_without_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs one table"):
        read_dataset(tmp_path, ["gap"])


def test_tables_of_structures_give_their_columns(dataset, tmp_path):
    path = tmp_path / "t.csv.gz"
    rows = [("id", "cif", "gap", "born")]
    for k, example in enumerate(dataset.examples):
        write(tmp_path / f"{k}.cif", example.crystal)
        cif = (tmp_path / f"{k}.cif").read_text()
        rows.append((f"m{k}", cif, f"{k}.5", json.dumps([k, 2.0])))
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows(rows)
    born = Label("born", "graph", (2,))
    read = read_dataset(path, ["gap", born])
    assert [e.labels["gap"] for e in read.examples] == [k + 0.5 for k in range(6)]
    assert_array_equal(read.examples[1].labels["born"], [1.0, 2.0])
    assert read.examples[1].source == "t.csv.gz#1"
    for a, b in zip(read.examples, dataset.examples, strict=True):
        assert_allclose(a.crystal.volume, b.crystal.volume, rtol=1e-5)  # CIF's digits
        assert_array_equal(np.sort(a.crystal.numbers), np.sort(b.crystal.numbers))
    with pytest.raises(ValueError, match=r"t\.csv\.gz#0: every row must have .*'tc'"):
        read_dataset(path, ["tc"])


def test_a_folder_without_labels_needs_no_table(dataset, tmp_path):
    folder = folder_of_cif(tmp_path / "cifs", dataset, ["c0,1.0"])
    sources = [e.source for e in read_dataset(folder, []).examples]
    assert sources == [f"cifs/c{k}.cif#0" for k in range(6)]
    (folder / "c3.cif").write_text("data_x\n")
    with pytest.raises(ValueError, match=r"cifs/c3\.cif#0"):
        read_dataset(folder, [])


def test_lmdb_without_its_package_says_what_to_install(tmp_path):
    if importlib.util.find_spec("ase_db_backends"):
        pytest.skip("ase-db-backends is installed")
    (tmp_path / "x.aselmdb").write_bytes(b"nothing")
    with pytest.raises(ImportError, match="ase-db-backends"):
        read_dataset(tmp_path / "x.aselmdb", ["energy"])


def test_lmdb_is_read_without_being_changed(dataset, tmp_path):
    pytest.importorskip("ase_db_backends", reason="needs ase-db-backends")
    path = tmp_path / "x.aselmdb"
    write_database(path, dataset)
    path.chmod(0o444)
    before = path.read_bytes()
    assert_same(read_dataset(path, LABELS), dataset, LABELS)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / "x.db").write_bytes(b"nothing" * 200)
    with pytest.raises(ValueError, match=r"x\.db must be a database of ASE"):
        read_dataset(tmp_path / "x.db", ["energy"])


def test_the_fingerprint_changes_with_any_byte(dataset, tmp_path):
    path = write_frames(tmp_path / "x.extxyz", dataset)
    before = read_dataset(path, ["energy"]).fingerprint
    assert read_dataset(path, ["energy", "forces"]).fingerprint == before
    path.write_bytes(path.read_bytes().replace(b"Si", b"Ge", 1))
    assert read_dataset(path, ["energy"]).fingerprint != before


def test_a_published_set_has_as_many_frames_as_published():
    if not os.environ.get("MATJAX_DATA"):
        pytest.skip("the data sets are not here (MATJAX_DATA)")
    silicon = read_dataset("mlearn/Si/test", ["energy", "forces", "stress"])
    assert len(silicon) == 25


@pytest.mark.parametrize(
    ("label", "value", "answer"),
    [
        ("energy", 1e9, r"x\.extxyz#1: energy may be 2e\+07 at most; received 1e\+09"),
        ("forces", 1e30, r"x\.extxyz#1: forces may be 1e\+06 at most; received 1e\+30"),
        ("stress", -1e7, r"x\.extxyz#1: stress may be 1e\+06 at most; received 1e\+07"),
        ("gap", 1e20, r"x\.extxyz#1: gap may be 1e\+15 at most; received 1e\+20"),
        ("forces", np.inf, r"x\.extxyz#1: forces must be finite"),
        ("energy", np.nan, r"x\.extxyz#1: energy must be finite"),
    ],
)
def test_label_that_no_calculation_gives_is_refused(
    dataset, tmp_path, label, value, answer
):
    frames = [to_atoms(example) for example in dataset.examples]
    place = frames[1].info if label == "gap" else frames[1].calc.results
    if np.ndim(place[label]):
        place[label] = np.array(place[label])
        place[label].flat[0] = value
    else:
        place[label] = value
    ase.io.write(tmp_path / "x.extxyz", frames)
    with pytest.raises(ValueError, match=answer):
        read_dataset(tmp_path / "x.extxyz", LABELS)


def test_labels_of_all_electron_calculations_and_collisions_are_taken(
    dataset, tmp_path
):
    frames = [to_atoms(example) for example in dataset.examples[:1]]
    frames[0].calc.results["energy"] = -2 * 1.3e6  # eV, as heavy as atoms get
    frames[0].calc.results["forces"] = np.full((2, 3), 1e5)
    ase.io.write(tmp_path / "x.extxyz", frames)
    assert len(read_dataset(tmp_path / "x.extxyz", LABELS)) == 1


def test_elements_that_a_model_does_not_know_are_named(dataset):
    dataset.require_species((8, 14, 20), "the potential")
    with pytest.raises(ValueError, match=r"holds Si, first in .*#\d.* alone: take"):
        dataset.require_species((8,), "the potential")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["id,gap", "c0,1.0", "c1,2.0", "c0.cif,3.0"], "names 'c0.cif' twice"),
        (["id,gap", "c0,1.0", "c1,2.0"], r"no row for 1 of .* the first c2\.cif"),
    ],
)
def test_each_file_has_one_row(tmp_path, rows, message):
    path = folder_of_cif(tmp_path / "cif", random_dataset(3), rows)
    with pytest.raises(ValueError, match=message):
        read_dataset(path, ["gap"])
