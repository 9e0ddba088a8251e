"""What a CIF states is what is read; what it leaves open or contradicts is refused."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import read, read_all, read_each, space_group
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import (
    ROCK_SALT,
    SALT,
    cif,
    operations_loop,
    shortest,
)

SPINEL = ("Mg Mg 0.125 0.125 0.125", "Al Al 0.5 0.5 0.5", "O O 0.2624 0.2624 0.2624")
SPINEL_FORMULA = ("_chemical_formula_sum 'Al2 Mg O4'", "_cell_formula_units_Z 8")
SPINEL_CELL = (8.08, 8.08, 8.08, 90, 90, 90)
SPECIAL_HCP = (2.95, 2.95, 4.68, 90, 90, 120)


def formula(crystal):
    return dict(Counter(crystal.symbols))


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
