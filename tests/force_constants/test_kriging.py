"""Kriging of force constants: predictions and what is unknown of them."""

import numpy as np
import pytest

from matjax.force_constants import band_path, kriging, regular_mesh
from matjax.lattice_dynamics import phonons
from tests.force_constants.lattices import silicon, stillinger_weber


@pytest.fixture(scope="module")
def exact():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def q():
    path = band_path(silicon(), spacing=0.1)
    return np.concatenate([path.q, regular_mesh(silicon(), (8, 8, 8)).q])


def test_images_beyond_the_most_are_left_out(exact, q, monkeypatch):
    monkeypatch.setattr(kriging, "MOST", 120)
    found = exact.sampled(q, tolerance=0.1)
    difference = np.abs(found.frequencies(q) - exact.frequencies(q)).max()
    assert difference < 2 * 0.1  # as above
