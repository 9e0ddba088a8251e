"""What crystals become before anything is computed: checked, and of few shapes."""

import numpy as np
import pytest

from matjax.lattice_dynamics.sources import Settings, exact_sources, started
from tests.force_constants.lattices import fcc, silicon, stillinger_weber

SETTINGS = Settings(None, False, True, 1e-4, "few", None)


def test_crystals_of_one_list_share_shapes_and_sizes_of_calls():
    crystals = [silicon(), fcc(), silicon().strained(np.diag([0.1, 0, 0]))]
    starts = {k: started(c, None, None, SETTINGS) for k, c in enumerate(crystals)}
    found = dict(exact_sources(stillinger_weber(), starts, SETTINGS))
    assert isinstance(found[1], ValueError)  # copper, which is not known
    first, second = found[0].response, found[2].response
    assert first.graph.degree == second.graph.degree
    assert first.size == second.size


def test_grids_and_masses_are_checked_first():
    with pytest.raises(ValueError, match="three positive integers"):
        started(silicon(), (2, 2), None, SETTINGS)
    with pytest.raises(ValueError, match="masses must be positive"):
        started(silicon(), None, np.array([1.0, -1.0]), SETTINGS)
    start = started(silicon(), (2, 2, 3), None, SETTINGS)
    assert start.grid == (2, 2, 3)
