"""Whether samples are crystals that could be."""

import pytest

from matjax.generate.evaluate import (
    is_valid,
    is_valid_composition,
    is_valid_structure,
    validity,
)
from tests.generate.evaluate.perovskites import NUMBERS, SITES, perovskite


def test_a_structure_is_valid_unless_atoms_meet_or_the_cell_is_empty():
    assert is_valid_structure(perovskite())
    assert not is_valid_structure(perovskite(a=0.6))
    close = SITES.copy()
    close[1] = [0.01, 0, 0]
    assert not is_valid_structure(perovskite(sites=close))
    close[1] = [0, 0, 0]
    assert not is_valid_structure(perovskite(sites=close))


@pytest.mark.parametrize(
    ("numbers", "valid"),
    [
        (NUMBERS, True),  # Sr2+ Ti4+ O2-
        ([11, 17], True),
        ([11, 17, 17], False),  # Na has no state 2+
        ([14], True),
        ([28, 13, 13], True),  # an alloy
        ([2, 9], False),  # helium has no states
    ],
)
def test_compositions_are_valid_that_can_be_neutral(numbers, valid):
    pytest.importorskip("smact")
    assert is_valid_composition(numbers) is valid


def test_shares_of_valid_samples_count_what_is_no_crystal():
    pytest.importorskip("smact")
    found = validity([perovskite(), perovskite(0.6), None, perovskite(4.0)])
    assert found["validity_structure_percent"] == 50.0
    assert found["validity_composition_percent"] == 75.0
    with pytest.raises(ValueError, match="at least one sample"):
        validity([])


def test_a_sample_is_valid_in_structure_and_composition():
    pytest.importorskip("smact")
    assert is_valid(perovskite())
    assert not is_valid(perovskite(a=0.6))
    assert not is_valid(perovskite(numbers=[2, 2, 9, 9, 9]))
    assert not is_valid(None)
