"""Cells as six numbers."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import cell_parameters
from matjax.generate.cells import components, log_stretch, stretched, tensor_of

CELL = np.array([[3.1, 0.4, 0.0], [0.2, 3.6, 0.5], [-1.1, 0.3, 4.2]])
VOLUME = jnp.asarray(30.0)


def test_six_numbers_are_a_symmetric_tensor_of_the_same_norm():
    values = jnp.arange(1.0, 7.0)
    tensor = tensor_of(values)
    assert_allclose(tensor, tensor.T)
    assert_allclose(jnp.sum(tensor**2), jnp.sum(values**2))
    assert_allclose(components(tensor), values)


@pytest.mark.parametrize("hand", [1, -1])
def test_a_cell_comes_back_but_for_a_rotation(hand):
    back = stretched(log_stretch(jnp.asarray(hand * CELL), VOLUME), VOLUME)
    assert_allclose(back, back.T, atol=1e-12)
    parameters = cell_parameters(np.asarray(back))
    assert_allclose(parameters, cell_parameters(CELL), rtol=1e-12)


def test_rotations_and_reflections_change_no_number():
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    expected = log_stretch(jnp.asarray(CELL), VOLUME)
    for turn in (q, -q):
        found = log_stretch(jnp.asarray(CELL @ turn), VOLUME)
        assert_allclose(found, expected, atol=1e-12)


def test_the_trace_is_the_volume():
    found = tensor_of(log_stretch(jnp.asarray(CELL), VOLUME))
    expected = np.log(np.linalg.det(CELL) / 30.0)
    assert_allclose(jnp.trace(found), expected, rtol=1e-12)
    cube = stretched(jnp.zeros(6), VOLUME)
    assert_allclose(cube, np.eye(3) * 30.0 ** (1 / 3), rtol=1e-12)
