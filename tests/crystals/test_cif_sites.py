"""Sites of a block: elements by label, occupancies, the formula."""

from collections import Counter

import pytest
from numpy.testing import assert_allclose

from matjax.crystals.cif_sites import as_elements, hill, number
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import (
    ROCK_SALT,
    SALT,
    cif,
)

LABELS = ("label", "fract_x", "fract_y", "fract_z")


WITH_OCCUPANCY = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")


FORMULA = "_chemical_formula_sum '{}'"


def formula(crystal):
    return dict(Counter(crystal.symbols))


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


@pytest.mark.parametrize("occupancy", [".", "?", "1", "1.0", "1.000(3)"])
def test_occupancy_that_is_not_given_is_one(load, occupancy):
    sites = [f"{site} {occupancy}" for site in SALT]
    crystal = load(cif(ROCK_SALT, sites=sites, columns=WITH_OCCUPANCY))
    assert formula(crystal) == {"Na": 4, "Cl": 4}


def test_formula_of_the_cell_passes_as_pymatgen_writes_it(load):
    lines = (FORMULA.format("Na4 Cl4"), "_cell_formula_units_Z 4")
    assert load(cif(ROCK_SALT, *lines)).n_atoms == 8


def test_deuterium_counts_as_hydrogen_in_the_formula(load):
    sites = ("Li Li 0 0 0", "D1 D 0.5 0.5 0.5")
    lines = (FORMULA.format("H Li"), "_cell_formula_units_Z 4")
    assert load(cif(ROCK_SALT, *lines, sites=sites)).n_atoms == 8


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("0.1250(3)", 0.125, 1e-4),
        ("-.25", -0.25, 1e-2),
        ("1/3", 1 / 3, 0.0),
        ("2", 2.0, 0.0),
    ],
)
def test_numbers_have_a_unit_of_their_last_digit(text, value, unit):
    assert_allclose(number(text), (value, unit), rtol=1e-12)


@pytest.mark.parametrize("text", ["?", ".", "x", "1/0", "", "1e", "nan"])
def test_what_is_no_number_of_a_cif_is_none(text):
    assert number(text) is None


def test_isotopes_count_as_hydrogen_among_elements():
    assert as_elements({"D": 2.0, "H": 1.0, "O": 1.0}) == {"H": 3, "O": 1}
    assert hill({"O": 1.0, "H": 2.5}) == "H2.5 O1"
