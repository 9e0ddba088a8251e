"""Space groups that a block states, in any of the ways."""

from collections import Counter

import pytest
from numpy.testing import assert_allclose

from matjax.crystals import space_group
from tests.crystals.cif_text import (
    MONOCLINIC,
    cif,
    shortest,
)

RHOMBOHEDRAL = (10.473, 10.473, 10.473, 24.167, 24.167, 24.167)


BISMUTH_TELLURIDE = ("Bi Bi 0.4 0.4 0.4", "Te1 Te 0 0 0", "Te2 Te .2097 .2097 .2097")


def formula(crystal):
    return dict(Counter(crystal.symbols))


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
