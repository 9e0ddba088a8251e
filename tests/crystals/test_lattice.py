"""Lattice algebra against its defining equations and ASE."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.cell import Cell
from numpy.testing import assert_allclose

from matjax.crystals import (
    cell_from_parameters,
    cell_parameters,
    heights,
    inverse,
    niggli_reduce,
    reciprocal,
    volume,
)

ROUND_OFF = 1e-12

PARAMETERS = [
    [5.0, 5.0, 5.0, 90.0, 90.0, 90.0],
    [3.0, 3.0, 5.1, 90.0, 90.0, 120.0],
    [4.0, 4.0, 4.0, 60.0, 60.0, 60.0],
    [4.0, 5.0, 6.0, 90.0, 101.3, 90.0],
    [4.1, 5.3, 6.7, 71.0, 83.0, 112.0],
    [4.1, 5.3, 60.7, 20.0, 31.0, 45.0],
]


def random_cell(seed):
    return np.random.default_rng(seed).normal(size=(3, 3)) * 3


@pytest.fixture(params=range(4))
def cell(request):
    """Random cells, two of each handedness."""
    cell = random_cell(request.param)
    wanted = 1 if request.param % 2 else -1
    return cell * np.sign(np.linalg.det(cell)) * wanted


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_cell_of_parameters_is_that_of_ase(parameters):
    expected = Cell.fromcellpar(parameters).array
    assert_allclose(cell_from_parameters(parameters), expected, atol=1e-10)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters_come_back(parameters):
    again = cell_parameters(cell_from_parameters(parameters))
    assert_allclose(again, parameters, rtol=1e-10)  # round-off


def test_right_angles_are_exact():
    assert (cell_from_parameters([3, 4, 5, 90, 90, 90]) == np.diag([3, 4, 5])).all()


def test_parameters_do_not_depend_on_orientation_or_handedness(cell):
    expected = Cell(cell).cellpar()
    assert_allclose(cell_parameters(cell), expected, rtol=1e-10)  # arccos of ASE
    assert_allclose(cell_parameters(-cell), expected, rtol=1e-10)


def test_reciprocal_vectors_are_dual(cell):
    products = cell @ reciprocal(cell).T
    assert_allclose(products, 2 * np.pi * np.eye(3), atol=ROUND_OFF)


def test_inverse_is_the_inverse(cell):
    assert_allclose(cell @ inverse(cell), np.eye(3), atol=ROUND_OFF)


def test_volume_is_positive_for_both_handednesses(cell):
    assert_allclose(volume(cell), abs(np.linalg.det(cell)), rtol=ROUND_OFF)


def test_heights_are_volume_over_face_area(cell):
    areas = np.linalg.norm(np.cross(np.roll(cell, -1, 0), np.roll(cell, 1, 0)), axis=1)
    assert_allclose(heights(cell), volume(cell) / areas, rtol=ROUND_OFF)


def test_numpy_stays_numpy_and_jax_keeps_its_precision():
    cell = random_cell(0)
    assert isinstance(reciprocal(cell), np.ndarray)
    single = jnp.asarray(cell, jnp.float32)
    for function in (reciprocal, heights, cell_parameters, volume, inverse):
        assert function(single).dtype == jnp.float32


def test_derivatives_are_those_of_finite_differences():
    cell = random_cell(1)
    direction = random_cell(2)

    def everything(cell):
        again = cell_from_parameters(cell_parameters(cell))
        arrays = (reciprocal(cell), heights(cell), volume(cell), again)
        return jnp.concatenate([jnp.ravel(a) for a in arrays])

    _, tangent = jax.jit(
        lambda c: jax.jvp(everything, (c,), (jnp.asarray(direction),))
    )(jnp.asarray(cell))
    h = 1e-5
    difference = everything(cell + h * direction) - everything(cell - h * direction)
    # h² times third derivatives, and round-off / h
    assert_allclose(tangent, difference / (2 * h), rtol=1e-6, atol=1e-7)


def test_gradient_of_angles_is_finite_at_right_angles():
    gradient = jax.jacfwd(cell_parameters)(jnp.eye(3) * 4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("angles", [(150, 20, 90), (120, 120, 120), (90, 90, 0)])
def test_angles_without_volume_raise(angles):
    with pytest.raises(ValueError, match="span no volume"):
        cell_from_parameters([4.0, 4.0, 4.0, *angles])


def test_lengths_that_are_not_positive_raise():
    with pytest.raises(ValueError, match="must be positive"):
        cell_from_parameters([4.0, -4.0, 4.0, 90.0, 90.0, 90.0])


@pytest.mark.parametrize("bad", [[4.0] * 5, [4.0, 4.0, 4.0, 90.0, 90.0, np.nan]])
def test_parameters_that_are_not_six_numbers_raise(bad):
    with pytest.raises(ValueError, match="six finite numbers"):
        cell_from_parameters(bad)


def test_niggli_cell_spans_the_same_lattice(cell):
    sheared = np.array([[1, 0, 0], [4, 1, 0], [-3, 7, 1]]) @ cell
    reduced, matrix = niggli_reduce(sheared)
    assert_allclose(matrix @ sheared, reduced, atol=1e-10)  # round-off of the shear
    assert round(abs(np.linalg.det(matrix))) == 1
    assert np.linalg.det(reduced) > 0


def test_niggli_parameters_do_not_depend_on_the_basis(cell):
    sheared = np.array([[1, 0, 0], [4, 1, 0], [-3, 7, 1]]) @ cell
    expected = cell_parameters(niggli_reduce(cell)[0])
    assert_allclose(cell_parameters(niggli_reduce(sheared)[0]), expected, rtol=1e-9)


def test_niggli_cell_has_ordered_lengths_and_angles_of_one_kind(cell):
    parameters = cell_parameters(niggli_reduce(cell)[0])
    assert (np.diff(parameters[:3]) >= -1e-9).all()
    angles = parameters[3:]
    assert (angles <= 90 + 1e-9).all() or (angles >= 90 - 1e-9).all()


def test_niggli_reduction_of_a_flat_cell_raises():
    with pytest.raises(ValueError, match="span a volume"):
        niggli_reduce(np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]))
