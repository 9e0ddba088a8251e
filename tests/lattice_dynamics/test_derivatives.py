"""Perturbation theory of matrices, against differences of eigenvalues."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.lattice_dynamics.derivatives import (
    adapted_vectors,
    expectations,
    hermitian,
    in_chunks,
    relative_slopes,
)

RNG = np.random.default_rng(4)


def random_hermitian(n):
    matrix = RNG.normal(size=(n, n)) + 1j * RNG.normal(size=(n, n))
    return matrix + matrix.conj().T


def test_slopes_of_degenerate_eigenvalues_are_those_of_differences():
    """Three equal eigenvalues, which a perturbation splits into all directions."""
    unitary = np.linalg.qr(random_hermitian(5))[0]
    values = np.array([1.0, 2.0, 2.0, 2.0, 5.0])
    matrix = unitary * values @ unitary.conj().T
    perturbation = random_hermitian(5)
    vectors = adapted_vectors(values, unitary, [perturbation])
    slopes = expectations(vectors, perturbation[None])[:, 0]
    h = 1e-5
    ahead, behind = (np.linalg.eigvalsh(matrix + s * h * perturbation) for s in (1, -1))
    expected = (ahead - behind[[0, 3, 2, 1, 4]]) / (2 * h)
    # Ahead and behind the three are in opposite order; h² of the differences.
    assert_allclose(slopes, expected, atol=1e-7)
    assert_allclose(vectors.conj().T @ vectors, np.eye(5), atol=1e-12)  # round-off
    assert_allclose(vectors.conj().T @ matrix @ vectors, np.diag(values), atol=1e-12)


def test_what_one_perturbation_leaves_equal_the_next_splits():
    values, identity = np.ones(3), np.eye(3, dtype=complex)
    first = np.diag([1.0, 1.0, 2.0]).astype(complex)
    second = random_hermitian(3)
    vectors = adapted_vectors(values, identity, [first, second])
    inside = vectors[:, :2].conj().T @ second @ vectors[:, :2]
    assert_allclose(inside[0, 1], 0, atol=1e-12)  # round-off
    assert_allclose(abs(vectors[2, 2]), 1, rtol=1e-12)


def test_relative_slopes_are_logarithmic_derivatives_of_frequencies():
    values = np.array([4.0, -9.0, 0.0])
    slopes = np.array([[1.0], [3.0], [7.0]])
    # d log √λ = dλ/2λ; what is still does not move.
    assert_allclose(relative_slopes(values, slopes)[:, 0], [1 / 8, -1 / 6, 0])


def test_hermitian_parts_are_weighted_by_masses():
    matrix = RNG.normal(size=(6, 6)) + 1j * RNG.normal(size=(6, 6))
    masses = np.array([4.0, 9.0])
    found = hermitian(matrix, masses)
    assert_allclose(found, found.conj().T)
    assert_allclose(found[0, 4], (matrix[0, 4] + matrix[4, 0].conj()) / 2 / 6)


def test_chunks_give_each_point_its_own_result():
    derive = lambda q: (q.sum(axis=1), q**2)
    for n in (0, 1, 7, 40):
        points = RNG.normal(size=(n, 3))
        sums, squares = in_chunks(derive, points, None)
        assert_allclose(sums, points.sum(axis=1))
        assert_allclose(squares, points**2)
