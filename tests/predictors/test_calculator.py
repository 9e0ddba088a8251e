"""The ASE calculator agrees with ASE's own derivatives and seldom compiles."""

import ase
import ase.build
import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.optimize import BFGS
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import LennardJones, StillingerWeber
from matjax.predictors import Potential, ase_calculator
from matjax.predictors.potential import _evaluate


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


@pytest.fixture
def atoms(silicon):
    rng = np.random.default_rng(0)
    atoms = ase.build.bulk("Si", cubic=True)
    atoms.set_cell(
        atoms.cell.array @ (np.eye(3) + rng.normal(size=(3, 3)) * 0.02),
        scale_atoms=True,
    )
    atoms.rattle(0.05, seed=0)
    atoms.calc = ase_calculator(silicon)
    return atoms


def test_stress_is_ase_numerical_stress_in_its_voigt_order(atoms):
    numerical = calculate_numerical_stress(atoms, eps=1e-4)
    assert len(set(np.round(numerical, 4))) == 6  # six different components
    assert_allclose(atoms.get_stress(), numerical, atol=1e-6)  # finite difference h²


def test_forces_are_ase_numerical_forces(atoms):
    numerical = calculate_numerical_forces(atoms, eps=1e-4)
    assert_allclose(atoms.get_forces(), numerical, atol=1e-6)  # finite difference h²


def test_energies_of_atoms_sum_to_the_energy(atoms):
    assert_allclose(atoms.get_potential_energies().sum(), atoms.get_potential_energy())
    free = atoms.get_potential_energy(force_consistent=True)
    assert free == atoms.get_potential_energy()


def test_results_are_those_of_the_potential(atoms, silicon):
    expected = silicon(Crystal.from_ase(atoms))
    assert_allclose(atoms.get_potential_energy(), expected.energy, rtol=1e-14)
    assert_allclose(atoms.get_forces(), expected.forces, atol=1e-12)  # round-off
    assert_allclose(atoms.get_stress(voigt=False), expected.stress, atol=1e-13)


def test_ase_optimizer_finds_the_lattice_sites(atoms):
    atoms.set_cell(np.eye(3) * 5.4309, scale_atoms=True)
    assert BFGS(atoms, logfile=None).run(fmax=1e-4, steps=100)
    assert_allclose(atoms.get_potential_energy(), 8 * -4.3366, atol=1e-5)  # −2 ε


def test_moving_atoms_and_changing_crystals_reuse_what_is_compiled():
    # A potential of its own, since the compiled functions are shared.
    potential = Potential.create(LennardJones(onset=5.5, cutoff=6.25))
    calculator = ase_calculator(potential)
    crystals = [ase.build.bulk("Ar", a=a, cubic=True) for a in (5.2, 5.3, 5.6)]
    crystals[1].set_cell([5.3, 5.4, 5.5, 85, 95, 100], scale_atoms=True)
    before = _evaluate._cache_size()
    degrees = []
    for seed in range(18):
        crystal = crystals[seed % 3]
        crystal.rattle(0.02, seed=seed)
        crystal.calc = calculator
        crystal.get_forces()
        degrees.append(potential.graph(Crystal.from_ase(crystal)).degree)
    assert len(set(degrees)) > 2  # buckets that a graph of its own would have
    largest = np.maximum.accumulate(degrees)
    assert _evaluate._cache_size() - before == len(set(largest)) <= 2


def test_a_molecule_has_forces_but_no_stress(silicon):
    dimer = ase.Atoms("Si2", positions=[[0, 0, 0], [2.3, 0, 0]])
    dimer.calc = ase_calculator(silicon)
    assert_allclose(dimer.get_forces().sum(axis=0), 0, atol=1e-12)
    with pytest.raises(PropertyNotImplementedError):
        dimer.get_stress()


def test_unknown_element_is_refused(silicon):
    germanium = ase.build.bulk("Ge")
    germanium.calc = ase_calculator(silicon)
    with pytest.raises(ValueError, match="the crystal holds Ge"):
        germanium.get_potential_energy()


def test_an_energy_that_is_not_a_number_is_an_error(silicon):
    damaged = {**silicon.params, "epsilon": np.array(np.nan)}
    crystal = ase.build.bulk("Si")
    crystal.calc = ase_calculator(silicon.replace(params=damaged))
    with pytest.raises(CalculationFailed, match="must be finite"):
        crystal.get_potential_energy()
