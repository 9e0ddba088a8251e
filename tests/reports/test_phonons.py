"""What figures show of phonons."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import BandPath, regular_mesh
from matjax.lattice_dynamics import (
    Bands,
    DensityOfStates,
    density_of_states,
)
from matjax.reports import (
    band_points,
    phonon_figure,
)
from tests.force_constants.lattices import fcc

X = np.linspace(0, 1, 5)


@pytest.fixture
def bands():
    """Two branches that cross in the middle of a line from A to B."""
    path = BandPath(X[:, None] * [1.0, 0, 0], X, ((0, "A"), (4, "B")), ((0, 5),))
    branches = np.array([[0, 1], [0, 1], [0, 1], [1, 0], [1, 0]])
    return Bands(path, np.sort(np.stack([1 + 2 * X, 3 - 2 * X], 1), axis=1), branches)


def density(parts, labels):
    frequencies = np.linspace(0.5, 3.5, 30)
    curve = np.exp(-((frequencies - 2) ** 2))
    return DensityOfStates(frequencies, curve, labels, curve * np.array(parts)[:, None])


def test_connected_bands_are_drawn_as_branches_that_cross(bands):
    (panel,) = phonon_figure(bands, color_branches=True).axes
    first, second = panel.get_lines()[:2]
    assert_allclose(first.get_ydata(), 1 + 2 * X)
    assert_allclose(second.get_ydata(), 3 - 2 * X)
    assert first.get_color() != second.get_color()
    (panel,) = phonon_figure(bands._replace(branches=None)).axes
    assert_allclose(panel.get_lines()[0].get_ydata(), bands.frequencies[:, 0])


def test_parts_of_a_density_are_named_where_there_are_several(bands):
    _, right = phonon_figure(bands, density([0.3, 0.7], ("Na", "Cl"))).axes
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Na", "Cl"]
    assert_allclose(right.get_lines()[1].get_xdata().max(), 0.7, atol=0.01)
    _, right = phonon_figure(bands, density([1.0], ("Si",))).axes
    assert right.get_legend() is None


def test_tails_of_smeared_densities_are_not_taken_for_imaginary_modes(bands):
    mesh = regular_mesh(fcc(), (2, 2, 2))
    dos = density_of_states(mesh, np.full((len(mesh.q), 3), 0.2), smearing=0.5)
    assert dos.frequencies.min() < -1
    left, _ = phonon_figure(bands, dos).axes
    assert "imaginary" not in left.get_ylabel()


def test_title_stands_above_and_remarks_above_the_first_panel(bands):
    figure = phonon_figure(
        bands, density([1.0], ("Si",)), max_force=0.2, title="Si", remarks=["16 GPa"]
    )
    assert figure.get_suptitle() == "Si"
    remark = figure.axes[0].get_title(loc="left")
    assert "largest force 0.2 eV/Å" in remark
    assert "16 GPa" in remark
    assert phonon_figure(bands).axes[0].get_title(loc="left") == ""


def test_labels_of_points_close_to_one_another_do_not_overlap(bands):
    x = np.array([0, 0.495, 0.5, 0.505, 1.0])
    ticks = tuple(enumerate(["Γ", "X", "U₂", "K", "Γ"]))
    path = bands.path._replace(distance=x, ticks=ticks)
    figure = phonon_figure(bands._replace(path=path))
    (panel,) = figure.axes
    figure.draw_without_rendering()
    labels = panel.get_xticklabels()
    assert [label.get_text().strip() for label in labels] == [n for _, n in ticks]
    # The box of a label in a lower line holds its empty lines too: compare per line.
    boxes = [(t.get_text().count("\n"), t.get_window_extent()) for t in labels]
    assert {line for line, _ in boxes} == {0, 1, 2}
    for line in range(3):
        row = [box for where, box in boxes if where == line]
        assert all(a.x1 < b.x0 for a, b in pairwise(row))


def test_curves_of_points_do_not_bury_the_bands(bands):
    many = ([0.5] * 500, [1.0] * 500)
    few = band_points(bands, bands.frequencies)
    points = {"phonopy": many, "measured": few}
    (panel,) = phonon_figure(bands, points=points).axes
    lines = {line.get_label(): line.get_zorder() for line in panel.get_lines()}
    ours = panel.get_lines()[0].get_zorder()
    assert lines["phonopy"] < ours < lines["measured"]
