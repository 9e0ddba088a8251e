"""Items of a data file have identifiers, reference values, and crystals or a reason."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from matjax.crystals import Crystal, crystal_from_json
from matjax.data import choose, composition, fingerprints, read_items, small_first


@pytest.fixture
def data(tmp_path):
    """Two crystals of silicon, and one of copper."""
    frames = [bulk("Si", "diamond", 5.43), bulk("Si", "diamond", 5.5), bulk("Cu")]
    for number, atoms in enumerate(frames):
        atoms.info |= {
            "material_id": f"test-{number}",
            "heat_capacity": 39.0,
        }
    write(tmp_path / "data.extxyz", frames)
    return tmp_path / "data.extxyz"


def test_data_that_lack_something_are_refused(data):
    with pytest.raises(ValueError, match=r"data\.extxyz#0 \(test-0\) lacks \['gap'\]"):
        read_items(str(data), ("gap",))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_items("nowhere.extxyz", ("gap",))
    assert len(choose(read_items(str(data), ()), 2, seed=0)) == 2


def test_frame_that_is_no_crystal_is_a_failed_row_and_not_the_end(data):
    frames = ase.io.read(data, ":")
    frames[1].positions[0, 0] = np.nan
    frames[2].info["heat_capacity"] = "unknown"
    write(data, frames)
    items = read_items(str(data), ("heat_capacity",))
    assert list(items) == ["test-0", "test-1", "test-2"]
    assert items["test-0"].crystal.n_atoms == 2
    with pytest.raises(ValueError, match=r"data\.extxyz#1: .*finite"):
        crystal_from_json(items["test-1"].to_json())
    with pytest.raises(ValueError, match=r"#2: heat_capacity must be a finite number"):
        crystal_from_json(items["test-2"].to_json())
    assert small_first(list(items), items) == ["test-1", "test-2", "test-0"]


def test_identifiers_that_repeat_are_told_apart(data):
    frames = ase.io.read(data, ":")
    frames[2].info["material_id"] = "test-0"
    write(data, frames)
    assert list(read_items(str(data), ())) == ["test-0", "test-1", "test-0#2"]


def test_a_choice_depends_on_the_seed_alone_and_grows():
    keys = [f"mp-{i}" for i in range(50)]
    some = choose(keys, 10, seed=1)
    assert some == choose(reversed(keys), 10, seed=1)
    assert some == choose(keys, 20, seed=1)[:10]
    assert some != choose(keys, 10, seed=2)
    assert sorted(choose(keys, None, seed=1)) == sorted(keys)


def test_what_a_frame_has_beside_elements_cell_and_places_is_left_behind(data):
    frames = ase.io.read(data, ":")
    frames[0].set_masses([30.0, 31.0])
    write(data, frames)
    crystal = read_items(str(data), ())["test-0"].crystal
    assert crystal.given_masses is None


def test_a_composition_is_the_same_for_all_cells():
    salt = Crystal.from_ase(bulk("NaCl", "rocksalt", a=5.6, cubic=True))
    assert composition(salt) == "ClNa"


def test_fingerprints_follow_the_content_of_files(data):
    before = fingerprints("stillinger-weber-si", str(data))
    assert before.keys() == {"data_sha256"}  # a name has one content
    data.write_bytes(data.read_bytes() + b" ")
    assert fingerprints("stillinger-weber-si", str(data)) != before
