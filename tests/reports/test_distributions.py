"""Histograms of samples beside those of data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.reports import distribution_figure


def heights(ax):
    """Of the bars of the data, which are drawn first."""
    return [bar.get_height() for bar in ax.containers[0]]


def test_bars_of_data_and_outlines_of_samples_are_shares():
    data = {"elements": np.array([3, 3, 3, 2]), "density (g/cm³)": np.arange(100.0)}
    samples = {
        "elements": np.array([3, 2, np.nan]),
        "density (g/cm³)": np.array([50.0, 1e9]),
    }
    figure = distribution_figure(samples, data, title="perovskites")
    elements, density = figure.axes
    assert_allclose(heights(elements), [0, 25, 75, 0])
    assert elements.get_xlabel() == "elements"
    (outline,) = [p for p in elements.patches if p.get_label() == "samples"]
    assert_allclose(sorted({*outline.get_xy()[:, 1]}), [0, 50])
    assert all(tick == round(tick) for tick in elements.get_xticks())
    # What is far beyond the data is counted at the end of the axis.
    assert density.get_xlim()[1] < 200
    (outline,) = [p for p in density.patches if p.get_label() == "samples"]
    assert_allclose(outline.get_xy()[:, 1].max(), 50)


def test_names_must_be_the_same():
    with pytest.raises(ValueError, match="the same names"):
        distribution_figure({"a": np.zeros(1)}, {"b": np.zeros(1)})
    with pytest.raises(ValueError, match="one at least"):
        distribution_figure({}, {})
