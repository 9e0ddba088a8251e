"""Extended XYZ: periodicity as meant, isotopes, and frames that spoil no other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, read, read_all, read_each, write
from matjax.crystals.xyz import Frame, frame_values, frames
from matjax.errors import CrystalFileError

LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4"'
GOOD = f"1\n{LATTICE}\nSi 0 0 0\n"


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "x.extxyz"
        path.write_text(text)
        return read(path)

    return load


@pytest.mark.parametrize(
    ("pbc", "expected"),
    [
        ('pbc="T T F"', (True, True, False)),
        ('pbc=["F","F","F"]', (False,) * 3),
        ('pbc=["T","T","F"]', (True, True, False)),
        ("pbc=[F,F,T]", (False, False, True)),
        ('pbc="false false true"', (False, False, True)),
        ('pbc="0 1 0"', (False, True, False)),
        ("pbc=F", (False,) * 3),
        ("pbc=['True', 'False', 'True']", (True, False, True)),
        ("", (True,) * 3),
    ],
)
def test_periodicity_is_what_the_words_say(load, pbc, expected):
    assert load(f"1\n{LATTICE} {pbc}\nSi 0 0 0\n").pbc == expected


@pytest.mark.parametrize("pbc", ['pbc="maybe"', "pbc=[T,F]", 'pbc=""', "pbc=2"])
def test_periodicity_of_other_words_is_refused(load, pbc):
    with pytest.raises(CrystalFileError, match=r"x\.extxyz: pbc must be"):
        load(f"1\n{LATTICE} {pbc}\nSi 0 0 0\n")


@pytest.mark.parametrize("properties", ["", "Properties=species:S:1:pos:R:3"])
def test_isotopes_keep_their_masses(load, properties):
    crystal = load(f"2\n{LATTICE} {properties}\nD 0 0 0\nT 2 2 2\n")
    assert crystal.symbols == ["H", "H"]
    assert_allclose(crystal.masses, [2.0141, 3.0160], atol=1e-4)  # digits given


def test_masses_are_written_and_read_again(tmp_path):
    crystal = Crystal.create(
        ["Si", "H"],
        4 * np.eye(3),
        positions=[[0, 0, 0], [2, 2, 2]],
        masses=[30, 2.0141],
    )
    write(tmp_path / "x.extxyz", crystal)
    assert_allclose(read(tmp_path / "x.extxyz").masses, [30, 2.0141], atol=1e-8)


def test_one_bad_frame_spoils_no_other(tmp_path):
    path = tmp_path / "x.extxyz"
    bad = [
        GOOD.replace("Si", "Qq"),
        GOOD.replace("Si 0", "Si nan"),
        GOOD.replace("0 0 0\n", "0 0\n"),
        f"2\n{LATTICE}\nSi 0 0 0\nSi 0 0 0.1\n",
    ]
    path.write_text(GOOD + GOOD.join(bad) + GOOD)
    found = list(read_each(path))
    assert [i for i, _ in found] == list(range(9))
    for i, item in found:
        assert isinstance(item, Crystal if i % 2 == 0 else CrystalFileError)
        if i % 2:
            assert f"x.extxyz, structure {i}: " in str(item)
    assert read(path).n_atoms == 1
    with pytest.raises(CrystalFileError, match="structure 1: "):
        read_all(path)


def test_frames_are_read_as_they_are_asked_for():
    def lines():
        for number in range(3):
            yield from GOOD.splitlines()
            taken.append(number)

    taken = []
    following = frames(lines())
    assert next(following).lines == GOOD.splitlines()
    assert taken == [0]  # and the next line, which may belong to the frame
    assert len(list(following)) == 2


def test_blank_lines_between_frames_are_none(tmp_path):
    path = tmp_path / "x.extxyz"
    path.write_text(GOOD + "\n\n" + GOOD + "\n")
    assert len(read_all(path)) == 2
    path.write_text("\n\n")
    with pytest.raises(CrystalFileError, match="holds no structure"):
        read_all(path)


def test_values_of_a_frame_are_known_though_it_is_no_crystal():
    lines = ["1", f"{LATTICE} id=mp-7 energy=-3.5", "Si nan 0 0"]
    values = frame_values(Frame(lines))
    assert (values["id"], values["energy"]) == ("mp-7", -3.5)
    assert frame_values(Frame([], "cut short")) == {}


BAD = {
    "cut short": (GOOD + f"2\n{LATTICE}\nSi 0 0 0\n", "must have 2 atoms"),
    "no comment": ("1\n", "must have 1 atoms"),
    "no count": ("hello\n\nSi 0 0 0\n", "number of atoms"),
    "negative count": (f"-1\n{LATTICE}\nSi 0 0 0\n", "number of atoms"),
    "count of 10^15": (f"1{'0' * 15}\n{LATTICE}\nSi 0 0 0\n", "number of atoms"),
    "count of 10^9": (f"1{'0' * 9}\n{LATTICE}\nSi 0 0 0\n", "must have"),
    "surplus atom": (GOOD + "Si 1 1 1\n", "number of atoms"),
    "no positions": (
        f"1\n{LATTICE} Properties=species:S:1:forces:R:3\nSi 0 0 0\n",
        "must hold the positions",
    ),
    "eight numbers": ('1\nLattice="4 0 0 0 4 0 0 0"\nSi 0 0 0\n', "x.extxyz"),
    "lattice of words": ('1\nLattice="a b c"\nSi 0 0 0\n', "x.extxyz"),
    "lattice nan": ('1\nLattice="nan 0 0 0 4 0 0 0 4"\nSi 0 0 0\n', "finite"),
    "flat lattice": ('1\nLattice="4 0 0 4 0 0 0 0 4"\nSi 0 0 0\n', "volume"),
    "thin lattice": (
        '1\nLattice="4 0 0 0 4 0 0 0 1e-8"\nSi 0 0 0\n',
        "must reach|volume",
    ),
    "tiny lattice": (
        '1\nLattice="1e-3 0 0 0 1e-3 0 0 0 1e-3"\nSi 0 0 0\n',
        "must reach",
    ),
    "huge lattice": ('1\nLattice="1e6 0 0 0 5 0 0 0 5"\nSi 0 0 0\n', "within"),
    "periodic without lattice": ('1\npbc="T T T"\nSi 0 0 0\n', "cell vector"),
    "three masses": (
        f"1\n{LATTICE} Properties=species:S:1:pos:R:3:masses:R:1\nSi 0 0 0 -5\n",
        "masses must be positive",
    ),
    "unknown property": (
        f"1\n{LATTICE} Properties=species:S:1:pos:Q:3\nSi 0 0 0\n",
        "positions",
    ),
    "binary": ("\0\1\2", "x.extxyz"),
    "element in capitals": (f"1\n{LATTICE}\nCO 0 0 0\n", "may be Co, or C"),
    "far away": (GOOD.replace("0 0 0\n", "1e17 0 0\n"), "within"),
    "atoms in one another": (f"2\n{LATTICE}\nSi 0 0 0\nSi 4 4 3.9\n", "apart"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_frame_is_refused_with_file_and_reason(load, name):
    text, reason = BAD[name]
    with pytest.raises(CrystalFileError, match=r"x\.extxyz") as caught:
        load(text)
    caught.match(reason)
