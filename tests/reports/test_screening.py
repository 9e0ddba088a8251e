"""The overview of a screen says what is in it, of ten crystals and of many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.reports import ColumnValues, overview_figure, save_figure
from matjax.reports.screening import N_OUTCOMES


def gaps(n, seed=0):
    return ColumnValues(np.random.default_rng(seed).normal(2, 0.5, n), "eV")


def visible(figure):
    return [ax for ax in figure.axes if ax.axison]


def heights(ax):
    return [patch.get_height() for patch in ax.patches]


@pytest.mark.parametrize("n", [10, 10_000])
@pytest.mark.parametrize("n_columns", [3, 9])
def test_every_column_reference_and_outcome_has_a_panel(tmp_path, n, n_columns):
    columns = {f"band_gap_{i}": gaps(n, i) for i in range(n_columns)}
    references = {"band_gap_1": columns["band_gap_1"].values + 0.1}
    outcomes = {"converged": n - 1, "failed: out of memory": 1}
    figure = overview_figure(
        columns, references=references, outcomes=outcomes, title="of mine"
    )
    assert len(visible(figure)) == n_columns + 2
    bars, first, second, parity, *_ = visible(figure)
    assert bars.get_title() == f"{n:,} crystals"
    assert first.get_xlabel() == "band gap 0 (eV)"
    assert sum(heights(first)) == sum(heights(second)) == n
    title = f"band gap 1, {n:,} crystals\nMAE 0.1 eV, R² 0."
    assert parity.get_title().startswith(title)
    save_figure(figure, tmp_path / "overview.png")
    assert (tmp_path / "overview.png").stat().st_size > 10_000


def test_mean_median_and_missing_values_are_said():
    values = np.array([1.0, 2.0, 6.0, np.nan, np.inf])
    (panel,) = overview_figure({"modulus": ColumnValues(values, "GPa")}).axes
    assert panel.get_title() == "mean 3, median 2\n2 missing"
    assert sum(heights(panel)) == 3
    assert_allclose([line.get_xdata()[0] for line in panel.get_lines()], [3, 2])


def test_values_far_off_do_not_hide_the_others():
    values = np.append(gaps(1000).values, [1e9, -1e7])
    (panel,) = overview_figure({"energy": ColumnValues(values)}).axes
    assert "2 beyond the axis" in panel.get_title()
    assert panel.get_xlim()[1] < 10
    assert np.count_nonzero(heights(panel)) > 10
    assert sum(heights(panel)) == 1000


@pytest.mark.parametrize("high", [4, 230])
def test_bins_of_whole_numbers_hold_equally_many(high):
    values = np.repeat(np.arange(1, high + 1), 5)
    (panel,) = overview_figure({"atoms": ColumnValues(values)}).axes
    assert len(set(heights(panel)[:-1])) == 1
    assert sum(heights(panel)) == len(values)


def test_columns_of_truth_one_value_nothing_and_text():
    columns = {
        "stable": ColumnValues(np.array([True, False, True, True])),
        "constant": ColumnValues(np.full(4, 7.0)),
        "nothing": ColumnValues(np.full(4, np.nan)),
        "formula": ColumnValues(np.array(["Si", "Ge", "C", "Sn"])),
    }
    truth, constant, nothing = visible(overview_figure(columns))
    assert truth.get_title() == "75% yes"
    assert heights(truth) == [1, 3]
    assert constant.get_title() == "mean 7, median 7"
    assert nothing.get_title() == "all missing"


def test_outcomes_keep_their_order_and_the_rarest_are_summed_up():
    outcomes = {f"kind {i}": 100 - i for i in range(N_OUTCOMES + 3)}
    (panel,) = overview_figure({}, outcomes=outcomes).axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == [*(f"kind {i}" for i in range(N_OUTCOMES - 1)), "others"]
    assert panel.patches[-1].get_width() == 93 + 92 + 91 + 90
    (panel,) = overview_figure({}, outcomes={"failed: " + "x" * 90: 0}).axes
    assert len(panel.get_yticklabels()[0].get_text()) < 30


def test_reference_without_a_pair_is_said():
    columns = {"gap": gaps(3)}
    figure = overview_figure(columns, references={"gap": np.full(3, np.nan)})
    assert figure.axes[1].get_title() == "gap, 0 crystals\nnone to compare"


@pytest.mark.parametrize(
    ("columns", "references", "message"),
    [
        ({}, {}, "a column of numbers or outcomes are needed"),
        ({"gap": gaps(3)}, {"energy": np.ones(3)}, r"'energy' is none of \['gap'\]"),
        ({"gap": gaps(3)}, {"gap": np.ones(2)}, r"each of 3 crystals; received \(2,\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(columns, references, message):
    with pytest.raises(ValueError, match=message):
        overview_figure(columns, references=references)
