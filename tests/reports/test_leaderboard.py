"""Networks side by side: the best one first, baselines among them."""

import math

import pytest

from matjax.reports import leaderboard_figure, ranked

RESULTS = {
    "n_train": 100,
    "cgcnn/test_mae": 0.3,
    "cgcnn/n_parameters": 1000,
    "alignn/test_mae": 0.4,
    "alignn/ensemble_test_mae": 0.2,
    "mean/test_mae": 0.9,
    "other/remark": 1.0,
}


def test_the_smallest_error_comes_first_that_of_an_ensemble_where_there_is_one():
    board = ranked(RESULTS)
    assert board["network"] == ["alignn", "cgcnn", "mean"]
    assert board["test_mae"] == [0.4, 0.3, 0.9]
    assert board["ensemble_test_mae"][0] == 0.2
    assert math.isnan(board["n_parameters"][0])
    assert list(board)[:3] == ["network", "test_mae", "ensemble_test_mae"]


def test_the_figure_has_a_bar_for_each_and_names_its_error():
    (axes,) = leaderboard_figure(ranked(RESULTS), "gap", "eV", title="gaps").axes
    assert [bar.get_width() for bar in axes.patches] == [0.4, 0.3, 0.9]
    said = [text.get_text().strip() for text in axes.texts]
    assert said == ["0.4 (ensemble 0.2)", "0.3", "0.9"]
    assert axes.get_xlabel() == "mean absolute error of gap (eV)"


def test_results_of_something_else_are_refused():
    with pytest.raises(ValueError, match="no error of a network"):
        ranked({"energy": 1.0})
