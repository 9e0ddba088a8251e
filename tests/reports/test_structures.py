"""Crystals side by side."""

import pytest

from matjax.reports import structure_figure
from tests.generate.evaluate.perovskites import perovskite


def test_each_crystal_has_its_formula_and_its_atoms():
    figure = structure_figure([perovskite()] * 7, title="samples")
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == ["SrTiO3"] * 7
    assert all(len(ax.patches) >= 5 for ax in drawn)
    with pytest.raises(ValueError, match="at least one crystal"):
        structure_figure([])
