"""Crystals side by side."""

import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.reports import contribution_figure, structure_figure
from tests.generate.evaluate.perovskites import perovskite


def test_each_crystal_has_its_formula_and_its_atoms():
    figure = structure_figure([perovskite()] * 7, title="samples")
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == ["SrTiO3"] * 7
    assert all(len(ax.patches) >= 5 for ax in drawn)
    with pytest.raises(ValueError, match="at least one crystal"):
        structure_figure([])


def test_contributions_are_bars_of_the_atoms_in_their_colors():
    crystal = Crystal.create(
        ["Na", "Cl"], 4 * np.eye(3), fractional=[[0] * 3, [0.5] * 3]
    )
    values = np.array([-0.5, 0.25])
    _, bars = contribution_figure(crystal, values, title="NaCl").axes
    assert [bar.get_height() for bar in bars.patches] == [-0.5, 0.25]
    colors = [bar.get_facecolor() for bar in bars.patches]
    assert colors[0][2] > colors[0][0]  # blue lowers
    assert colors[1][0] > colors[1][2]  # red raises
    assert [x.get_text() for x in bars.get_xticklabels()] == ["Na", "Cl"]
