"""Damaged files give a crystal or an error that names them, never anything else."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matjax.crystals import Crystal, read, read_each
from tests.crystals.cif_text import ROCK_SALT, cif, operations_loop

SOUND = {
    "x.cif": "_chemical_formula_sum 'Na Cl'\n".join(
        [
            cif(ROCK_SALT, "_space_group_IT_number 225", "_cell_formula_units_Z 4")[:7],
            cif(ROCK_SALT, "_space_group_IT_number 225", "_cell_formula_units_Z 4")[7:],
        ]
    ),
    "y.cif": cif(
        operations_loop(["x,y,z", "-x,-y,-z"]),
        columns=("label", "fract_x", "fract_y", "fract_z", "occupancy"),
        sites=("Na1 0.1 0.2 0.3 1.0", "Cl2 0.6(1) 1/2 .7 ."),
    ),
    "POSCAR": "Na Cl\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\nSelective\nDirect\n"
    "0 0 0 T T F\n0.5 0.5 0.5 F F F\n",
    "x.extxyz": '2\nLattice="4 0 0 0 4 0 0 0 4" pbc="T T F" '
    "Properties=species:S:1:pos:R:3:masses:R:1\nNa 0 0 0 23\nCl 2 2 2 35.4\n",
}

PIECES = [
    *("", " ", "\n", "?", ".", "0", "-1", "1e999", "nan", "'", '"', ";", "#", "loop_"),
    *(
        "data_",
        "x,y,z",
        "1/2",
        "Xx",
        "Å",
        "\t",
        "(3)",
        "-",
        "T",
        "F",
        "9" * 30,
        "[",
        "=",
    ),
    *("_cell_length_a", "save_", "\\", "{", "}", ":", "\0", "\r", "[]", "1e-9", "1e17"),
]

profile = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def assert_answered(path):
    """A crystal, or an error of the kinds that callers expect, with the file's name."""
    failure = None
    try:
        crystal = read(path)
    except (ValueError, OSError) as error:
        failure = error
    if failure is not None:
        assert path.name in str(failure)
        return
    assert isinstance(crystal, Crystal)
    assert np.isfinite(crystal.positions).all()
    for _, item in read_each(path):
        assert isinstance(item, Crystal) or path.name in str(item)


@pytest.mark.parametrize("name", SOUND)
def test_sound_files_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_text(SOUND[name])
    assert set(read(path).symbols) == {"Na", "Cl"}


@pytest.mark.parametrize("name", SOUND)
def test_mutated_file_is_answered(tmp_path, name):
    text = SOUND[name]
    places = st.integers(0, len(text))
    change = st.tuples(places, st.integers(0, 8), st.sampled_from(PIECES))

    @profile
    @given(st.lists(change, min_size=1, max_size=3))
    def mutated(changes):
        changed = text
        for start, length, piece in changes:
            changed = changed[:start] + piece + changed[start + length :]
        path = tmp_path / name
        path.write_text(changed, encoding="utf-8", newline="")
        assert_answered(path)

    mutated()


@pytest.mark.parametrize("name", SOUND)
def test_shuffled_lines_are_answered(tmp_path, name):
    lines = SOUND[name].splitlines(keepends=True)

    @profile
    @given(st.lists(st.sampled_from(lines), max_size=2 * len(lines)))
    def shuffled(chosen):
        path = tmp_path / name
        path.write_text("".join(chosen))
        assert_answered(path)

    shuffled()


@pytest.mark.parametrize("name", ["x.cif", "POSCAR", "x.extxyz", "x.xyz", "x.vasp"])
def test_bytes_are_answered(tmp_path, name):
    @profile
    @given(st.binary(max_size=200))
    def random_bytes(content):
        path = tmp_path / name
        path.write_bytes(content)
        assert_answered(path)

    random_bytes()


@pytest.mark.parametrize("name", SOUND)
def test_file_cut_anywhere_is_answered(tmp_path, name):
    path = tmp_path / name
    for end in range(0, len(SOUND[name]), 3):
        path.write_text(SOUND[name][:end])
        assert_answered(path)
