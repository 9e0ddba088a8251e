"""A crystal comes back from JSON as it was sent."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.crystals import Crystal, bare, crystal_from_json, crystal_to_json

CELL = np.array([[3.1, 0.2, 0.0], [0.0, 1 / 3, 4.0], [-2.0, 0.0, 5.0]])


def test_every_digit_survives():
    crystal = Crystal.create([3, 9], CELL, fractional=[[1 / 3, -0.1, 1.7], [0, 0, 0.5]])
    found = crystal_from_json(json.loads(json.dumps(crystal_to_json(crystal))))
    for name in ("numbers", "cell", "fractional"):
        assert_array_equal(getattr(found, name), getattr(crystal, name))


def test_what_is_sent_is_bare():
    crystal = Crystal.create(
        [3], CELL, fractional=[[0, 0, 0]], masses=[7.5], fixed=[True], pbc=False
    )
    sent, stripped = crystal_from_json(crystal_to_json(crystal)), bare(crystal)
    for found in (sent, stripped):
        assert found.given_masses is None
        assert found.fixed is None
        assert found.pbc == (True, True, True)


def test_a_frame_without_crystal_says_why():
    with pytest.raises(ValueError, match="no cell"):
        crystal_from_json({"numbers": [3], "refused": "no cell"})
