"""Pictures of crystals: which atoms are drawn, and that files hold all frames."""

import numpy as np
from numpy.testing import assert_allclose
from PIL import Image

from matjax.crystals import Crystal
from matjax.reports import candidates_figure, save_animation
from matjax.reports.candidates import picture

CUBIC = Crystal.create(
    *([38, 22, 8, 8, 8], 3.9 * np.eye(3)),
    fractional=[[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
)


def test_atoms_on_corners_and_faces_are_drawn_on_all_of_them():
    seen = picture(CUBIC)
    kinds, counts = np.unique(seen.numbers, return_counts=True)
    assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == {
        8: 6,
        22: 1,
        38: 8,
    }
    just_below = CUBIC.replace(fractional=CUBIC.fractional - 1e-9)
    assert sorted(picture(just_below).numbers) == sorted(seen.numbers)


def test_a_picture_keeps_lengths_and_shows_all_edges():
    seen = picture(CUBIC)
    assert seen.edges.shape == (12, 2, 3)
    lengths = np.linalg.norm(seen.edges[:, 1] - seen.edges[:, 0], axis=1)
    assert_allclose(lengths, 3.9, rtol=1e-12)  # turned, not scaled
    titanium = seen.atoms[seen.numbers == 22]
    assert_allclose(titanium, 0, atol=1e-12)  # in the middle


def test_a_figure_has_a_panel_for_each_of_the_best_and_one_of_energies():
    figure = candidates_figure(
        *([CUBIC] * 6, ["Pm-3m"] * 6, np.linspace(-8.0, -7.9, 6).tolist()),
        [True, False, None, None, None, None],
    )
    *drawn, ranks = figure.axes
    assert [ax.get_title() for ax in drawn] == ["Pm-3m"] * 4
    labels = [line.get_label() for line in ranks.lines]
    assert labels == ["stable", "unstable", "phonons not computed"]
    assert_allclose(ranks.lines[1].get_ydata(), [20.0])


def test_an_animation_has_a_frame_for_each_crystal(tmp_path):
    step = np.zeros((5, 3))
    step[0, 2] = 0.1
    moved = [CUBIC.replace(fractional=CUBIC.fractional + k * step) for k in range(3)]
    save_animation(moved, tmp_path / "way.gif")
    with Image.open(tmp_path / "way.gif") as image:
        assert image.n_frames == 3
