"""Paths of planes and chains, and paths of one's own."""

import ase.build
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import band_path

PLANE = (True, True, False)


def plane(a, b, angle, sites=((0, 0),), numbers=None):
    """A layer with cell vectors of these lengths and this angle (degree)."""
    angle = np.deg2rad(angle)
    cell = [[a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0], [0, 0, 15]]
    fractional = [[*site, 0.5] for site in sites]
    numbers = numbers or [6] * len(sites)
    return Crystal.create(numbers, cell, fractional=fractional, pbc=PLANE)


GRAPHENE = plane(2.46, 2.46, 120, [(0, 0), (1 / 3, 2 / 3)])
# Without a mirror or a rotation but one of 180°.
OBLIQUE = plane(3.0, 3.7, 75)
CENTRED = plane(3.0, 3.0, 70)

STANDARD = {
    "hexagonal": (GRAPHENE, ["Γ M K Γ"]),
    "hexagonal at 60°": (plane(2.46, 2.46, 60, [(0, 0), (1 / 3, 1 / 3)]), ["Γ M K Γ"]),
    "square": (plane(3.0, 3.0, 90), ["Γ X M Γ"]),
    "rectangular": (plane(3.0, 4.0, 90), ["Γ X S Y Γ"]),
    "square cell, two atoms": (
        plane(3.0, 3.0, 90, [(0, 0), (0.4, 0)], [6, 7]),
        ["Γ X S Y Γ"],
    ),
    "centred": (CENTRED, ["Γ Y C₀", "Σ₀ Γ S"]),
    "centred, obtuse": (plane(3.0, 3.0, 100), ["Γ Y C₀", "Σ₀ Γ S"]),
    "oblique": (OBLIQUE, ["Γ X C Y Γ C"]),
}


def lines(path):
    """Labels along each unbroken line."""
    return [
        " ".join(label for row, label in path.ticks if start <= row < end)
        for start, end in path.lines
    ]


def places(crystal, path):
    """Cartesian k of the named points, 1/Å, in the periodic directions."""
    cell = np.array(crystal.cell)
    periodic = np.array(crystal.pbc)
    cell[~periodic] = np.linalg.svd(cell[periodic])[2][periodic.sum() :]
    k = 2 * np.pi * path.q @ np.linalg.inv(cell).T
    return [(label, k[row]) for row, label in path.ticks]


@pytest.mark.parametrize("name", STANDARD)
def test_planes_have_the_path_of_their_lattice(name):
    crystal, expected = STANDARD[name]
    path = band_path(crystal, spacing=0.3)
    assert lines(path) == expected
    assert (path.q[:, 2] == 0).all()


def test_points_of_graphene_lie_where_textbooks_have_them():
    path = band_path(GRAPHENE)
    for label, k in places(GRAPHENE, path):
        length = {"Γ": 0, "M": 2 / np.sqrt(3), "K": 4 / 3}[label] * np.pi / 2.46
        assert_allclose(np.linalg.norm(k), length, atol=1e-9)  # digits of the cell
    corners = {label: path.q[row] for row, label in path.ticks}
    assert_allclose(corners["M"], [1 / 2, 0, 0], atol=1e-9)
    assert_allclose(corners["K"], [1 / 3, 1 / 3, 0], atol=1e-9)
    steps = np.diff([path.distance[row] for row, _ in path.ticks])
    m = 2 * np.pi / np.sqrt(3) / 2.46
    assert_allclose(steps, [m, m / np.sqrt(3), 2 * m / np.sqrt(3)], rtol=1e-9)


def test_corners_of_the_centred_zone_are_equally_near_to_three_lattice_points():
    reciprocal = 2 * np.pi * np.linalg.inv(np.asarray(CENTRED.cell)).T[:2]
    steps = np.indices((7, 7)).reshape(2, -1).T - 3
    near = {
        label: np.sort(np.linalg.norm(k - steps @ reciprocal, axis=1))
        for label, k in places(CENTRED, band_path(CENTRED))
    }
    for label in ("Σ₀", "C₀"):
        assert_allclose(near[label][:3], near[label][0], rtol=1e-9)
    for label in ("Y", "S"):
        assert_allclose(near[label][:2], near[label][0], rtol=1e-9)
    assert near["S"][2] > 1.01 * near["S"][0]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "matrix", [[[1, 0], [0, 1]], [[2, 1], [1, 1]], [[2, 0], [1, 2]], [[3, 0], [0, 1]]]
)
@pytest.mark.parametrize("name", ["hexagonal", "centred", "oblique", "rectangular"])
def test_the_path_is_that_of_the_lattice_whatever_the_cell(name, matrix, axis):
    crystal, expected = STANDARD[name]
    whole = np.eye(3, dtype=int)
    whole[:2, :2] = matrix
    other = make_supercell(crystal, whole).crystal
    order = np.roll([0, 1, 2], axis)
    # The vector of the vacuum may be skew.
    cell = np.asarray(other.cell) + np.diag([0.0, 0.0, 1.0]) @ np.full((3, 3), 0.7)
    other = Crystal.create(
        other.numbers,
        cell[order],
        positions=other.positions,
        pbc=np.array(PLANE)[order],
    )
    path = band_path(other, spacing=0.3)
    if name != "rectangular":  # there, X follows the first vector of the cell
        assert lines(path) == expected
        lengths = {label: np.linalg.norm(k) for label, k in places(other, path)}
        usual = places(crystal, band_path(crystal, spacing=0.3))
        for label, k in usual:
            assert_allclose(lengths[label], np.linalg.norm(k), atol=1e-8)
    assert (path.q[:, ~np.array(other.pbc)] == 0).all()
    assert_allclose(
        path.distance[-1],
        band_path(crystal, spacing=0.3).distance[-1],
        rtol=1e-9,
    )


