"""Reduced cells: as short as Niggli's, for every description."""

import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import niggli_reduce
from matjax.nn import reduction


def test_vectors_are_as_short_as_those_of_niggli():
    rng = np.random.default_rng(0)
    reduce = jax.jit(reduction)
    for _ in range(30):
        cell = 4 * np.eye(3) + 1.5 * rng.normal(size=(3, 3))
        skew = np.eye(3) + np.triu(rng.integers(-4, 5, size=(3, 3)), k=1)
        matrix = np.asarray(reduce(skew @ cell))
        assert_allclose(matrix, np.rint(matrix))
        assert_allclose(abs(np.linalg.det(matrix)), 1, rtol=1e-9)
        short = np.sort(np.linalg.norm(matrix @ skew @ cell, axis=1))
        niggli = np.sort(np.linalg.norm(niggli_reduce(cell)[0], axis=1))
        assert_allclose(short, niggli, rtol=1e-6)  # Niggli's tolerance


def test_reductions_have_no_derivative():
    cell = np.array([[3.0, 0, 0], [2.9, 3.1, 0], [0.4, 0.2, 2.8]])
    slope = jax.jacobian(lambda c: reduction(c) @ c)(cell)
    matrix = np.asarray(reduction(cell))
    expected = np.einsum("ik,jl->ijkl", matrix, np.eye(3))
    assert_allclose(slope, expected, atol=1e-12)
