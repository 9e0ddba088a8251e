"""Bins of a neighbor list: thick enough, wide enough, and roomy for their atoms."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.crystals import Crystal, heights
from matjax.graphs import bins as module
from matjax.graphs.bins import sized_bins

CUTOFF, SLACK = 3.0, 1.25


def gas(pbc, n=400):
    rng = np.random.default_rng(1)
    cell = np.array([[0, 15, 2], [22, 3, 1], [9, -6, 18.0]])
    fractional = rng.random((n, 3)) * np.where(pbc, 1, 0.9)
    return Crystal.create([18] * n, cell, fractional=fractional, pbc=pbc)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True)])
def test_searched_bins_reach_beyond_the_cutoff_and_hold_all_atoms(pbc, monkeypatch):
    monkeypatch.setattr(module, "MAX_PAIRS_OF_ONE_BIN", 0)
    crystal = gas(pbc)
    bins, reach, capacity = sized_bins([crystal], CUTOFF, SLACK, 400)
    bins, reach = np.array(bins), np.array(reach)
    assert bins.prod() > 1
    x = np.asarray(crystal.fractional)
    span = np.where(pbc, 1, np.ptp(x, axis=0))
    width = heights(crystal.cell) * span / bins
    enough = (width * reach >= CUTOFF * SLACK ** (1 / 3)) | (
        ~np.array(pbc) & (reach >= bins - 1)
    )
    assert enough.all()
    # Counted one by one.
    low = np.where(pbc, 0, x.min(axis=0))
    place = np.minimum((x - low) / span * bins, bins - 1).astype(int)
    fullest = np.unique(place, axis=0, return_counts=True)[1].max()
    assert fullest * SLACK <= capacity < 2 * fullest * SLACK + 1


def test_few_pairs_are_one_bin_of_all_nodes():
    crystal = Crystal.create([18], 4 * np.eye(3), fractional=[[0, 0, 0]])
    bins, reach, capacity = sized_bins([crystal], 7.0, 1.0, 5)
    assert bins == (1, 1, 1)
    assert capacity == 5
    assert reach == (2, 2, 2)  # 7 Å in cells of 4


def test_a_batch_searches_as_far_as_its_thinnest_cell_needs():
    thin = Crystal.create([18], np.diag([2.0, 9, 9]), fractional=[[0, 0, 0]])
    flat = Crystal.create([18], np.diag([9.0, 9, 3]), fractional=[[0, 0, 0]])
    _, reach, _ = sized_bins([thin, flat], 5.0, 1.0, 4)
    assert_array_equal(reach, [3, 1, 2])
