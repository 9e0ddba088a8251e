"""What the figure of soft modes shows."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.reports import descent_figure
from tests.force_constants.lattices import fcc, springs
from tests.reports.unstable import stage


def test_energies_and_the_soft_mode_are_drawn_where_they_belong():
    found = phonons(springs(), fcc())
    left, right = descent_figure(found.bands(spacing=0.5), stage(found), "Cu").axes
    (marks,) = [line for line in left.get_lines() if line.get_marker() == "o"]
    assert_allclose(marks.get_ydata(), -2.0)
    assert marks.get_label() == "X, 6-fold"
    curve, relaxed = right.get_lines()[:2]
    assert_allclose(curve.get_ydata(), -100 * np.linspace(-0.2, 0.2, 5) ** 2)
    assert_allclose(relaxed.get_ydata(), -5.0)
    assert curve.get_label() == "X: I4/mmm *"
    assert "drawn at random" in right.get_title()
