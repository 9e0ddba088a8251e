"""Figures share a style, leave none behind, and are the same file each time."""

import matplotlib as mpl
import pytest

from matjax.reports import new_figure, save_figure, style


def test_the_style_ends_with_its_context():
    before = mpl.rcParams["font.size"]
    with style():
        assert mpl.rcParams["font.size"] == 9
    assert mpl.rcParams["font.size"] == before


def test_panels_have_their_places_and_ratios():
    figure, axes = new_figure(2, 3, title="Si", width_ratios=[3, 1, 1])
    assert axes.shape == (2, 3)
    assert figure.get_suptitle() == "Si"
    assert axes[0, 0].get_gridspec().get_width_ratios() == [3, 1, 1]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_equal_figures_are_equal_files(ending, tmp_path):
    texts = []
    for k in range(2):
        figure, axes = new_figure()
        axes[0, 0].plot([0, 1], [1, 0])
        save_figure(figure, tmp_path / f"{k}.{ending}")
        texts.append((tmp_path / f"{k}.{ending}").read_bytes())
    if ending != "svg":  # whose elements have random names
        assert texts[0] == texts[1]
    assert b"Matplotlib v" not in texts[0] or ending != "png"
