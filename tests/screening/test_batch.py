"""What a batch computes once, and how rows are taken from it."""

import pytest
from numpy.testing import assert_allclose

from tests.screening.crystals import batch, cubic, silicon


def test_crystals_are_reduced_relaxed_once_and_taken_apart():
    whole = batch(silicon(), cubic())
    assert [c.n_atoms for c in whole.start] == [2, 2]
    assert all(r.converged for r in whole.relaxations)
    # The minimum of Stillinger and Weber's potential, 5.431 Å: PRB 31, 5262 (1985).
    assert_allclose([c.volume / 2 for c in whole.crystals], 5.431**3 / 8, rtol=1e-3)
    part = whole.only([1])
    assert part.relaxations[0] is whole.relaxations[1]
    assert part.given == [whole.given[1]]
    assert "elasticities" not in part.__dict__


def test_crystals_are_taken_as_given_if_that_is_asked_for():
    (found,) = batch(cubic(5.5), relax=False, primitive=False).crystals
    assert found.n_atoms == 8
    assert_allclose(found.volume, 5.5**3)


def test_phonons_that_failed_say_so(monkeypatch):
    whole = batch(silicon())
    bad = whole.phonons[0].replace(failure="too soft")
    monkeypatch.setitem(whole.__dict__, "phonons", [bad])
    with pytest.raises(ValueError, match="too soft"):
        whole.frequencies(0)
