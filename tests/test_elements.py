"""Elements: names and masses of the periodic table, places in a model's species."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.elements import (
    N_ELEMENTS,
    atomic_number,
    masses,
    species_index,
    symbols,
)


def test_symbols_and_numbers_are_inverse_over_the_table():
    numbers = tuple(range(1, N_ELEMENTS))
    assert [atomic_number(symbol) for symbol in symbols(numbers)] == list(numbers)
    assert symbols((1, 14, 92)) == ["H", "Si", "U"]


@pytest.mark.parametrize("symbol", ["X", "si", "", "Xx", "14"])
def test_what_is_no_symbol_is_refused(symbol):
    with pytest.raises(ValueError, match="chemical symbol such as 'Si'"):
        atomic_number(symbol)


def test_masses_are_those_of_iupac():
    # amu, to the digits of the abridged table of 2016.
    found = masses(np.array([1, 8, 14, 79]))
    assert_allclose(found, [1.008, 15.999, 28.085, 196.967], atol=5e-4)


def test_species_are_places_in_the_list_and_padding_is_the_first():
    index = species_index(np.array([14, 8, 0, 14]), (8, 14))
    assert_array_equal(index, [1, 0, 0, 1])
