"""Dynamical matrices: symmetry, masses, eigenvectors, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.units import THZ
from tests.force_constants.lattices import (
    silicon,
    stillinger_weber,
)

RNG = np.random.default_rng(1)


Q = RNG.uniform(-1, 1, (6, 3))


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


def test_dynamical_matrices_are_hermitian_and_conjugate_at_minus_q(of_silicon):
    matrix = of_silicon.dynamical_matrix(Q)
    assert_allclose(matrix, matrix.conj().swapaxes(1, 2), atol=1e-13)  # round-off
    assert_allclose(of_silicon.dynamical_matrix(-Q), matrix.conj(), atol=1e-13)


def test_dynamical_matrices_repeat_with_the_reciprocal_lattice(of_silicon):
    shifted = of_silicon.dynamical_matrix(Q + np.array([1, -2, 3]))
    # round-off of phases
    assert_allclose(shifted, of_silicon.dynamical_matrix(Q), atol=1e-12)


def test_frequencies_scale_with_the_root_of_the_mass(of_silicon):
    heavy = phonons(stillinger_weber(), silicon(), masses=4 * of_silicon.masses)
    # round-off
    assert_allclose(heavy.frequencies(Q), of_silicon.frequencies(Q) / 2, rtol=1e-10)


def test_eigenvectors_are_orthonormal_and_solve_the_eigenvalue_problem(of_silicon):
    frequencies, vectors = of_silicon.modes(Q)
    overlap = vectors.conj().swapaxes(1, 2) @ vectors
    assert_allclose(overlap, np.broadcast_to(np.eye(6), overlap.shape), atol=1e-12)
    squares = (frequencies / THZ) ** 2
    # round-off
    assert_allclose(
        of_silicon.dynamical_matrix(Q) @ vectors,
        vectors * squares[:, None, :],
        atol=1e-12,
    )
    assert_allclose(frequencies, of_silicon.frequencies(Q), atol=1e-8)


def test_frequencies_are_differentiable_at_degenerate_points(of_silicon):
    slope = jax.grad(lambda q: of_silicon.frequencies(q)[3:].sum())(jnp.zeros(3))
    # Optical branches are flat at Γ; round-off
    assert_allclose(slope, 0, atol=1e-6)
