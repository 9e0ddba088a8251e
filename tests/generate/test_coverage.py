"""What a generator covers, and how it answers formulas outside of that."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate import Coverage
from matjax.generate.coverage import shortest_distance


def crystal(numbers, a):
    fractional = np.random.default_rng(0).random((len(numbers), 3))
    return Crystal.create(numbers, np.eye(3) * a, fractional=fractional)


COVERAGE = Coverage.of(
    [crystal([38, 22, 8, 8, 8], 3.9), crystal([22, 8, 8], 3.4)] * 2, "oxides"
)


def test_it_tells_what_the_crystals_are():
    assert COVERAGE.species == (8, 22, 38)
    assert COVERAGE.n_atoms == (3, 5)
    assert COVERAGE.shares == (0.5, 0.5)
    assert_allclose(COVERAGE.volumes, (3.9**3 / 5, 3.4**3 / 3))
    assert Coverage.model_validate_json(COVERAGE.model_dump_json()) == COVERAGE


def test_a_formula_and_a_number_of_units_make_the_atoms_of_a_cell():
    assert COVERAGE.atoms_of("SrTiO3").tolist() == [8, 8, 8, 22, 38]
    assert COVERAGE.atoms_of("TiO2").tolist() == [8, 8, 22]
    assert COVERAGE.atoms_of("Ti", 3).tolist() == [22, 22, 22]


@pytest.mark.parametrize(
    ("formula", "n_formula", "answer"),
    [
        ("BaTiO3", 1, r"holds Ba, .*nothing.*oxides .*O, Ti, Sr"),
        ("TiO2", 2, r"2 TiO2: a cell must have .* this one has 6.*3, 5 atoms"),
        ("SrTiO3", 0, "at least one formula unit"),
        ("sand", 1, "a formula such as"),
        ("Xx2", 1, "a formula such as"),
        ("", 1, "a formula has 1 to"),
        ("Ti1000000", 1, "a formula has 1 to"),
    ],
)
def test_what_is_not_covered_is_said(formula, n_formula, answer):
    with pytest.raises(ValueError, match=answer):
        COVERAGE.atoms_of(formula, n_formula)


def test_densities_outside_of_the_data_are_told():
    assert COVERAGE.is_dense_as_seen(crystal([22, 8, 8], 3.4))
    assert not COVERAGE.is_dense_as_seen(crystal([22, 8, 8], 8.0))


def test_in_what_a_crystal_is_unlike_the_data_is_said_in_words():
    assert COVERAGE.unlike(crystal([22, 8, 8], 3.4)) == ""
    words = COVERAGE.unlike(crystal([22, 8, 8], 0.5))
    assert "0.0417 Å³ by atom, not 11.9 to 13.1" in words
    assert "Å apart" in words


def test_the_shortest_distance_counts_images_of_one_atom():
    skewed = Crystal.create([18], np.diag([9.0, 2.0, 9.0]), fractional=[[0, 0, 0]])
    assert_allclose(shortest_distance(skewed), 2.0)
    fcc = 2.0 * (np.ones((3, 3)) - np.eye(3))
    one = Crystal.create([18], fcc, fractional=[[0, 0, 0]])
    assert_allclose(shortest_distance(one), np.sqrt(8))  # as dense as it can be
    two = Crystal.create([18, 18], fcc, fractional=[[0, 0, 0], [1, 0, 0]])
    assert shortest_distance(two) == 0
