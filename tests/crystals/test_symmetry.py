"""Space groups against the International Tables, averages against their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spglib
from ase.build import bulk
from ase.spacegroup import crystal as ase_crystal
from numpy.testing import assert_allclose

from matjax.crystals import (
    Crystal,
    conventional,
    neighbors,
    niggli,
    primitive,
    space_group,
    symmetrize_tensor,
    symmetrize_vectors,
    symmetrized,
)

ROUND_OFF = 1e-10


def silicon(*, cubic=False):
    return Crystal.from_ase(bulk("Si", a=5.431, cubic=cubic))


def quartz(number=152):
    """Right-handed (152) or left-handed (154) quartz."""
    z = {152: 1 / 3, 154: 2 / 3}[number]
    atoms = ase_crystal(
        ["Si", "O"],
        [(0.4697, 0, z), (0.4135, 0.2669, z - 0.2142)],
        spacegroup=number,
        cellpar=[4.916, 4.916, 5.4054, 90, 90, 120],
    )
    return Crystal.from_ase(atoms)


def rotated_and_shifted(crystal, seed=0):
    """The same crystal, rotated rigidly and with its origin moved."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return crystal.replace(
        cell=crystal.cell @ rotation, fractional=crystal.fractional + rng.random(3)
    )


def left_handed(crystal):
    """The same crystal described by a left-handed cell."""
    swap = [1, 0, 2]
    return crystal.replace(
        cell=crystal.cell[swap], fractional=crystal.fractional[:, swap]
    )


CRYSTALS = {
    "silicon": (silicon, 227, "Fd-3m", 48),
    "cubic silicon": (lambda: silicon(cubic=True), 227, "Fd-3m", 192),
    "rock salt": (
        lambda: Crystal.from_ase(bulk("NaCl", "rocksalt", a=5.64)),
        225,
        "Fm-3m",
        48,
    ),
    "magnesium": (lambda: Crystal.from_ase(bulk("Mg")), 194, "P6_3/mmc", 24),
    "quartz": (quartz, 152, "P3_121", 6),
    "left quartz": (lambda: quartz(154), 154, "P3_221", 6),
}


@pytest.fixture(params=CRYSTALS, scope="module")
def case(request):
    make, *expected = CRYSTALS[request.param]
    return rotated_and_shifted(make()), expected


@pytest.mark.parametrize("change", [lambda c: c, left_handed])
def test_space_group_is_that_of_the_tables(case, change):
    crystal, (number, symbol, order) = case
    symmetry = space_group(change(crystal))
    assert (symmetry.number, symmetry.symbol) == (number, symbol)
    assert symmetry.n_operations == order


def test_mirror_image_of_quartz_is_the_other_enantiomorph():
    mirrored = quartz()
    mirrored = mirrored.replace(cell=mirrored.cell * [1, 1, -1])
    assert space_group(mirrored).number == 154


@pytest.mark.parametrize("change", [lambda c: c, left_handed])
def test_operations_carry_atoms_onto_the_atoms_of_the_permutation(case, change):
    crystal = change(case[0])
    symmetry = space_group(crystal)
    images = (
        crystal.fractional @ symmetry.rotations.swapaxes(1, 2)
        + symmetry.translations[:, None]
    )
    difference = images - crystal.fractional[symmetry.permutation]
    # round-off, and 1/3 typed in CIF style nowhere here
    assert_allclose(difference, np.rint(difference), atol=1e-8)
    assert (crystal.numbers[symmetry.permutation] == crystal.numbers).all()


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")
def test_equivalent_atoms_are_those_of_spglib():
    crystal = quartz()
    data = (crystal.cell, crystal.fractional, crystal.numbers)
    expected = spglib.get_symmetry_dataset(data, 1e-3).equivalent_atoms
    assert (space_group(crystal).equivalent == expected).all()


def test_symmetrized_vectors_are_invariant_and_averaging_is_a_projection(case):
    crystal, _ = case
    symmetry = space_group(crystal)
    vectors = np.random.default_rng(1).normal(size=(crystal.n_atoms, 3))
    once = np.asarray(symmetrize_vectors(symmetry, crystal.cell, vectors))
    twice = symmetrize_vectors(symmetry, crystal.cell, once)
    assert_allclose(twice, once, atol=ROUND_OFF)
    rotation = np.linalg.inv(crystal.cell) @ symmetry.rotations.swapaxes(1, 2)
    rotated = once @ (rotation @ crystal.cell)
    for image, permutation in zip(rotated, symmetry.permutation, strict=True):
        assert_allclose(image, once[permutation], atol=ROUND_OFF)


def test_forces_that_have_the_symmetry_are_kept():
    crystal = rotated_and_shifted(quartz())
    # Sum over neighbors of the vectors to them: a force field with the full symmetry.
    edges = neighbors(crystal, 4.0)
    vectors = (
        crystal.positions[edges.senders]
        + edges.shifts @ crystal.cell
        - crystal.positions[edges.receivers]
    )
    forces = np.zeros((crystal.n_atoms, 3))
    np.add.at(forces, edges.receivers, vectors)
    assert np.abs(forces).max() > 1
    average = symmetrize_vectors(space_group(crystal), crystal.cell, forces)
    assert_allclose(average, forces, atol=1e-7)  # quartz typed with 16 digits, sums


def test_symmetrized_tensor_of_a_cubic_crystal_is_isotropic():
    crystal = rotated_and_shifted(silicon())
    tensor = np.random.default_rng(2).normal(size=(3, 3))
    average = symmetrize_tensor(space_group(crystal), crystal.cell, tensor)
    assert_allclose(average, np.eye(3) * np.trace(tensor) / 3, atol=ROUND_OFF)


