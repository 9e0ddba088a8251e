"""Titles name the crystal and where its forces come from."""

import pytest

from matjax.reports import figure_title, new_figure
from matjax.reports.captions import draw_remarks
from matjax.studies import Prototype, described_crystal


@pytest.mark.parametrize(
    ("prototype", "expected"),
    [
        ({"symbols": "Si", "prototype": "diamond"}, r"Si, $Fd\bar{3}m$, sw"),
        ({"symbols": "TiO2", "prototype": "rutile", "c": 2.9}, "TiO$_{2}$, $P4_2/mnm$"),
    ],
)
def test_titles_name_reduced_formula_space_group_and_potential(prototype, expected):
    crystal = described_crystal(Prototype(a=4.6, **prototype))
    assert figure_title(crystal, "models/sw" if "sw" in expected else "") == expected


def test_titles_of_slabs_have_no_space_group():
    slab = described_crystal(Prototype(prototype="hcp", symbols="Mg", a=3.2))
    assert figure_title(slab.replace(pbc=(True, True, False)), "x") == "Mg, x"


def test_remarks_stand_line_by_line_above_a_panel():
    _, axes = new_figure()
    draw_remarks(axes[0, 0], [])
    assert axes[0, 0].get_title(loc="left") == ""
    draw_remarks(axes[0, 0], ["under 16 GPa", "not at rest"])
    assert axes[0, 0].get_title(loc="left") == "under 16 GPa\nnot at rest"
