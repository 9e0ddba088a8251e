"""Branches that cross, against analytic ones, and their invariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import BandPath, path_through
from matjax.lattice_dynamics import Bands, connect, phonons
from tests.force_constants.lattices import fcc, silicon, springs, stillinger_weber

RNG = np.random.default_rng(5)


def straight(n):
    """A line of n points and no geometry."""
    x = np.linspace(0, 1, n)
    return BandPath(x[:, None] * [1.0, 0, 0], x, ((0, "A"), (n - 1, "B")), ((0, n),))


def ascending(curves, vectors):
    """Bands sorted by frequency, and their eigenvectors, as a solver gives them."""
    order = np.argsort(curves, axis=1)
    frequencies = np.take_along_axis(curves, order, axis=1)
    sorted_vectors = np.take_along_axis(vectors, order[:, None, :], axis=2)
    return Bands(straight(len(curves)), frequencies), sorted_vectors


def random_unitary(n):
    return np.linalg.qr(RNG.normal(size=(n, n)) + 1j * RNG.normal(size=(n, n)))[0]


def roughness(frequencies):
    """Largest second difference of any column."""
    return abs(np.diff(frequencies, n=2, axis=0)).max()


def test_branches_cross_between_two_points():
    x = np.linspace(0, 1, 20)
    curves = np.stack([1 + 4 * x, 3 + 0 * x, 4 - 2 * x], axis=1)
    vectors = np.broadcast_to(random_unitary(3), (20, 3, 3))
    bands, vectors = ascending(curves, vectors)
    assert_allclose(connect(bands, vectors).connected, curves, atol=1e-15)


def test_branches_cross_at_a_point_whose_eigenvectors_are_arbitrary():
    """Three curves meet at the middle point, where any basis of them is as good."""
    x = np.linspace(-1, 1, 21)
    curves = np.stack([3 + x, 3 + 0 * x, 3 - 2 * x, 1 + 0 * x], axis=1)
    basis = random_unitary(4)
    vectors = np.tile(basis, (21, 1, 1))
    vectors[10, :, :3] = basis[:, :3] @ random_unitary(3)
    bands, vectors = ascending(curves, vectors)
    found = connect(bands, vectors)
    assert_allclose(
        np.sort(found.connected[[0, -1]], axis=1), bands.frequencies[[0, -1]]
    )
    assert roughness(found.connected) < 1e-12  # straight lines, round-off
    assert roughness(bands.frequencies) > 0.05


def test_degenerate_branches_cross_others_together():
    """A pair with a random basis at every point, and a steeper single branch."""
    x = np.linspace(0, 1, 15)
    curves = np.stack([2 + x, 2 + x, 1 + 4 * x], axis=1)
    basis = random_unitary(3)
    vectors = np.tile(basis, (15, 1, 1))
    for row in range(15):
        vectors[row, :, :2] = basis[:, :2] @ random_unitary(2)
    bands, vectors = ascending(curves, vectors)
    connected = connect(bands, vectors).connected
    assert_allclose(connected[:, np.argmax(connected[-1])], 1 + 4 * x, atol=1e-14)


def test_branches_that_repel_do_not_cross():
    """Two levels coupled by 0.5, in steps smaller than the coupling."""
    x = np.linspace(-3, 3, 121)
    matrices = np.array([[[5 + t, 0.5], [0.5, 5 - t]] for t in x])
    frequencies, vectors = np.linalg.eigh(matrices)
    bands = Bands(straight(len(x)), frequencies)
    assert_allclose(connect(bands, vectors + 0j).connected, frequencies)


def test_springs_cross_where_their_polarizations_say():
    """ν² = k/π²m Σ sin²: along Γ–K–X of fcc the three branches are known.

    With q = (x, x, 2x) in reciprocal units, k along [110]; one transverse branch,
    polarized along [001], crosses the longitudinal one, polarized along [110].
    """
    found = phonons(springs(), fcc())
    corners = [[("Γ", (0, 0, 0)), ("X", (0.5, 0.5, 1.0))]]
    bands = found.bands(path_through(fcc(), corners, spacing=0.04))
    unconnected = bands._replace(branches=None)
    assert (bands.branches != bands.branches[1]).any()
    # Smooth curves in steps of 1/60 of the line, against kinks of the sorted ones.
    assert roughness(bands.connected) < 0.25 * roughness(bands.frequencies)
    with pytest.raises(ValueError, match="known of connected bands only"):
        _ = unconnected.connected


def test_connected_bands_of_silicon_are_the_same_frequencies_in_another_order():
    found = phonons(stillinger_weber(), silicon())
    bands = found.bands(spacing=0.05)
    assert_allclose(np.sort(bands.connected, axis=1), bands.frequencies, atol=0)
    for start, end in bands.path.lines:
        first = slice(start, start + 2)
        assert_allclose(bands.connected[first], bands.frequencies[first], atol=1e-4)
        # THz, within one step of 0.05/Å: sound travels 85 Å THz at most, /2π
        steps = abs(np.diff(bands.connected[start:end], axis=0))
        assert steps.max() < 0.05 * 85 / (2 * np.pi)
    plain = found.bands(bands.path, connected=False)
    assert_allclose(plain.frequencies, bands.frequencies, atol=1e-6)  # round-off at Γ
    assert plain.branches is None


def test_connection_does_not_depend_on_the_basis_of_degenerate_groups():
    crystal = silicon()
    corners = [[("X", (0.5, 0, 0.5)), ("Γ", (0, 0, 0)), ("L", (0.5, 0.5, 0.5))]]
    path = path_through(crystal, corners, spacing=0.1)
    frequencies, vectors = phonons(stillinger_weber(), crystal).modes(path.q)
    plain = Bands(path, frequencies)
    expected = connect(plain, vectors).connected
    for row, nu in enumerate(frequencies):
        for group in np.split(np.arange(6), np.flatnonzero(np.diff(nu) > 1e-4) + 1):
            turn = random_unitary(len(group))
            vectors[row][:, group] = vectors[row][:, group] @ turn
    assert_allclose(connect(plain, vectors).connected, expected, atol=1e-6)


def test_connection_does_not_depend_on_the_choice_of_home_atoms():
    crystal = silicon()
    moved = crystal.replace(
        fractional=crystal.fractional + np.array([[0] * 3, [5] * 3])
    )
    corners = [[("X", (0.5, 0, 0.5)), ("Γ", (0, 0, 0)), ("L", (0.5, 0.5, 0.5))]]
    path = path_through(crystal, corners, spacing=0.1)
    a, b = (phonons(stillinger_weber(), c).bands(path) for c in (crystal, moved))
    assert_allclose(a.connected, b.connected, atol=1e-6)  # round-off at Γ


def test_eigenvectors_of_another_path_are_refused():
    bands = Bands(straight(4), np.ones((4, 3)))
    with pytest.raises(ValueError, match="have eigenvectors of shape"):
        connect(bands, np.ones((5, 3, 3), complex))