def test_symmetrized_tensor_of_a_uniaxial_crystal_has_two_values():
    crystal = Crystal.from_ase(bulk("Mg"))  # c along z
    tensor = np.random.default_rng(3).normal(size=(3, 3))
    average = symmetrize_tensor(space_group(crystal), crystal.cell, tensor)
    plane = (tensor[0, 0] + tensor[1, 1]) / 2
    assert_allclose(average, np.diag([plane, plane, tensor[2, 2]]), atol=ROUND_OFF)


def test_averages_compile_and_differentiate():
    crystal = silicon()
    symmetry = space_group(crystal)

    @jax.jit
    def total(cell, tensor, vectors):
        a = symmetrize_tensor(symmetry, cell, tensor)
        b = symmetrize_vectors(symmetry, cell, vectors)
        return jnp.sum(a**2) + jnp.sum(b**2)

    gradients = jax.grad(total, argnums=(0, 1, 2))(
        jnp.asarray(crystal.cell), jnp.eye(3), jnp.ones((2, 3))
    )
    assert all(np.isfinite(g).all() for g in gradients)
    # d/dT of |trace/3 · 1|² at the unit tensor is 2 · 1
    assert_allclose(gradients[1], 2 * np.eye(3), atol=ROUND_OFF)


def test_symmetrized_crystal_has_its_group_to_round_off(case):
    crystal, (number, _, order) = case
    rng = np.random.default_rng(4)
    noisy = crystal.replace(
        fractional=crystal.fractional + rng.normal(size=(crystal.n_atoms, 3)) * 2e-4,
        cell=crystal.cell @ (np.eye(3) + rng.normal(size=(3, 3)) * 1e-4),
    )
    clean = symmetrized(noisy, symprec=2e-2)
    tight = space_group(clean, symprec=1e-8)
    assert (tight.number, tight.n_operations) == (number, order)
    assert np.abs(clean.positions - noisy.positions).max() < 2e-2
    # already symmetric: nothing moves, nothing rotates
    again = symmetrized(clean)
    assert_allclose(again.positions, clean.positions, atol=1e-9)
    assert_allclose(again.cell, clean.cell, atol=1e-9)


@pytest.mark.parametrize("change", [lambda c: c, left_handed])
def test_primitive_cell_is_the_same_crystal(case, change):
    crystal = change(case[0])
    reduced = primitive(crystal)
    assert np.linalg.det(reduced.cell) > 0
    assert_same_crystal(reduced, crystal)
    assert reduced.n_atoms == primitive(reduced).n_atoms


@pytest.mark.parametrize("change", [lambda c: c, left_handed])
def test_conventional_cell_is_the_same_crystal(case, change):
    crystal = change(case[0])
    assert_same_crystal(conventional(crystal), crystal)


def test_primitive_and_conventional_silicon_have_two_and_eight_atoms():
    assert primitive(silicon(cubic=True)).n_atoms == 2
    assert conventional(silicon()).n_atoms == 8


def test_idealized_cell_has_the_standard_orientation():
    crystal = rotated_and_shifted(silicon())
    cell = conventional(crystal, idealize=True).cell
    assert_allclose(cell, 5.431 * np.eye(3), atol=1e-6)  # spglib refines the length


def test_niggli_cell_is_the_same_crystal(case):
    crystal, _ = case
    sheared = crystal.replace(
        cell=np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]) @ crystal.cell,
        fractional=crystal.fractional
        @ np.linalg.inv([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]),
    )
    reduced = niggli(sheared)
    assert_allclose(reduced.positions, crystal.positions, atol=ROUND_OFF)
    assert_same_crystal(reduced, crystal)


def assert_same_crystal(a, b):
    """Each atom of either lies on an atom of the other, modulo the other's lattice."""
    assert_allclose(a.volume / a.n_atoms, b.volume / b.n_atoms, rtol=1e-9)
    dense, other = (a, b) if a.n_atoms <= b.n_atoms else (b, a)
    # translations of the larger cell are translations of the smaller one
    matrix = other.cell @ np.linalg.inv(dense.cell)
    assert_allclose(matrix, np.rint(matrix), atol=1e-8)
    fractional = other.positions @ np.linalg.inv(dense.cell)
    apart = fractional[:, None] - dense.fractional
    apart = np.linalg.norm((apart - np.rint(apart)) @ dense.cell, axis=-1)
    nearest = apart.argmin(axis=1)
    assert_allclose(apart[np.arange(len(nearest)), nearest], 0, atol=1e-6)
    assert (dense.numbers[nearest] == other.numbers).all()


def test_direction_without_period_has_no_space_group():
    slab = silicon().replace(pbc=(True, True, False))
    with pytest.raises(ValueError, match="three periodic directions"):
        space_group(slab)


def test_failed_search_says_what_to_change():
    with pytest.raises(ValueError, match="change symprec"):
        space_group(silicon(), symprec=5.0)
    with pytest.raises(ValueError, match="must be positive"):
        space_group(silicon(), symprec=0.0)


def test_site_listed_twice_has_no_space_group():
    crystal = silicon()
    twice = Crystal.create([14, 14], crystal.cell, fractional=np.zeros((2, 3)) + 0.25)
    with pytest.raises(ValueError, match="listed twice"):
        space_group(twice)


def test_spglib_raises_no_warning(recwarn):
    primitive(silicon(cubic=True))
    niggli(silicon())
    assert not [w for w in recwarn.list if "OLD_ERROR_HANDLING" in str(w.message)]
