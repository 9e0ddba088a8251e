"""Meshes against spglib's and against full ones; paths against known corners."""

import numpy as np
import pytest
import seekpath
import spglib
from ase.build import bulk, graphene
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import (
    band_path,
    divisions,
    mesh_divisions,
    path_through,
    regular_mesh,
)
from matjax.lattice_dynamics import phonons, temperature_range
from tests.force_constants.lattices import (
    chain,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)

CRYSTALS = {
    "silicon": silicon(),
    "left-handed": silicon().replace(
        cell=silicon().cell[[1, 0, 2]], fractional=silicon().fractional[:, [1, 0, 2]]
    ),
    "hexagonal": Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2)),
    "tetragonal": Crystal.create([5], np.diag([3.0, 3.0, 4.0]), fractional=[[0.1] * 3]),
    "triclinic": Crystal.create(
        [14, 8],
        [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [0.2, 0.9, 3.9]],
        fractional=[[0, 0, 0], [0.4, 0.3, 0.1]],
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of spglib
@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, 0.5, 0.5)])
def test_meshes_have_as_many_points_as_spglibs(name, shift):
    crystal, shape = CRYSTALS[name], (4, 4, 6) if name == "tetragonal" else (4, 4, 4)
    # Right-handed twin: spglib is not sure of left-handed cells.
    sign = np.sign(np.linalg.det(crystal.cell))
    twin = (sign * crystal.cell, sign * crystal.fractional, crystal.numbers)
    mapping, _ = spglib.get_ir_reciprocal_mesh(
        shape, twin, is_shift=[int(2 * s) for s in shift], is_time_reversal=True
    )
    mesh = regular_mesh(crystal, shape, shift=shift)
    assert len(mesh.q) == len(np.unique(mapping))
    counts = np.unique(mapping, return_counts=True)[1]
    assert_allclose(np.sort(mesh.weights), np.sort(counts) / mesh.index.size)


@pytest.mark.parametrize("shape", [(4, 4, 4), (3, 4, 5), (2, 2, 4)])
@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0, 0)])
def test_points_of_a_mesh_have_the_frequencies_of_their_representative(shape, shift):
    found = phonons(stillinger_weber(), silicon())
    full = regular_mesh(silicon(), shape, shift=shift, symmetry=False)
    mesh = regular_mesh(silicon(), shape, shift=shift)
    assert len(mesh.q) < len(full.q) == np.prod(shape)
    assert_allclose(mesh.weights.sum(), 1)
    expected = found.frequencies(full.q)
    # THz: roots of round-off at Γ
    assert_allclose(found.frequencies(mesh.q)[mesh.index.ravel()], expected, atol=1e-5)


def test_meshes_lie_where_they_should():
    mesh = regular_mesh(silicon(), (2, 2, 2), symmetry=False)
    assert_allclose(mesh.q[:3], [[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0]])
    mesh = regular_mesh(silicon(), (2, 2, 2), shift=(0.5, 0.5, 0.5), symmetry=False)
    assert_allclose(mesh.q[:2], [[0.25, 0.25, 0.25], [0.25, 0.25, 0.75]])


def test_isotopes_break_the_symmetry_of_a_mesh():
    cube = make_supercell(fcc(), [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]).crystal
    assert len(regular_mesh(cube, (4, 4, 4)).q) == 10
    layers = np.where(np.cos(2 * np.pi * cube.fractional[:, 2]) > 0, 63.0, 65.0)
    # c differs from a and b: 6 · 3 points
    assert len(regular_mesh(cube, (4, 4, 4), masses=layers).q) == 18


def test_directions_that_are_not_periodic_do_not_mix_with_those_that_are():
    cube = Crystal.create([11], 5 * np.eye(3), fractional=[[0, 0, 0]])
    wire = cube.replace(pbc=(True, False, False))
    assert len(regular_mesh(cube, (4, 4, 4)).q) == 10
    # a → −a alone, and the square of the other two: 3 · 6 points
    assert len(regular_mesh(wire, (4, 4, 4)).q) == 18


def test_meshes_of_a_chain_give_its_frequencies():
    found = phonons(springs((11, 17)), chain())
    mesh = regular_mesh(chain(), (6, 1, 1))
    assert len(mesh.q) == 4
    full = regular_mesh(chain(), (6, 1, 1), symmetry=False)
    expected = found.frequencies(full.q)
    # THz: roots of round-off
    assert_allclose(found.frequencies(mesh.q)[mesh.index.ravel()], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 4, -1), (4, 4)])
def test_meshes_that_are_none_are_refused(shape):
    with pytest.raises(ValueError, match="three positive integers"):
        regular_mesh(fcc(), shape)


def test_shifts_other_than_half_a_step_are_refused():
    with pytest.raises(ValueError, match=r"0 or 0\.5"):
        regular_mesh(fcc(), (4, 4, 4), shift=(0.25, 0, 0))


def cartesian(crystal, path):
    return path.q @ np.linalg.inv(crystal.cell).T


