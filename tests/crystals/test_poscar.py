"""POSCARs: fixed atoms and scale factors are kept; what VASP 5 has not is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, read, write
from matjax.errors import CrystalFileError

CELL = "4.0 0 0\n0 5.0 0\n0 0 6.0\n"
ATOMS = "0 0 0\n0.5 0.5 0.5\n0.25 0.5 0.75\n"


def poscar(
    *,
    comment="x",
    scale="1.0",
    cell=CELL,
    elements="Na Cl\n",
    counts="1 2",
    mode="Direct",
    atoms=ATOMS,
    rest="",
):
    return f"{comment}\n{scale}\n{cell}{elements}{counts}\n{mode}\n{atoms}{rest}"


@pytest.fixture
def load(tmp_path):
    def load(text, **options):
        path = tmp_path / "POSCAR"
        path.write_text(text)
        return read(path, **options)

    return load


def test_fixed_atoms_are_kept(load):
    crystal = load(
        poscar(
            mode="Selective dynamics\nDirect",
            atoms="0 0 0 F F F\n.5 .5 .5 T T T\n.25 .5 .75 .FALSE. .FALSE. f\n",
        )
    )
    assert crystal.fixed.tolist() == [True, False, True]


def test_atoms_fixed_along_cell_vectors_are_kept(load):
    crystal = load(
        poscar(
            mode="Selective\nDirect",
            atoms="0 0 0 T T F\n.5 .5 .5 T T T\n0 0 .5 F T T\n",
        )
    )
    expected = [[False, False, True], [False] * 3, [True, False, False]]
    assert crystal.fixed.tolist() == expected


def test_free_atoms_fix_nothing(load):
    atoms = "0 0 0 T T T\n.5 .5 .5 T T T\n.25 .5 .75 T T T\n"
    assert load(poscar(mode="S\nD", atoms=atoms)).fixed is None


@pytest.mark.parametrize(
    ("scale", "lengths"),
    [
        ("1.0", (4, 5, 6)),
        ("2", (8, 10, 12)),
        ("-960", (8, 10, 12)),
        ("-120.0d0", (4, 5, 6)),
        ("1 2 1.5", (4, 10, 9)),
        ("1.0 ! Angstrom", (4, 5, 6)),
    ],
)
def test_scale_factor_may_be_a_volume_or_three(load, scale, lengths):
    crystal = load(poscar(scale=scale))
    assert_allclose(np.diag(crystal.cell), lengths, rtol=1e-12)  # round-off
    cartesian = load(
        poscar(scale=scale, mode="Cartesian", atoms="0 0 0\n2 2 2\n1 3 4\n")
    )
    expected = np.array([2, 2, 2]) * np.array(lengths) / [4, 5, 6]
    assert_allclose(cartesian.positions[1], expected, rtol=1e-12)  # round-off


@pytest.mark.parametrize("elements", ["Na Cl", "Na_pv Cl_h", "Na/12ab Cl/3f", "NA CL"])
def test_elements_may_be_names_of_potentials(load, elements):
    assert load(poscar(elements=elements + "\n")).symbols == ["Na", "Cl", "Cl"]


def test_deuterium_keeps_its_mass(load):
    crystal = load(poscar(elements="Na D\n"))
    assert crystal.symbols == ["Na", "H", "H"]
    assert_allclose(crystal.masses[1:], 2.0141, atol=1e-4)  # digits given


@pytest.mark.parametrize(
    ("comment", "symbols"),
    [
        ("Na Cl", ["Na", "Cl", "Cl"]),
        ("NaCl2", ["Na", "Cl", "Cl"]),
        ("  Na  Cl2 ", ["Na", "Cl", "Cl"]),
    ],
)
def test_comment_of_vasp_4_may_name_the_elements(load, comment, symbols):
    assert load(poscar(comment=comment, elements="")).symbols == symbols


def test_velocities_are_left_aside(load):
    rest = "\n0.1 0 0\n0 0 0\n0 0 0.2\n"
    assert load(poscar(rest=rest)).n_atoms == 3
    rest = "Lattice velocities and vectors\n1\n0 0 0\n0 0 0\n0 0 0\n"
    assert load(poscar(rest=rest)).n_atoms == 3
    assert load(poscar(rest="\n\n")).n_atoms == 3


BAD = {
    "prose": (dict(comment="In the cell: He says", elements=""), "name its elements"),
    "formula against counts": (dict(comment="Na2Cl", elements=""), "name its elements"),
    "one element for two": (dict(comment="Na", elements=""), "name its elements"),
    "lower case comment": (dict(comment="na cl", elements=""), "name its elements"),
    "empty comment": (dict(comment="", elements=""), "name its elements"),
    "symbols without counts": (dict(counts=""), "followed by their numbers"),
    "counts of words": (dict(counts="one two"), "followed by their numbers"),
    "fewer counts": (dict(counts="3"), "needs one number"),
    "more counts": (dict(counts="1 1 1"), "needs one number"),
    "negative count": (dict(counts="-1 2"), "followed by their numbers"),
    "count 0": (dict(counts="0 3"), "must be positive"),
    "count of a billion": (dict(counts="1 1000000000"), "it ends"),
    "unknown element": (dict(elements="Na Xx\n"), "one known element"),
    "element in capitals": (dict(elements="Na CO\n"), "may be Co, or C"),
    "vacancy": (dict(elements="Na X\n"), "one known element"),
    "surplus atom": (dict(rest="0.1 0.1 0.1\n"), "1 more lines"),
    "surplus atom below a blank line": (dict(rest="\n0.1 0.1 0.1\n"), "1 more lines"),
    "missing atom": (dict(atoms="0 0 0\n0.5 0.5 0.5\n"), "atom 2 of 3.*it ends"),
    "coordinate nan": (dict(atoms="0 0 nan\n.5 .5 .5\n.2 .5 .7\n"), "finite numbers"),
    "coordinate inf": (dict(atoms="0 0 inf\n.5 .5 .5\n.2 .5 .7\n"), "finite numbers"),
    "coordinate of words": (
        dict(atoms="0 0 a\n.5 .5 .5\n.2 .5 .7\n"),
        "finite numbers",
    ),
    "two coordinates": (dict(atoms="0 0\n.5 .5 .5\n.2 .5 .7\n"), "finite numbers"),
    "far coordinate": (dict(atoms="0 0 1e17\n.5 .5 .5\n.2 .5 .7\n"), "within"),
    "scale 0": (dict(scale="0"), "scale factor must be positive"),
    "scale nan": (dict(scale="nan"), "finite numbers"),
    "scale of words": (dict(scale="abc"), "finite numbers"),
    "three scales, one negative": (dict(scale="1 -1 1"), "must be positive"),
    "volume of a flat cell": (
        dict(scale="-100", cell="1 0 0\n2 0 0\n0 0 1\n"),
        "must be positive",
    ),
    "flat cell": (dict(cell="1 0 0\n2 0 0\n0 0 1\n"), "span a volume"),
    "cell nan": (dict(cell="nan 0 0\n0 5 0\n0 0 6\n"), "finite numbers"),
    "cell of two numbers": (dict(cell="4 0\n0 5 0\n0 0 6\n"), "finite numbers"),
    "tiny cell": (dict(scale="1e-5"), "must reach at most"),
    "huge cell": (dict(scale="1e6"), "within"),
    "cell in nanometers": (dict(scale="0.1"), "apart"),
    "no mode": (dict(mode="0 0 0"), "Direct or Cartesian"),
    "selective without flags": (dict(mode="Selective\nDirect"), "three of T and F"),
    "selective with wrong flags": (
        dict(mode="Selective\nDirect", atoms="0 0 0 1 2 3\n"),
        "three of T and F",
    ),
    "selective without mode": (dict(mode="Selective"), "Direct or Cartesian"),
    "atoms on one place": (dict(atoms="0 0 0\n0 0 0\n.5 .5 .5\n"), "apart"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_poscar_is_refused_with_file_and_reason(load, name):
    changes, reason = BAD[name]
    with pytest.raises(CrystalFileError, match="POSCAR") as caught:
        load(poscar(**changes))
    caught.match(reason)


@pytest.mark.parametrize("n_lines", range(1, 10))
def test_poscar_cut_short_is_refused(load, n_lines):
    lines = poscar().splitlines()[:n_lines]
    with pytest.raises(CrystalFileError, match="POSCAR"):
        load("\n".join(lines))


@pytest.mark.parametrize(
    "fixed", [[True, False], [[True, False, False], [False, True, True]]]
)
@pytest.mark.parametrize("name", ["POSCAR", "x.extxyz", "x.traj", "x.json"])
def test_fixed_atoms_are_written_and_read_again(tmp_path, name, fixed):
    crystal = Crystal.create(
        ["Na", "Cl"],
        np.diag([4.0, 5.0, 6.0]),
        fractional=[[0, 0, 0], [0.5, 0.5, 0.5]],
        fixed=fixed,
    )
    write(tmp_path / name, crystal)
    assert read(tmp_path / name).fixed.tolist() == fixed