def test_a_chain_runs_from_gamma_to_its_zone_boundary():
    chain = Crystal.create(
        [6, 6],
        np.diag([12.0, 2.6, 12.0]),
        fractional=[[0, 0, 0], [0, 0.5, 0]],
        pbc=(False, True, False),
    )
    path = band_path(chain)
    assert lines(path) == ["Γ X"]
    assert_allclose(path.q[-1], [0, 1, 0])  # two cells of 1.3 Å
    assert_allclose(path.distance[-1], np.pi / 1.3, rtol=1e-12)
    carbide = chain.replace(numbers=np.array([6, 14], np.int32))
    assert_allclose(band_path(carbide).q[-1], [0, 0.5, 0])


def test_isotopes_make_the_path_of_their_own_lattice():
    square = plane(3.0, 3.0, 90)
    double = make_supercell(square, (2, 1, 1)).crystal
    assert lines(band_path(double)) == ["Γ X M Γ"]
    mixed = double.replace(given_masses=np.array([12.0, 13.0]))
    assert lines(band_path(mixed)) == ["Γ X S Y Γ"]
    assert_allclose(band_path(mixed).q.max(axis=0), [0.5, 0.5, 0])


SILICON = Crystal.from_ase(ase.build.bulk("Si"))


def test_lines_of_ones_own_go_through_standard_points():
    path = band_path(SILICON, ["Γ X", ("U", "Γ", "L")])
    assert lines(path) == ["Γ X", "U Γ L"]
    standard = band_path(SILICON)
    known = {label: standard.q[row] for row, label in standard.ticks}
    for row, label in path.ticks:
        assert_allclose(path.q[row], known[label])


def test_names_may_be_spelled_in_several_ways():
    expected = band_path(SILICON, ["Γ X"]).q
    for name in ("G", "GAMMA", "Gamma", "gamma"):
        assert_allclose(band_path(SILICON, [[name, "X"]]).q, expected)
    for name in ("Σ₀", "SIGMA_0", "Σ0", "sigma_0"):
        assert lines(band_path(CENTRED, [[name, "Γ"]])) == ["Σ₀ Γ"]
    for name in ("C₀", "C_0", "C0"):
        assert lines(band_path(CENTRED, [[name, "Γ"]])) == ["C₀ Γ"]


def test_points_of_ones_own_are_where_they_are_said_to_be():
    path = band_path(
        SILICON, [["Γ", "A"], ["A", "B"]], {"A": [0.1, 0, 0], "B": (0.5, 0.5, 0.25)}
    )
    assert lines(path) == ["Γ A", "A B"]
    assert_allclose(path.q[-1], [0.5, 0.5, 0.25])
    moved = band_path(SILICON, ["Γ X"], {"X": [0, 0, 0.3]})
    assert_allclose(moved.q[-1], [0, 0, 0.3])


@pytest.mark.parametrize(
    ("crystal", "own", "points", "message"),
    [
        (SILICON, [["Γ", "Xx"]], None, "no point 'Xx': did you mean 'X'"),
        (SILICON, [["Γ", "M"]], None, "no point 'M': there are"),
        (SILICON, [["Γ"]], None, "two corners or more"),
        (SILICON, [], None, "a path needs a line"),
        (SILICON, None, {"A": [0, 0, 0.1]}, "points A belong to no line"),
        (SILICON, ["Γ A"], {"A": [0, 0.1]}, "three finite components"),
        (SILICON, ["Γ A"], {"A": [0, 0.1, np.nan]}, "three finite components"),
        (GRAPHENE, ["Γ A"], {"A": [0, 0, 0.5]}, "0 along directions that are not"),
    ],
)
def test_points_that_are_none_are_refused(crystal, own, points, message):
    with pytest.raises(ValueError, match=message):
        band_path(crystal, own, points)
