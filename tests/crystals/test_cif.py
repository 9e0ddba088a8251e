"""What a CIF states is what is read; what it leaves open or contradicts is refused."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import neighbors, read, read_all, read_each, space_group
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import (
    MONOCLINIC,
    ROCK_SALT,
    SALT,
    cif,
    operations_loop,
)

SPINEL = ("Mg Mg 0.125 0.125 0.125", "Al Al 0.5 0.5 0.5", "O O 0.2624 0.2624 0.2624")
SPINEL_FORMULA = ("_chemical_formula_sum 'Al2 Mg O4'", "_cell_formula_units_Z 8")
SPINEL_CELL = (8.08, 8.08, 8.08, 90, 90, 90)
LABELS = ("label", "fract_x", "fract_y", "fract_z")
WITH_OCCUPANCY = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
FORMULA = "_chemical_formula_sum '{}'"
RHOMBOHEDRAL = (10.473, 10.473, 10.473, 24.167, 24.167, 24.167)
BISMUTH_TELLURIDE = ("Bi Bi 0.4 0.4 0.4", "Te1 Te 0 0 0", "Te2 Te .2097 .2097 .2097")
SPECIAL_HCP = (2.95, 2.95, 4.68, 90, 90, 120)


@pytest.fixture
def load(tmp_path):
    def load(text, **options):
        path = tmp_path / "x.cif"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, **options)

    return load


def formula(crystal):
    return dict(Counter(crystal.symbols))


def shortest(crystal):
    edges = neighbors(crystal, 3.5)
    x = np.asarray(crystal.positions)
    steps = x[edges.senders] + edges.shifts @ crystal.cell - x[edges.receivers]
    return np.linalg.norm(steps, axis=1).min()


# Shortest distances follow from the operations in spglib's table of settings, applied
# by hand; to the digits printed.
SETTINGS = {
    "origin 2 by suffix": ("_symmetry_space_group_name_H-M 'F d -3 m :2'",),
    "origin 2 as ICSD writes": ("_symmetry_space_group_name_H-M 'F d -3 m Z'",),
    "origin 2 by Hall symbol": (
        "_symmetry_space_group_name_Hall '-F 4vw 2vw 3'",
        "_symmetry_space_group_name_H-M 'F d -3 m'",
    ),
    "origin 2 by code": (
        "_space_group_name_H-M_alt 'F d -3 m'",
        "_space_group.IT_coordinate_system_code 2",
    ),
    "origin from the formula": ("_symmetry_space_group_name_H-M 'F d -3 m'",),
    "old symbol": ("_symmetry_space_group_name_H-M 'F d 3 m'",),
    "full symbol": ("_space_group_name_H-M_full 'F 41/d -3 2/m'",),
    "number": ("_symmetry_Int_Tables_number 227",),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_spinel_is_read_in_the_origin_stated(load, name):
    text = cif(*SPINEL_FORMULA, *SETTINGS[name], cell=SPINEL_CELL, sites=SPINEL)
    crystal = load(text)
    assert formula(crystal) == {"Mg": 8, "Al": 16, "O": 32}
    assert_allclose(shortest(crystal), 1.923, atol=5e-4)


@pytest.mark.parametrize("suffix", ["", ":R", " R", " :r", " RS"])
def test_rhombohedral_axes_are_told_by_the_cell_or_the_suffix(load, suffix):
    symbol = f"_symmetry_space_group_name_H-M 'R -3 m{suffix}'"
    crystal = load(cif(symbol, cell=RHOMBOHEDRAL, sites=BISMUTH_TELLURIDE))
    assert formula(crystal) == {"Bi": 2, "Te": 3}
    assert_allclose(shortest(crystal), 3.070, atol=5e-4)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("P 21/n", 2.555),
        ("P 1 21/n 1", 2.555),
        ("P2_1/n", 2.555),
        ("P 21/c", 2.641),
        ("I 2/a", 1.150),
        ("I 1 2/a 1", 1.150),
    ],
)
@pytest.mark.parametrize("numbered", [True, False])
def test_monoclinic_setting_is_that_of_the_symbol(load, symbol, expected, numbered):
    number = 15 if symbol[0] == "I" else 14
    lines = [f"_symmetry_space_group_name_H-M '{symbol}'"]
    lines += [f"_symmetry_Int_Tables_number {number}"] * numbered
    sites = ("Cu Cu 0.1 0.2 0.3", "O O 0.6 0.3 0.15")
    crystal = load(cif(*lines, cell=MONOCLINIC, sites=sites))
    assert_allclose(shortest(crystal), expected, atol=5e-4)


@pytest.mark.parametrize(
    "line",
    [
        "_space_group_name_Hall '-F 4 2 3'",
        "_space_group_name_H-M_alt 'F m -3 m'",
        "_symmetry_space_group_name_H-M 'F m 3 m'",
        "_symmetry_space_group_name_H-M Fm-3m",
        "_symmetry_space_group_name_H-M 'fm-3m'",
        "_space_group_IT_number 225",
    ],
)
def test_rock_salt_is_read_however_its_group_is_stated(load, line):
    crystal = load(cif(line))
    assert formula(crystal) == {"Na": 4, "Cl": 4}
    assert space_group(crystal).number == 225


def test_single_operation_outside_a_loop_is_read(load):
    crystal = load(cif("_symmetry_equiv_pos_as_xyz x,y,z"))
    assert formula(crystal) == {"Na": 1, "Cl": 1}


def test_unique_axis_of_a_short_symbol_follows_the_cell(load):
    symbol = "_symmetry_space_group_name_H-M 'P 21/m'"
    cell = (5.1, 6.2, 7.3, 90, 90, 101.5)
    crystal = load(cif(symbol, cell=cell, sites=["Cu Cu 0.1 0.2 0.25"]))
    assert formula(crystal) == {"Cu": 2}
    assert_allclose(crystal.fractional[:, 2], [0.25, 0.75])  # on the mirror of axis c


SPECIES = {
    "NA": 11,
    "na": 11,
    "Na1+": 11,
    "Na+": 11,
    "NA+1": 11,
    "CO": 27,
    "o2-": 8,
    "Co3": 27,
    "Cl-1": 17,
    "FE3+": 26,
}


@pytest.mark.parametrize("symbol", SPECIES)
def test_type_symbol_may_have_any_case_and_a_charge(load, symbol):
    crystal = load(cif(ROCK_SALT, sites=[f"a1 {symbol} 0 0 0"]))
    assert set(crystal.numbers.tolist()) == {SPECIES[symbol]}


@pytest.mark.parametrize(
    ("symbol", "mass"), [("D", 2.0141), ("d1+", 2.0141), ("T", 3.0160), ("2H", 2.0141)]
)
def test_isotope_of_hydrogen_keeps_its_mass(load, symbol, mass):
    crystal = load(cif(ROCK_SALT, sites=["Li Li 0 0 0", f"x {symbol} 0.5 0.5 0.5"]))
    assert set(crystal.symbols) == {"Li", "H"}
    assert_allclose(np.asarray(crystal.masses)[-1], mass, atol=1e-4)  # digits above
    assert_allclose(np.asarray(crystal.masses)[0], 6.94, atol=1e-4)


def test_other_isotopes_have_masses_too(load):
    crystal = load(cif(ROCK_SALT, sites=["C1 13C 0 0 0"]))
    assert_allclose(crystal.masses, 13.00335, atol=1e-5)  # digits given


LABELLED = [
    ("NA1", "CL1", None, {"Na", "Cl"}),
    ("Na1", "Cl2A", None, {"Na", "Cl"}),
    ("Co1", "Sn1", None, {"Co", "Sn"}),
    ("CO1", "SN1", "Co Sn", {"Co", "Sn"}),
    ("CO1", "SN1", "C S", {"C", "S"}),
    ("CA1", "O1", "C O", {"C", "O"}),
    ("NA", "Cl(1)", None, {"Na", "Cl"}),
    ("Li1", "D1", None, {"Li", "H"}),
    ("C1", "Ow1", None, {"C", "O"}),
    ("Ho1", "C1", "C H", {"C", "H"}),
]


@pytest.mark.parametrize(("first", "second", "sum_formula", "expected"), LABELLED)
def test_label_names_the_element(load, first, second, sum_formula, expected):
    lines = [ROCK_SALT] + ([FORMULA.format(sum_formula)] if sum_formula else [])
    sites = [f"{first} 0 0 0", f"{second} 0.5 0.5 0.5"]
    crystal = load(cif(*lines, sites=sites, columns=LABELS))
    assert set(crystal.symbols) == expected


@pytest.mark.parametrize(
    "label", ["CO1", "SN1", "co1", "M1", "T1", "Wat1", "X1", "1", "Wa1", "Q", "HO1"]
)
def test_label_of_no_or_several_elements_is_refused(load, label):
    with pytest.raises(CrystalFileError, match="label must name one element"):
        load(cif(ROCK_SALT, sites=[f"{label} 0 0 0"], columns=LABELS))


@pytest.mark.parametrize(
    "places",
    [
        "0.333 0.667 0.25",
        "0.3333 0.6667 0.25",
        "0.33 0.67 0.25",
        "0.3333(2) 0.6666 1/4",
        "0.33300 0.66700 0.2500",
        "1/3 2/3 0.25",
    ],
)
def test_rounded_special_position_is_merged_and_made_exact(load, places):
    symbol = "_symmetry_space_group_name_H-M 'P 63/m m c'"
    crystal = load(cif(symbol, cell=SPECIAL_HCP, sites=[f"Ti Ti {places}"]))
    expected = [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]]
    places = np.asarray(crystal.fractional)
    assert_allclose(places[np.argsort(places[:, 0])], expected, atol=1e-12)  # round-off


def test_general_position_near_a_special_one_stays(load):
    symbol = "_symmetry_space_group_name_H-M 'P -1'"
    crystal = load(cif(symbol, cell=(9,) * 3 + (90,) * 3, sites=["H H 0.04 0.0 0.0"]))
    assert crystal.n_atoms == 2


def test_quartz_with_rounded_height_has_nine_atoms(load):
    symbol = "_symmetry_space_group_name_H-M 'P 32 2 1'"
    sites = ("Si Si 0.47 0 0.667", "O O 0.414 0.267 0.786")
    crystal = load(cif(symbol, cell=(4.9, 4.9, 5.4, 90, 90, 120), sites=sites))
    assert formula(crystal) == {"Si": 3, "O": 6}
    assert space_group(crystal, 1e-5).number == 154  # z is exactly 2/3


MAGNETIC = """loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,z,+1
3 -x,-y,-z,-1
4 x,y,-z,-1
loop_
_space_group_symop_magn_centering.id
_space_group_symop_magn_centering.xyz
1 x,y,z,+1
2 x,y,z+1/2,-1
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_z
Mn1 4.5"""


def test_magnetic_cif_is_read_as_its_crystal(load, caplog):
    sites = ("Mn1 Mn 0 0 0", "O1 O 0.5 0.5 0.1")
    crystal = load(cif(MAGNETIC, cell=(4, 4, 8, 90, 90, 90), sites=sites))
    assert formula(crystal) == {"Mn": 2, "O": 4}
    assert "moments are not kept" in caplog.text


def test_magnetic_cif_without_operations_is_refused(load):
    with pytest.raises(CrystalFileError, match="needs its operations"):
        load(cif("_space_group_magn.number_BNS 123.349"))


@pytest.mark.parametrize("occupancy", [".", "?", "1", "1.0", "1.000(3)"])
def test_occupancy_that_is_not_given_is_one(load, occupancy):
    sites = [f"{site} {occupancy}" for site in SALT]
    crystal = load(cif(ROCK_SALT, sites=sites, columns=WITH_OCCUPANCY))
    assert formula(crystal) == {"Na": 4, "Cl": 4}


ENCODINGS = {
    "byte order mark": lambda t: t.encode("utf-8-sig"),
    "utf-16": lambda t: t.encode("utf-16"),
    "latin-1": lambda t: ("# Åström\n" + t).encode("latin-1"),
    "windows lines": lambda t: t.replace("\n", "\r\n").encode(),
    "old mac lines": lambda t: t.replace("\n", "\r").encode(),
    "comment first": lambda t: ("#\\#CIF_1.1\n# x\n" + t).encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_of_text_are_read(load, encoding):
    crystal = load(ENCODINGS[encoding](cif(ROCK_SALT)))
    assert formula(crystal) == {"Na": 4, "Cl": 4}


def test_blocks_are_chosen_by_name_or_number(tmp_path):
    path = tmp_path / "several.cif"
    other = cif(ROCK_SALT, name="KCl", sites=("K K 0 0 0", SALT[1]))
    bad = cif(ROCK_SALT, name="bad", sites=("K K 0 0 ?",))
    path.write_text("data_global\n_x 1\n" + cif(ROCK_SALT, name="NaCl") + other + bad)
    assert set(read(f"{path}#NaCl").symbols) == {"Na", "Cl"}
    assert set(read(f"{path}#kcl").symbols) == {"K", "Cl"}
    assert set(read(f"{path}#1").symbols) == {"K", "Cl"}
    assert set(read(path, 0).symbols) == {"Na", "Cl"}
    with pytest.raises(CrystalFileError, match=r"block 'bad', line .* site K"):
        read_all(path)
    with pytest.raises(CrystalFileError, match=r"'LiCl'.*\['NaCl', 'KCl', 'bad'\]"):
        read(f"{path}#LiCl")
    found = dict(read_each(path))
    assert [found[i].n_atoms for i in (0, 1)] == [8, 8]
    assert isinstance(found[2], CrystalFileError)


def test_formula_of_the_cell_passes_as_pymatgen_writes_it(load):
    lines = (FORMULA.format("Na4 Cl4"), "_cell_formula_units_Z 4")
    assert load(cif(ROCK_SALT, *lines)).n_atoms == 8


def test_deuterium_counts_as_hydrogen_in_the_formula(load):
    sites = ("Li Li 0 0 0", "D1 D 0.5 0.5 0.5")
    lines = (FORMULA.format("H Li"), "_cell_formula_units_Z 4")
    assert load(cif(ROCK_SALT, *lines, sites=sites)).n_atoms == 8


def test_close_atoms_are_read_on_demand_only(load):
    text = cif("_space_group_name_H-M_alt 'P 1'", sites=[*SALT, "H H 0.5 0.5 0.6"])
    with pytest.raises(CrystalFileError, match=r"0\.564 Å apart.*allow_close=True"):
        load(text)
    assert load(text, allow_close=True).n_atoms == 3


def test_operations_of_another_origin_than_the_table_are_kept(load):
    triplets = ["x,y,z", "-x+1/4,-y,-z"]
    lines = ("_space_group_name_H-M_alt 'P -1'", operations_loop(triplets))
    crystal = load(cif(*lines, sites=["Na Na 0.3 0.1 0.2"]))
    assert_allclose(crystal.fractional[1], [0.95, 0.9, 0.8])
