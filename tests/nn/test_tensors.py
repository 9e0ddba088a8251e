"""Cartesian tensors from features: symmetric as asked, turning with the features."""

from itertools import permutations

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import TensorReadout, tensor_basis

FEATURES = e3nn.Irreps("3x0e + 2x1e + 2x2e + 1x4e")


def turned(tensor, matrix):
    for axis in range(tensor.ndim):
        tensor = np.moveaxis(np.tensordot(tensor, matrix, (axis, 1)), -1, axis)
    return tensor


@pytest.mark.parametrize(
    ("symmetry", "n_free"), [("ij", 9), ("ij=ji", 6), ("ijkl=jikl=klij", 21)]
)
def test_a_basis_spans_the_tensors_of_its_symmetry(symmetry, n_free):
    irreps, basis = tensor_basis(symmetry)
    assert irreps.dim == len(basis) == n_free  # 21 elastic constants of a triclinic one
    flat = basis.reshape(n_free, -1)
    assert_allclose(flat @ flat.T, np.eye(n_free), atol=1e-12)  # round-off
    if symmetry != "ij":
        assert_allclose(basis, basis.swapaxes(1, 2), atol=1e-12)
    if len(symmetry) > 6:
        assert_allclose(basis, basis.transpose(0, 3, 4, 1, 2), atol=1e-12)


@pytest.mark.parametrize("symmetry", ["ij", "ij=ji", "ijkl=jikl=klij"])
def test_tensors_turn_with_the_features(symmetry):
    readout = TensorReadout(symmetry)
    values = np.random.default_rng(0).normal(size=FEATURES.dim)
    features = e3nn.IrrepsArray(FEATURES, jnp.asarray(values))
    params = readout.init(jax.random.key(0), features)
    tensor = np.asarray(readout.apply(params, features))
    assert np.abs(tensor).max() > 0.1
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    for matrix in (turn, -turn):  # a rotation and one with a mirror: all are even
        moved = readout.apply(params, features.transform_by_matrix(jnp.array(matrix)))
        # e3nn-jax turns by angles that it finds to about 1e-7
        assert_allclose(moved, turned(tensor, matrix), atol=3e-6)
    assert all(
        np.allclose(tensor, tensor.transpose(p), atol=1e-12)
        for p in permutations(range(tensor.ndim))
        if symmetry == "ij=ji"
    )
