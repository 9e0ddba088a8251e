"""Force constants on grids from few columns, against those computed one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import Response, SymmetricResponse, regular_mesh
from matjax.force_constants.grids import star_of_grid, symmetric_force_constants, unfold
from tests.force_constants.lattices import silicon, stillinger_weber
from tests.force_constants.symmetric_crystals import (
    CASES,
    Case,
    Q,
)


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request):
    return Case(*CASES[request.param])


@pytest.fixture(scope="module")
def of_silicon():
    return Case(*CASES["silicon"])


def test_columns_that_symmetry_leaves_give_the_force_constants(case):
    found = symmetric_force_constants(case.response, Q, case.operations)
    assert found.n_columns <= 3 * case.crystal.n_atoms * len(Q)
    # eV/Å²; round-off
    assert_allclose(found.force_constants, case.response(Q), atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 4, 3)])
def test_a_grid_unfolds_from_its_representatives(case, shape):
    star = star_of_grid(case.operations, shape)
    q = star.points / np.array(shape)
    assert len(q) <= len(regular_mesh(case.crystal, shape).q)
    found = unfold(case.operations, star, shape, case.response(q))
    grid = np.indices(shape).reshape(3, -1).T / shape
    expected = case.response(grid).reshape(found.shape)
    assert_allclose(found, expected, atol=1e-9)  # round-off


def test_single_precision_stays_single(of_silicon):
    potential = stillinger_weber().astype(jnp.float32)
    response = Response(potential, potential.graph(silicon()), n_atoms=2)
    found = symmetric_force_constants(response, Q, of_silicon.operations)
    expected = of_silicon.response(Q)
    # eV/Å² of 15; float32
    assert_allclose(found.force_constants, expected, atol=3e-5)


def test_a_response_by_symmetry_is_one_at_all_points(of_silicon):
    source = SymmetricResponse(of_silicon.response, of_silicon.operations)
    expected = of_silicon.response(Q)
    assert_allclose(source(Q), expected, atol=1e-9)  # round-off
    assert_allclose(source(Q.reshape(2, 4, 3))[1, 3], expected[7], atol=1e-9)
    assert_allclose(source(Q[1]), expected[1], atol=1e-9)
    assert source(np.zeros((0, 3))).shape == (0, 6, 6)
    by_jit = jax.jit(lambda source, q: source(q))(source, Q[:1])
    assert_allclose(by_jit[0], expected[0], atol=1e-9)
