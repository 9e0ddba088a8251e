"""The masses of a crystal reach everything that depends on them."""

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import Crystal, make_supercell, primitive
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import phonons, projections
from matjax.lattice_dynamics.expansion import volume_scan
from matjax.lattice_dynamics.mode_projections import average_tensors
from matjax.lattice_dynamics.phonopy import (
    read_phonopy,
    write_phonopy,
)
from matjax.mechanics import NVE, elastic, molecular_dynamics, sound_velocities
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential

FCC = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2
SILICON = 28.085
SITES = np.array([[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]])


def diamond(masses=None, a=5.431):
    return Crystal.create([14, 14], FCC * a, fractional=SITES, masses=masses)


HEAVY = diamond([4 * SILICON] * 2)


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


@pytest.fixture(scope="module")
def heavy(silicon):
    return phonons(silicon, HEAVY)


def test_four_times_the_mass_is_half_the_frequency(heavy):
    # 17.832 THz at Γ with the standard mass.
    assert_allclose(heavy.frequencies(np.zeros(3)).max(), 8.916, atol=5e-4)


def test_phonopys_files_keep_masses(heavy, tmp_path):
    write_phonopy(tmp_path, heavy, (2, 2, 2))
    read = read_phonopy(tmp_path)
    assert_allclose(read.crystal.masses, HEAVY.masses, rtol=1e-8)
    q = np.array([0.5, 0.0, 0.0])
    assert_allclose(read.frequencies(q), heavy.frequencies(q), atol=1e-5)


def test_density_and_sound_know_the_masses(silicon):
    usual, heavy = (elastic(silicon, crystal) for crystal in (diamond(), HEAVY))
    assert_allclose(heavy.density, 4 * usual.density, rtol=1e-12)
    axes = np.eye(3)
    assert_allclose(
        sound_velocities(heavy, axes), sound_velocities(usual, axes) / 2, rtol=1e-9
    )


@pytest.mark.slow
def test_heavy_atoms_follow_the_same_way_in_twice_the_time(silicon, tmp_path):
    rng = np.random.default_rng(0)
    velocities = 0.005 * rng.normal(size=(8, 3))
    usual, heavy = (
        make_supercell(crystal, (2, 2, 1)).crystal for crystal in (diamond(), HEAVY)
    )
    assert_allclose(heavy.masses, 4 * SILICON)
    run = molecular_dynamics(silicon, usual, NVE(0.0), steps=10, velocities=velocities)
    slow = molecular_dynamics(
        silicon, heavy, NVE(0.0), steps=10, velocities=velocities / 2, timestep=2.0
    )
    # Time steps are rounded to float32.
    assert_allclose(slow.positions, run.positions, atol=1e-7)
    assert_allclose(slow.kinetic_energy, run.kinetic_energy, rtol=1e-5)
    slow.write(tmp_path / "run.extxyz")
    for atoms in (slow.to_ase()[0], ase.io.read(tmp_path / "run.extxyz", index=0)):
        assert_allclose(atoms.get_masses(), 4 * SILICON, rtol=1e-7)
        assert_allclose(atoms.get_kinetic_energy(), slow.kinetic_energy[0], rtol=1e-6)


def test_zero_point_energy_of_volumes_falls_with_the_mass(silicon):
    options = {"ratios": [1.0], "mesh": (2, 2, 2)}
    usual, heavy = (
        volume_scan(silicon, crystal, [0.0], **options)
        for crystal in (diamond(), HEAVY)
    )
    assert_allclose(heavy.free_energies, usual.free_energies / 2, rtol=1e-9)


def test_isotopes_on_equivalent_sites_are_not_equivalent():
    mixed = diamond([SILICON, 30.0])
    tensors = np.array([np.diag([1.0, 2.0, 3.0]), np.diag([4.0, 5.0, 6.0])])
    apart = average_tensors(mixed, tensors)
    assert_allclose(apart, np.array([2 * np.eye(3), 5 * np.eye(3)]), atol=1e-12)
    assert_allclose(average_tensors(diamond(), tensors)[0], 3.5 * np.eye(3), atol=1e-12)
    assert primitive(make_supercell(mixed, (2, 1, 1)).crystal).n_atoms == 2
    # No inversion: the group of zincblende. Time reversal replaces it in the zone.
    assert len(regular_mesh(mixed, (4, 4, 4)).q) == len(
        regular_mesh(diamond(), (4, 4, 4)).q
    )
    vectors = np.eye(6, dtype=complex)[None]
    _, shares = projections(mixed, np.arange(6.0)[None], vectors, onto="atoms")
    assert_allclose(shares[0, :3], [[1, 0]] * 3, atol=1e-12)


def test_displacements_of_heavy_atoms_fall_as_the_root_of_the_mass(silicon, heavy):
    usual = mj.phonons(silicon, diamond())
    options = {"mesh": (2, 2, 2)}
    light = usual.displacements([0.0], **options)
    assert_allclose(
        heavy.displacements([0.0], **options).isotropic, light.isotropic / 2, rtol=1e-9
    )
