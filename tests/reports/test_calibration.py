"""Figures of uncertainties: what they draw is what they were given."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.reports import calibration_figure, reliability_figure
from matjax.studies import Judged

RNG = np.random.default_rng(0)


def test_right_deviations_follow_the_diagonals():
    deviation = RNG.uniform(0.1, 2.0, 4000)
    expected = RNG.normal(size=4000)
    predicted = expected + deviation * RNG.normal(size=4000)
    found = {"gap": Judged(predicted, expected, deviation)}
    figure = calibration_figure(found, {"gap": "eV"}, title="a network")
    share, spread = figure.axes
    x, y = share.lines[1].get_data()
    assert_allclose(y, x, atol=0.03)  # of 4,000 draws
    x, y = spread.lines[1].get_data()
    assert_allclose(y, x, rtol=0.1)  # of 500 draws in a group
    assert spread.get_xlabel() == "deviation (eV)"


def test_right_probabilities_follow_the_diagonal():
    chances = RNG.uniform(size=4000)
    classes = (RNG.uniform(size=4000) < chances).astype(float)
    (axes,) = reliability_figure({"metal": (chances, classes)}).axes
    x, y = axes.lines[1].get_data()
    assert_allclose(y, x, atol=0.06)  # of 500 draws in a group
