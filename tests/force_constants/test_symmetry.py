"""Force constants related by symmetry, against those computed one by one."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import Response
from matjax.force_constants.grids import symmetric_force_constants
from matjax.force_constants.symmetry import (
    Elements,
    complete,
    displacements,
    images_of,
    little_group,
    operations_of,
    rotate,
)
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential
from tests.force_constants.symmetric_crystals import (
    CASES,
    Case,
    Q,
)

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request):
    return Case(*CASES[request.param])


@pytest.fixture(scope="module")
def of_silicon():
    return Case(*CASES["silicon"])


def test_force_constants_turn_with_their_wave_vector(case):
    matrix = case.response(Q[-1])
    elements, images = images_of(case.operations, Q[-1])
    some = RNG.permutation(len(images))[:12]
    elements, images = Elements(*(x[some] for x in elements)), images[some]
    found = rotate(case.operations, elements, images, matrix)
    assert_allclose(found, case.response(images), atol=1e-9)  # round-off


@pytest.mark.parametrize(
    ("q", "count"),
    [
        ((0, 0, 0), 1),  # two triplets, each seen once
        ((0.5, 0.5, 0.5), 1),
        ((0.5, 0.5, 0), 1),
        # No rotation, but inversion with time reversal: two patterns in one column.
        ((0.31, -0.42, 0.13), 3),
    ],
)
def test_silicon_needs_few_columns(of_silicon, q, count):
    assert len(displacements(of_silicon.operations, np.array(q, float))) == count


def test_inner_translations_of_a_supercell_save_columns():
    crystal, _ = CASES["cubic cell of silicon"]
    patterns = displacements(operations_of(crystal), Q[-1])
    # Each q of the primitive cell that folds onto this one is a case of its own.
    assert len(patterns) == 3


def test_crystals_without_symmetry_get_unit_displacements():
    crystal, _ = CASES["triclinic"]
    operations = operations_of(crystal)
    assert len(operations.inverses) == 1
    patterns = displacements(operations, Q[-1])
    assert_allclose(patterns.reshape(9, 9), np.eye(9))
    # At Γ the force constants are real: a complex pattern is two.
    assert len(displacements(operations, np.zeros(3))) == 5


def test_errors_of_columns_are_not_amplified(case):
    for q in Q:
        patterns = displacements(case.operations, q)
        errors = RNG.normal(size=patterns.shape) + 1j * RNG.normal(size=patterns.shape)
        found = complete(case.operations, q, patterns, errors)
        n = 3 * case.crystal.n_atoms
        per_pattern = np.sqrt(np.sum(abs(errors) ** 2) / np.sum(abs(patterns) ** 2))
        # One number bounds all: the images of the patterns are a tight frame.
        assert np.linalg.norm(found) <= per_pattern * np.sqrt(n) * (1 + 1e-9)


def test_a_layer_is_not_moved_across_its_vacuum():
    """Two like layers half a cell apart: a translation only if the cell repeats."""
    places = [[0, 0, 0.25], [0, 0, 0.75]]
    slab = Crystal.create(
        [18, 18], np.diag([3.8, 3.8, 7.6]), fractional=places, pbc=(True, True, False)
    )
    repeated = slab.replace(pbc=(True, True, True))
    assert len(operations_of(repeated).inverses) == 32
    operations = operations_of(slab)
    assert len(operations.inverses) == 16
    potential = Potential.create(LennardJones()).astype(jnp.float64)
    response = Response(potential, potential.graph(slab), n_atoms=2)
    found = symmetric_force_constants(response, Q, operations)
    assert_allclose(found.force_constants, response(Q), atol=1e-9)  # round-off


def test_the_little_group_of_a_generic_point_is_small(of_silicon):
    elements = little_group(of_silicon.operations, Q[-1])
    assert_allclose(np.sort(elements.reversal), [False, True])
    everything = little_group(of_silicon.operations, np.zeros(3))
    assert len(everything.operation) == 96
