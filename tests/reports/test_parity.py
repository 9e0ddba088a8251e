"""Agreement of predictions with references: of finite pairs, drawn as points."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.reports import Agreement, agreement, draw_parity, new_figure
from matjax.reports.parity import MANY


def test_error_and_explained_variance_are_those_of_finite_pairs():
    expected = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    predicted = np.array([1.5, 2.0, 2.5, 4.0, np.inf])
    found = agreement(expected, predicted)
    # residuals 0.5, 0, -0.5 and a spread of 2
    assert_allclose(found, Agreement(3, 1 / 3, 1 - 0.5 / 2))


def test_references_that_do_not_vary_have_no_variance_to_explain():
    assert np.isnan(agreement(np.ones(3), np.arange(3.0)).r2)
    assert_allclose(agreement(np.ones(3), np.arange(3.0)).mae, 2 / 3)
    assert agreement(np.array([np.nan]), np.array([1.0])).n == 0


def test_integers_and_float32_are_compared_in_float64():
    found = agreement(np.array([2**24]), np.array([2**24 + 1], dtype=np.int64))
    assert_allclose(found.mae, 1)


def test_panel_has_a_line_of_agreement_and_a_point_for_each_pair():
    _, [[few, many, none]] = new_figure(1, 3)
    x = np.linspace(0, 1, MANY + 1)
    assert draw_parity(few, x[:3], x[:3] + 1).n == 3
    draw_parity(many, x, x)
    draw_parity(none, x[:1], x[:1] * np.nan)
    line, points = few.get_lines()
    assert_allclose(line.get_xdata(), line.get_ydata())
    assert_allclose(line.get_xdata(), [0, 1 + x[2]])
    assert len(points.get_xdata()) == 3
    assert many.get_lines()[1].get_alpha() < points.get_alpha()
    assert len(none.get_lines()) == 1
