"""Force constants related by symmetry, against those computed one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import Response, SymmetricResponse, regular_mesh
from matjax.force_constants.grids import star_of_grid, symmetric_force_constants, unfold
from matjax.force_constants.symmetry import (
    Elements,
    complete,
    displacements,
    images_of,
    little_group,
    operations_of,
    rotate,
)
from matjax.models.potentials import LennardJones, Springs
from matjax.predictors import Potential
from tests.force_constants.lattices import silicon, stillinger_weber

RNG = np.random.default_rng(3)


def springs(species):
    """Stretched springs of every length up to the cutoff: no two alike."""
    model = Springs(species=species, stiffness=1.0, distance=1.0, onset=2.0, cutoff=4.3)
    return Potential.create(model).astype(jnp.float64)


def wurtzite():
    return Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.38))


def left_handed(crystal):
    """The same crystal in a left-handed, skewed basis, turned in space and moved."""
    basis = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 1]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    fractional = crystal.fractional @ np.linalg.inv(basis) + np.array([0.3, 1.2, -2.0])
    cell = basis @ crystal.cell @ turn
    return Crystal.create(crystal.numbers, cell, fractional=fractional)


def triclinic():
    cell = [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [0.2, 0.9, 3.9]]
    places = [[0, 0, 0], [0.4, 0.3, 0.1], [0.7, 0.6, 0.45]]
    return Crystal.create([14, 8, 8], cell, fractional=places)


def perovskite():
    places = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Crystal.create([38, 22, 8, 8, 8], 3.9 * np.eye(3), fractional=places)


def rutile():
    u = 0.3053
    places = [[0, 0, 0], [0.5] * 3]
    places += [[u, u, 0], [-u, -u, 0], [0.5 - u, 0.5 + u, 0.5], [0.5 + u, 0.5 - u, 0.5]]
    cell = np.diag([4.594, 4.594, 2.959])
    return Crystal.create([22, 22, 8, 8, 8, 8], cell, fractional=places)


CASES = {
    "silicon": (silicon(), stillinger_weber()),
    "left-handed silicon": (left_handed(silicon()), stillinger_weber()),
    "cubic cell of silicon": (
        make_supercell(silicon(), [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]).crystal,
        stillinger_weber(),
    ),
    "wurtzite": (wurtzite(), springs((8, 30))),
    "left-handed wurtzite": (left_handed(wurtzite()), springs((8, 30))),
    "hcp": (Crystal.from_ase(bulk("Mg", "hcp", a=3.2, c=5.1)), springs((12,))),
    "perovskite": (perovskite(), springs((8, 22, 38))),
    "rutile": (rutile(), springs((8, 22))),
    "triclinic": (triclinic(), springs((8, 14))),
}


class Case:
    def __init__(self, crystal, potential):
        self.crystal = crystal
        graph = potential.graph(crystal)
        self.response = Response(potential, graph, n_atoms=crystal.n_atoms)
        self.operations = operations_of(crystal)


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request):
    return Case(*CASES[request.param])


@pytest.fixture(scope="module")
def of_silicon():
    return Case(*CASES["silicon"])


Q = np.array(
    [
        [0, 0, 0],
        [0.5, 0, 0],
        [0.5, 0.5, 0],
        [0.5, 0.5, 0.5],
        [1 / 3, 1 / 3, 0],
        [0.21, 0.21, 0],
        [0.5, 0.25, 0.75],
        [0.31, -0.42, 0.13],
    ]
)


def test_columns_that_symmetry_leaves_give_the_force_constants(case):
    found = symmetric_force_constants(case.response, Q, case.operations)
    assert found.n_columns <= 3 * case.crystal.n_atoms * len(Q)
    # eV/Å²; round-off
    assert_allclose(found.force_constants, case.response(Q), atol=1e-9)


def test_force_constants_turn_with_their_wave_vector(case):
    matrix = case.response(Q[-1])
    elements, images = images_of(case.operations, Q[-1])
    some = RNG.permutation(len(images))[:12]
    elements, images = Elements(*(x[some] for x in elements)), images[some]
    found = rotate(case.operations, elements, images, matrix)
    assert_allclose(found, case.response(images), atol=1e-9)  # round-off


@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 4, 3)])
def test_a_grid_unfolds_from_its_representatives(case, shape):
    star = star_of_grid(case.operations, shape)
    q = star.points / np.array(shape)
    assert len(q) <= len(regular_mesh(case.crystal, shape).q)
    found = unfold(case.operations, star, shape, case.response(q))
    grid = np.indices(shape).reshape(3, -1).T / shape
    expected = case.response(grid).reshape(found.shape)
    assert_allclose(found, expected, atol=1e-9)  # round-off


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


def test_single_precision_stays_single(of_silicon):
    potential = stillinger_weber().astype(jnp.float32)
    response = Response(potential, potential.graph(silicon()), n_atoms=2)
    found = symmetric_force_constants(response, Q, of_silicon.operations)
    expected = of_silicon.response(Q)
    # eV/Å² of 15; float32
    assert_allclose(found.force_constants, expected, atol=3e-5)


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


def test_a_response_by_symmetry_is_one_at_all_points(of_silicon):
    source = SymmetricResponse(of_silicon.response, of_silicon.operations)
    expected = of_silicon.response(Q)
    assert_allclose(source(Q), expected, atol=1e-9)  # round-off
    assert_allclose(source(Q.reshape(2, 4, 3))[1, 3], expected[7], atol=1e-9)
    assert_allclose(source(Q[1]), expected[1], atol=1e-9)
    assert source(np.zeros((0, 3))).shape == (0, 6, 6)
    by_jit = jax.jit(lambda source, q: source(q))(source, Q[:1])
    assert_allclose(by_jit[0], expected[0], atol=1e-9)
