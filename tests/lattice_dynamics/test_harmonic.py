"""Phonons against textbook dispersions, invariances and bad input."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from numpy.testing import assert_allclose

import matjax
from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import Response, path_through
from matjax.lattice_dynamics import phonons
from matjax.units import THZ
from tests.force_constants.lattices import (
    DISTANCE,
    STIFFNESS,
    chain,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)

RNG = np.random.default_rng(1)
Q = RNG.uniform(-1, 1, (6, 3))


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


def test_fcc_springs_have_the_dispersion_of_born_and_von_karman():
    crystal = fcc()
    neighbors = [
        r
        for r in np.indices((3, 3, 3)).reshape(3, -1).T - 1
        if np.isclose(np.linalg.norm(r @ crystal.cell), DISTANCE)
    ]
    assert len(neighbors) == 12
    expected = np.zeros((len(Q), 3, 3))
    for r in neighbors:
        u = r @ crystal.cell / DISTANCE
        factor = STIFFNESS * (1 - np.cos(2 * np.pi * Q @ r)) / crystal.masses[0]
        expected += factor[:, None, None] * np.outer(u, u)
    found = phonons(springs(), crystal)
    assert_allclose(found.dynamical_matrix(Q), expected, atol=1e-12)  # round-off


def test_a_chain_of_two_masses_has_its_acoustic_and_optical_branch():
    """ω² = k(1/m + 1/M) ± k √((1/m + 1/M)² − 4 sin²(ka/2)/mM), Kittel, chapter 4."""
    found = phonons(springs((11, 17)), chain())
    m, M = found.masses
    x = np.linspace(-0.5, 0.5, 7)
    root = np.sqrt((1 / m + 1 / M) ** 2 - 4 * np.sin(np.pi * x) ** 2 / (m * M))
    squares = STIFFNESS * np.stack([1 / m + 1 / M - root, 1 / m + 1 / M + root], -1)
    frequencies = found.frequencies(np.stack([x, 0 * x, 0 * x], -1))
    # Transverse modes are free. A zero eigenvalue has 1e-16 of round-off, and its root
    # 1e-8 times the largest frequency.
    assert_allclose(frequencies[:, :4], 0, atol=1e-5)
    assert_allclose(frequencies[:, 4:], THZ * np.sqrt(squares), atol=1e-5)


def test_three_translations_cost_nothing(of_silicon):
    matrix = of_silicon.force_constants(np.zeros(3)).reshape(2, 3, 2, 3)
    assert_allclose(matrix.sum(axis=2), 0, atol=1e-12)  # round-off
    frequencies = of_silicon.frequencies(np.zeros(3))
    # THz: square root of the round-off 1e-14 of an eigenvalue
    assert_allclose(np.sort(abs(frequencies))[:3], 0, atol=1e-5)
    assert np.sort(abs(frequencies))[3] > 10


def test_a_doubled_cell_has_the_frequencies_of_both_points_that_fold_onto_q(of_silicon):
    doubled = make_supercell(silicon(), (1, 1, 2)).crystal
    found = phonons(stillinger_weber(), doubled)
    for q in Q[:2]:
        both = [q / [1, 1, 2], (q + np.array([0, 0, 1])) / [1, 1, 2]]
        expected = np.sort(of_silicon.frequencies(np.array(both)).ravel())
        assert_allclose(found.frequencies(q), expected, atol=1e-8)  # round-off


def test_frequencies_are_the_same_in_a_left_handed_rotated_cell(of_silicon):
    crystal = silicon()
    rotation = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    swap = [1, 0, 2]
    other = Crystal.create(
        [14, 14],
        crystal.cell[swap] @ rotation,
        fractional=crystal.fractional[:, swap] + np.array([[0.3, 1.2, -2.0]]),
    )
    found = phonons(stillinger_weber(), other)
    # round-off
    assert_allclose(found.frequencies(Q[:, swap]), of_silicon.frequencies(Q), atol=1e-8)


def test_frequencies_of_silicon_are_those_of_the_potential(of_silicon):
    """Γ optical 17.83 and X TA 6.65 THz at 5.431 Å: pinned, as our own numbers."""
    assert_allclose(of_silicon.frequencies(np.zeros(3))[-1], 17.83232, atol=1e-5)
    x = np.array([0.5, 0.5, 0])
    assert_allclose(of_silicon.frequencies(x)[0], 6.65196, atol=1e-5)


def test_sound_is_as_fast_as_springs_make_it():
    """ω = √(8k/m) sin(ka/4), longitudinal along [100], so dω/dk = √(8k/m) a/4."""
    found = phonons(springs(), fcc())
    a = DISTANCE * np.sqrt(2)
    path = path_through(fcc(), [[("Γ", (0, 0, 0)), ("X", (0.005, 0.005, 0))]])
    slope = found.frequencies(path.q)[-1, 2] / path.distance[-1]
    expected = THZ * np.sqrt(8 * STIFFNESS / found.masses[0]) * a / 4
    assert_allclose(slope, expected, rtol=1e-4)  # curvature of the sine, (ka/4)²/6


def test_a_compressed_chain_buckles_at_negative_frequencies():
    """Across the chain each spring counts as k(1 − r₀/r) < 0."""
    crystal = chain()
    shorter = crystal.replace(cell=np.diag([0.97, 1, 1]) @ crystal.cell)
    found = phonons(springs((11, 17)), shorter)
    across = STIFFNESS * (1 - 1 / 0.97)
    # At the zone boundary only one kind of atom moves, between two springs.
    expected = -THZ * np.sqrt(-2 * across / found.masses)
    frequencies = found.frequencies(np.array([0.5, 0, 0]))
    assert_allclose(frequencies[:4], np.repeat(expected, 2), rtol=1e-9)  # round-off


def test_frequencies_are_differentiable_by_the_parameters():
    crystal, q = fcc(), jnp.asarray(Q[0])
    source = phonons(springs(), crystal)

    def sum_of_frequencies(potential):
        response = Response(potential, potential.graph(crystal), n_atoms=1)
        return source.replace(source=response).frequencies(q).sum()

    slope = jax.jit(jax.grad(sum_of_frequencies))(springs()).params["stiffness"]
    # ν ∝ √k; round-off
    expected = source.frequencies(Q[0]).sum() / (2 * STIFFNESS)
    assert_allclose(slope, expected, rtol=1e-9)


def test_the_folder_can_be_imported_where_its_name_is_the_function():
    importlib.import_module("matjax.lattice_dynamics.thermal")
    from matjax.force_constants import regular_mesh
    from matjax.lattice_dynamics import Thermal

    assert matjax.phonons is phonons
    assert callable(regular_mesh)
    assert Thermal.__module__ == "matjax.lattice_dynamics.thermal"


@pytest.mark.parametrize("q", [np.zeros(2), np.zeros((3, 4)), np.array(0.5)])
def test_q_without_three_components_is_refused(of_silicon, q):
    # The tests' type checker speaks before the function does.
    with pytest.raises((ValueError, TypeCheckError), match=r"three components|\*q 3"):
        of_silicon.frequencies(q)


def test_q_may_be_a_list_of_integers(of_silicon):
    expected = of_silicon.frequencies(np.array([[1.0, 0.0, 0.0]]))
    assert_allclose(of_silicon.frequencies([[1, 0, 0]]), expected, atol=1e-12)


def test_q_that_is_not_finite_is_refused(of_silicon):
    with pytest.raises(ValueError, match="wave vectors must be finite"):
        of_silicon.frequencies(np.array([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]]))


def test_bad_meshes_and_temperatures_are_refused(of_silicon):
    for mesh in ((0, 4, 4), (4, -4, 4), (4, 4)):
        with pytest.raises(ValueError, match="three positive integers"):
            of_silicon.dos(mesh)
    with pytest.raises(ValueError, match="not negative"):
        of_silicon.thermal([-1.0])
    with pytest.raises(ValueError, match="not negative"):
        of_silicon.thermal([np.nan])
