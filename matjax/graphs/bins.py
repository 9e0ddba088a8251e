"""Sizes of the bins that a neighbor list sorts atoms into, chosen on the host.

Each axis of the cell is cut into bins no thinner than the cutoff, if that saves pairs;
an atom looks into all bins up to ``reach`` away.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import numpy as np

from matjax.arrays import Float, Int
from matjax.crystals import Crystal, heights
from matjax.graphs.padding import bucket

MAX_PAIRS_OF_ONE_BIN = 2**21
"""Pairs up to which a crystal is one bin: they take a few milliseconds on a CPU core,
and a program that needs no cell list does not wait for jax-md to be imported."""


def sized_bins(
    crystals: Sequence[Crystal], cutoff: float, slack: float, n_nodes: int
) -> tuple[tuple[int, int, int], tuple[int, int, int], int]:
    """Bins along each axis, bins searched either way, capacity of a bin."""
    # A density that grows by the slack shortens lengths by its cube root; the rest
    # keeps round-off from flagging a cell that is an exact multiple of the cutoff.
    margin = (slack ** (1 / 3) + 1e-5) * cutoff
    one = (1, 1, 1)
    reach = np.max([_reach(crystal, one, margin) for crystal in crystals], axis=0)
    pairs = n_nodes**2 * (2 * reach + 1).prod()
    if len(crystals) == 1 and pairs > MAX_PAIRS_OF_ONE_BIN:
        bins = _integers(np.maximum(1, _spans(crystals[0]) // margin))
        if prod(bins) > 1:
            reach = _reach(crystals[0], bins, margin)
            return bins, _integers(reach), _capacity(crystals[0], bins, slack)
    return one, _integers(reach), n_nodes


def _reach(
    crystal: Crystal, bins: tuple[int, int, int], margin: float
) -> Int[np.ndarray, "3"]:
    """Bins to search on either side along each axis."""
    n_bins = np.array(bins)
    # Atoms in one plane span nothing; all their bins are in reach.
    reach = np.ceil(margin * n_bins / np.maximum(_spans(crystal), 1e-9))
    return np.where(crystal.pbc, reach, np.minimum(reach, n_bins - 1)).astype(int)


def _integers(values: np.ndarray) -> tuple[int, int, int]:
    a, b, c = (int(value) for value in values)
    return a, b, c


def _spans(crystal: Crystal) -> Float[np.ndarray, "3"]:
    """Height of the cell, or of the space the atoms take, along each axis, Å."""
    extent = np.ptp(np.asarray(crystal.fractional), axis=0)
    height = np.asarray(heights(np.asarray(crystal.cell)))
    return height * np.where(crystal.pbc, 1, extent)


def _capacity(crystal: Crystal, bins: tuple[int, int, int], slack: float) -> int:
    """Room of a bin: the fullest one's atoms times the slack, in a bucket."""
    fractional = np.asarray(crystal.fractional)
    low, extent = fractional.min(axis=0), np.ptp(fractional, axis=0)
    extent = np.where(extent > 0, extent, 1)
    inside = np.where(crystal.pbc, fractional % 1, (fractional - low) / extent)
    index = np.minimum((inside * bins).astype(int), np.array(bins) - 1)
    counts = np.bincount(np.ravel_multi_index(tuple(index.T), bins))
    return bucket(ceil(slack * counts.max()))
