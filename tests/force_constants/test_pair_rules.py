"""Rules of force constants between atoms, on random ones.

Their physics is in the tests of matjax.lattice_dynamics.rules.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import RealSpaceForceConstants
from matjax.force_constants.pair_rules import (
    averaged,
    merged,
    nearest_that_obeys,
    residuals,
)
from matjax.force_constants.symmetry import images_of, operations_of, rotate
from tests.force_constants.lattices import silicon

RNG = np.random.default_rng(2)
Q = RNG.uniform(-1, 1, (4, 3))


@pytest.fixture(scope="module")
def pairs():
    """Random blocks between random atoms and cells, pairs twice and one way only."""
    n = 30
    return RealSpaceForceConstants(
        blocks=RNG.normal(size=(n, 3, 3)),
        first=RNG.integers(0, 2, n),
        second=RNG.integers(0, 2, n),
        cells=RNG.integers(-1, 2, (n, 3)),
        n_atoms=2,
    )


def test_merged_pairs_are_the_hermitian_part(pairs):
    given = pairs(Q)
    found = merged(pairs)
    expected = (given + given.conj().swapaxes(1, 2)) / 2
    assert_allclose(found(Q), expected, atol=1e-12)  # round-off
    rows = np.column_stack([found.first, found.second, found.cells])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_averages_turn_with_every_operation(pairs):
    found = averaged(pairs, silicon())
    operations = operations_of(silicon())
    elements, images = images_of(operations, Q[0])
    turned = rotate(operations, elements, images, found(Q[0]))
    assert_allclose(turned, found(images), atol=1e-12)  # round-off
    assert_allclose(averaged(found, silicon())(Q), found(Q), atol=1e-12)


@pytest.mark.parametrize("rule", ["translation", "rotation", "huang"])
def test_the_nearest_obeys_and_no_smaller_change_does(pairs, rule):
    start = merged(pairs)
    found = nearest_that_obeys(start, silicon(), (rule,))
    before, after = (residuals(p, silicon(), (rule,)) for p in (start, found))
    assert abs(before).max() > 0.1
    assert_allclose(after, 0, atol=1e-10)  # round-off
    # The change is orthogonal to what the rule leaves free.
    other = merged(pairs.replace(blocks=RNG.normal(size=pairs.blocks.shape)))
    free = nearest_that_obeys(other, silicon(), (rule,)).blocks
    change = found.blocks - start.blocks
    assert_allclose(np.vdot(change, free), 0, atol=1e-9 * np.linalg.norm(change) * 30)
