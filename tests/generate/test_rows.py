"""Rows of samples as crystals: what is none stays none, in its place."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.generate.processes import Decoded
from matjax.generate.rows import row_crystals, row_ways

FLAT = np.diag([1.0, 1.0, 0.0])


def made(cells, numbers, finite):
    n, steps = len(cells), 2
    fractional = np.full((n, 3, 3), 0.25)
    decoded = Decoded(np.array(numbers), fractional, np.array(cells))
    way = Decoded(*(np.repeat(x[:, None], steps, axis=1) for x in decoded))
    mask = np.tile([True, True, False], (n, 1))
    return decoded, np.array(finite), mask, way


def test_padding_is_left_out_and_what_is_no_crystal_keeps_its_place():
    """Not finite; without a volume; an element not chosen; and one beyond the rows."""
    good, numbers = 4.0 * np.eye(3), [8, 22, 0]
    cells = [good, good, np.nan * good, FLAT, good, good]
    rows = [numbers, numbers, numbers, numbers, [8, 0, 0], numbers]
    found = row_crystals(made(cells, rows, [True, False, *[True] * 4]), 5, None)
    assert [crystal is None for crystal in found] == [False, True, True, True, True]
    assert found[0].numbers.tolist() == [8, 22]
    given = row_crystals(made(cells, rows, [True] * 6), 1, 5.0 * np.eye(3))
    assert_allclose(given[0].cell, 5.0 * np.eye(3))


def test_ways_have_a_crystal_for_each_step():
    cells, numbers = [4.0 * np.eye(3)] * 2, [[8, 22, 0]] * 2
    ways = row_ways(made(cells, numbers, [True, True]), 1, None)
    assert [len(way) for way in ways] == [2]
    assert all(crystal.n_atoms == 2 for crystal in ways[0])
