"""What a run writes: tables, arrays, figures, metrics."""

from __future__ import annotations

import csv

import jax
import numpy as np
import pytest

from matjax.reports import new_figure, style
from matjax.studies import Run
from matjax.studies import run as runs


def test_tables_arrays_and_figures_are_written(tmp_path):
    run = Run(tmp_path / "out")
    table = run.save_table("t", {"x_A": np.array([0.1, 0.25]), "label": ["Γ", "X"]})
    arrays = run.save_arrays("a", x_A=jax.numpy.arange(3.0))
    with style():
        figure, axes = new_figure(1, 2, width_ratios=[3, 1], sharey=True)
        axes[0, 0].plot([0, 1], [0, 1])
    picture = run.save_figure("f", figure)
    with table.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["x_A", "label"], ["0.1", "Γ"], ["0.25", "X"]]
    np.testing.assert_array_equal(np.load(arrays)["x_A"], [0, 1, 2])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run.files == [table, arrays, picture]


def test_columns_of_different_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one length; received \{'a': 1, 'b': 2\}"):
        Run(tmp_path).save_table("t", {"a": [1], "b": [1, 2]})


@pytest.mark.parametrize("value", [np.ones(2), "3", None, 1j, float("nan")])
def test_metric_that_is_no_finite_number_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="a metric must be"):
        Run(tmp_path).save_metrics({"x": value})
    assert not (tmp_path / "metrics.json").exists()


def test_long_work_says_now_and_then_how_far_it_is(tmp_path, monkeypatch, caplog):
    clock = iter(range(0, 100, 4))  # each step takes 4 s
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(clock))
    caplog.set_level("INFO", logger="matjax")
    assert list(Run(tmp_path).progress("abcdef", "bands")) == list("abcdef")
    assert caplog.messages == ["bands: 3/6, 12 s", "bands: 6/6, 24 s"]
