"""Elements and isotopes as files name them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals.species import (
    isotope_symbol,
    masses_of,
    require_certain,
    species,
)
from tests.crystals.cif_text import (
    ROCK_SALT,
    cif,
)

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


@pytest.mark.parametrize("symbol", ["Xx", "Na/K", "NaK", "13Au", "", "X"])
def test_what_names_no_single_element_is_refused(symbol):
    with pytest.raises(ValueError, match=r"."):
        species(symbol)


def test_capitals_that_may_be_two_elements_are_refused():
    with pytest.raises(ValueError, match="may be Co, or C with a mark"):
        require_certain("CO")
    require_certain("Co")
    require_certain("NA")  # no element A


def test_isotopes_of_hydrogen_are_told_by_their_mass():
    assert isotope_symbol(1, 2.0141) == "D"
    assert isotope_symbol(1, 3.016) == "T"
    assert isotope_symbol(1, 1.008) == "H"
    assert isotope_symbol(8, 2.0141) == "O"


def test_masses_are_given_where_one_is_of_an_isotope():
    assert masses_of([species("O"), species("H")]) is None
    found = masses_of([species("O"), species("D")])
    assert_allclose(found, [15.999, 2.0141], atol=1e-4)  # digits above
