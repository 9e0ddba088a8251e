"""Supercells: the same crystal, and the phases that fit into it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import (
    Crystal,
    cell_map,
    commensurate_q,
    conventional,
    make_supercell,
    neighbors,
    primitive,
)
from tests.force_constants.lattices import silicon

MATRICES = [
    [2, 1, 3],
    [[-1, 1, 1], [1, -1, 1], [1, 1, -1]],
    [[2, 1, 0], [-1, 3, 2], [0, -2, -1]],
    [[0, 1, 0], [1, 0, 0], [0, 0, -2]],
    [[1, 7, 0], [0, 1, -5], [0, 0, 2]],
]


def crystal():
    rng = np.random.default_rng(0)
    return Crystal.create(
        [14, 8, 8],
        np.array([[4.0, 0.2, 0.1], [-1.1, 3.7, 0.4], [0.3, 0.9, 4.4]]),
        fractional=rng.uniform(-1, 2, size=(3, 3)),
    )


@pytest.fixture(params=MATRICES, ids=str)
def matrix(request):
    return request.param


def test_supercell_atoms_are_primitive_atoms_moved_by_lattice_vectors(matrix):
    primitive = crystal()
    supercell = make_supercell(primitive, matrix)
    expected = (
        primitive.positions[supercell.atom] + supercell.translation @ primitive.cell
    )
    assert_allclose(supercell.crystal.positions, expected, atol=1e-12)  # round-off
    assert (supercell.crystal.numbers == primitive.numbers[supercell.atom]).all()


def test_supercell_holds_every_atom_once(matrix):
    primitive = crystal()
    supercell = make_supercell(primitive, matrix)
    n_cells = round(abs(np.linalg.det(supercell.matrix)))
    assert supercell.crystal.n_atoms == n_cells * primitive.n_atoms
    assert_allclose(
        supercell.crystal.volume, n_cells * primitive.volume, rtol=1e-12
    )  # round-off
    # No lattice vector of the supercell joins two of its cells.
    cells = np.unique(supercell.translation, axis=0)
    difference = (cells[:, None] - cells) @ np.linalg.inv(supercell.matrix)
    same = np.isclose(difference, np.rint(difference), atol=1e-9).all(axis=-1)
    assert (same == np.eye(n_cells, dtype=bool)).all()


def test_home_cell_comes_first(matrix):
    primitive = crystal()
    supercell = make_supercell(primitive, matrix)
    assert (supercell.translation[: primitive.n_atoms] == 0).all()
    assert (supercell.atom[: primitive.n_atoms] == np.arange(3)).all()


def test_neighbor_distances_are_those_of_the_primitive_cell(matrix):
    primitive = crystal()
    supercell = make_supercell(primitive, matrix)

    def distances(c):
        e = neighbors(c, 4.0)
        x = c.positions
        vectors = x[e.senders] + e.shifts @ c.cell - x[e.receivers]
        return np.sort(np.linalg.norm(vectors, axis=1))

    n_cells = len(commensurate_q(matrix))
    expected = np.repeat(distances(primitive), n_cells)
    assert_allclose(distances(supercell.crystal), expected, atol=1e-10)  # round-off


def test_commensurate_q_have_unit_phase_along_supercell_vectors(matrix):
    q = commensurate_q(matrix)
    supercell = make_supercell(crystal(), matrix)
    assert len(q) == round(abs(np.linalg.det(supercell.matrix)))
    assert_allclose(q[0], 0)
    turns = q @ supercell.matrix.T
    assert_allclose(turns, np.rint(turns), atol=1e-12)  # round-off


def test_commensurate_phases_form_an_orthogonal_basis_over_the_cells(matrix):
    q = commensurate_q(matrix)
    cells = make_supercell(crystal(), matrix).translation[::3]
    phases = np.exp(2j * np.pi * q @ cells.T)
    assert_allclose(
        phases @ phases.conj().T, len(q) * np.eye(len(q)), atol=1e-10
    )  # round-off


def test_supercell_differentiates_with_respect_to_the_crystal():
    primitive = jax.tree.map(jnp.asarray, crystal())

    def spread(cell):
        larger = make_supercell(primitive.replace(cell=cell), [2, 1, 1]).crystal
        return jnp.sum(larger.positions**2)

    gradient = jax.grad(spread)(primitive.cell)
    step = 1e-5 * np.eye(3)[:, [1, 0, 2]]
    numeric = (spread(primitive.cell + step) - spread(primitive.cell - step)) / 2
    # quadratic: central differences are exact but for round-off
    assert_allclose(jnp.sum(gradient * step), numeric, rtol=1e-7)


def test_direction_without_period_is_not_repeated():
    slab = crystal().replace(pbc=(True, True, False))
    assert make_supercell(slab, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]).crystal.n_atoms == 6
    with pytest.raises(ValueError, match="periodic directions only"):
        make_supercell(slab, [1, 1, 2])
    with pytest.raises(ValueError, match="periodic directions only"):
        make_supercell(slab, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize("bad", [[2, 2], [[1, 0], [0, 1]], [1.5, 1, 1]])
def test_matrix_that_is_not_of_integers_raises(bad):
    with pytest.raises(ValueError, match="integers"):
        make_supercell(crystal(), bad)


@pytest.mark.parametrize("bad", [[2, 0, 1], [[1, 1, 0], [2, 2, 0], [0, 0, 1]]])
def test_singular_matrix_raises(bad):
    with pytest.raises(ValueError, match="linearly independent"):
        make_supercell(crystal(), bad)


def test_the_map_of_a_cell_leads_every_atom_to_its_image():
    larger = conventional(silicon())
    smaller = primitive(larger)
    found = cell_map(larger, smaller)
    assert abs(round(np.linalg.det(found.matrix))) == 4
    images = smaller.fractional[found.atom] + found.translation
    # Both describe the crystal at the same place, to round-off.
    assert_allclose(images @ smaller.cell, larger.positions, atol=1e-8)
    assert_allclose(found.matrix @ smaller.cell, larger.cell, atol=1e-8)
    with pytest.raises(ValueError, match="the same crystal"):
        cell_map(larger, smaller.replace(fractional=smaller.fractional + 0.1))
