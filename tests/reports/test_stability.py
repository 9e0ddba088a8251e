"""What is said of an unstable crystal."""

import json

import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.reports import stage_in_words, stage_record, verdict
from tests.force_constants.lattices import fcc, springs
from tests.reports.unstable import stage


@pytest.fixture(scope="module")
def found():
    return phonons(springs(), fcc())


def test_a_stage_names_group_mode_and_branches(found):
    text = "\n".join(stage_in_words(1, stage(found), 1e-3))
    assert text.startswith("1. Fm-3m, 1 atoms, cell 2.5000, 2.5000")
    assert "X (0.5000 0.5000 0.0000): 2.000 THz, imaginary, degeneracy 2" in text
    assert "in 2 cells" in text
    assert "I4/mmm        -5.000 meV/atom" in text
    assert "drawn at random" in text


def test_the_record_has_units_and_is_plain(found):
    record = json.loads(json.dumps(stage_record(stage(found), 1e-3)))
    assert record["space_group"] == "Fm-3m"
    assert record["stable"] is False
    (followed,) = record["followed"]
    assert_allclose(followed["gain_meV_per_atom"], 5.0)
    assert followed["branches"][0]["of_symmetry"] is False


def test_the_verdict_is_of_the_last_stage(found):
    down, up = stage(found), stage(found, frequency=2.0, followed=False)
    assert verdict([down]) == "The crystal of lowest energy has not been examined yet."
    assert verdict([down, up]) == "The last crystal is stable."
    assert "raise follow.stages" in verdict([stage(found, followed=False)])