@pytest.mark.parametrize("name", ["silicon", "left-handed"])
def test_the_path_of_silicon_passes_its_textbook_points(name):
    crystal = CRYSTALS[name]
    path = band_path(crystal, spacing=0.2)
    assert [label for _, label in path.ticks] == [
        "Γ",
        "X",
        "U",
        "K",
        "Γ",
        "L",
        "W",
        "X",
    ]
    lengths = {"Γ": 0, "X": 1, "L": np.sqrt(3) / 2, "W": np.sqrt(5) / 2}
    for row, label in path.ticks:
        if label in lengths:
            length = np.linalg.norm(cartesian(crystal, path)[row]) * 5.431
            assert_allclose(length, lengths[label], atol=1e-9)  # round-off


def test_the_path_of_a_rotated_cell_is_in_its_own_units():
    crystal = silicon()
    basis = np.array([[1, 1, 0], [0, 1, 0], [2, 0, 1]])  # of the same lattice
    other = Crystal.create([14, 14], basis @ crystal.cell, positions=crystal.positions)
    found = phonons(stillinger_weber(), crystal).bands(spacing=0.3)
    same = phonons(stillinger_weber(), other).bands(spacing=0.3)
    assert found.path.ticks == same.path.ticks
    # THz: roots of round-off at Γ
    assert_allclose(same.frequencies, found.frequencies, atol=1e-5)
    assert_allclose(same.path.distance, found.path.distance, atol=1e-9)


def test_distances_are_lengths_in_reciprocal_space_and_skip_breaks():
    crystal = silicon()
    path = band_path(crystal, spacing=0.1)
    k = 2 * np.pi * cartesian(crystal, path)
    assert len(path.lines) == 2
    for start, end in path.lines:
        steps = np.linalg.norm(np.diff(k[start:end], axis=0), axis=1)
        assert_allclose(np.diff(path.distance[start:end]), steps, atol=1e-9)
        assert steps.max() <= 0.1
    (_, end), (start, _) = path.lines
    assert path.distance[end - 1] == path.distance[start]


def test_supercells_get_the_path_of_their_primitive_cell():
    crystal = make_supercell(silicon(), (1, 1, 2)).crystal
    with pytest.warns(seekpath.SupercellWarning):
        path = band_path(crystal, spacing=0.2)
    single = band_path(silicon(), spacing=0.2)
    # Directions may be others of the same star.
    assert_allclose(
        np.linalg.norm(cartesian(crystal, path), axis=1),
        np.linalg.norm(cartesian(silicon(), single), axis=1),
        atol=1e-9,
    )


def test_labels_with_numbers_have_subscripts():
    labels = {label for _, label in band_path(CRYSTALS["triclinic"]).ticks}
    assert "Γ" in labels
    assert not any("_" in label for label in labels)


def test_paths_that_cannot_be_are_refused():
    molecule = Crystal.from_ase(graphene(vacuum=5)).replace(pbc=(False,) * 3)
    with pytest.raises(ValueError, match="a path needs a periodic direction"):
        band_path(molecule)
    with pytest.raises(ValueError, match="spacing of a path must be positive"):
        band_path(silicon(), spacing=0.0)
    with pytest.raises(ValueError, match="two corners or more"):
        path_through(silicon(), [[("Γ", (0, 0, 0))]])
    with pytest.raises(ValueError, match="a path needs a line"):
        path_through(silicon(), [])
    with pytest.raises(ValueError, match="three finite components"):
        path_through(silicon(), [[("Γ", (0, 0)), ("X", (0, 1))]])


def test_what_would_take_all_memory_is_refused_before():
    with pytest.raises(
        ValueError, match=r"at most 100000 points; with a spacing of 1e-09"
    ):
        band_path(silicon(), spacing=1e-9)
    with pytest.raises(ValueError, match="choose smaller divisions"):
        regular_mesh(silicon(), (100000, 100000, 100000))
    with pytest.raises(ValueError, match="choose smaller divisions"):
        regular_mesh(silicon(), (2**31, 2**31, 4), symmetry=False)
    with pytest.raises(ValueError, match="at most 100000 temperatures"):
        temperature_range(1000.0, 1e-9)
    with pytest.raises(ValueError, match="the step must be positive"):
        temperature_range(1000.0, float("nan"))
    assert_allclose(temperature_range(30.0, 10.0), [0, 10, 20, 30])


def test_bands_know_their_points():
    bands = phonons(stillinger_weber(), silicon()).bands(spacing=0.3)
    assert bands.frequencies.shape == (len(bands.path.q), 6)
    assert_allclose(bands.at("X")[0], 6.65196, atol=1e-5)  # pinned, as our own number
    with pytest.raises(ValueError, match="the path has the points"):
        bands.at("M")


def test_a_default_mesh_divides_equally_what_symmetry_mixes():
    assert mesh_divisions(silicon()) == (12, 12, 12)
    slab = silicon().replace(pbc=(True, True, False))
    assert mesh_divisions(slab)[2] == 1


def test_a_mesh_knows_the_distances_of_the_supercell_with_its_divisions():
    crystal = silicon()  # planes of the primitive cell are 3.135 Å apart
    assert divisions(crystal, 3.0) == (1, 1, 1)
    assert divisions(crystal, 6.0) == (2, 2, 2)
    # A height that is less than a percent too small does not double the cost.
    assert divisions(crystal, 3.14) == (1, 1, 1)
    slab = crystal.replace(pbc=(True, True, False))
    assert divisions(slab, 6.0) == (2, 2, 1)
