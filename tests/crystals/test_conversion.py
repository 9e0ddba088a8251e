"""Masses and constraints from and to ASE and pymatgen."""

import warnings

import ase
import numpy as np
import pytest
from ase.build import bulk
from ase.constraints import FixAtoms, FixBondLength, FixCartesian, FixScaled
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential, ase_calculator


def slab():
    return ase.Atoms("Si2", positions=[[0, 0, 0], [2, 2, 2]], cell=[4, 5, 6], pbc=True)


CONSTRAINTS = {
    "by indices": (FixAtoms([0]), [True, False]),
    "by mask": (FixAtoms(mask=[False, True]), [False, True]),
    "one vector": (FixScaled([1], (False, False, True)), [[0, 0, 0], [0, 0, 1]]),
    "one axis": (FixCartesian(0, (True, False, False)), [[1, 0, 0], [0, 0, 0]]),
    "all axes": (FixCartesian([0, 1]), [True, True]),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_become_fixed_atoms_and_come_back(name):
    constraint, expected = CONSTRAINTS[name]
    atoms = slab()
    atoms.set_constraint(constraint)
    crystal = Crystal.from_ase(atoms)
    np.testing.assert_array_equal(crystal.fixed, np.array(expected, dtype=bool))
    again = Crystal.from_ase(crystal.to_ase())
    np.testing.assert_array_equal(again.fixed, crystal.fixed)


def test_several_constraints_add_up():
    atoms = slab()
    atoms.set_constraint([FixAtoms([0]), FixScaled(1, (True, False, False))])
    expected = [[True] * 3, [True, False, False]]
    assert Crystal.from_ase(atoms).fixed.tolist() == expected


@pytest.mark.parametrize(
    "constraint", [FixBondLength(0, 1), FixCartesian(0, (True, False, False))]
)
def test_constraint_that_no_crystal_has_is_named(constraint):
    atoms = slab()
    atoms.set_cell([[4, 1, 0], [0, 5, 0], [0, 0, 6]])
    atoms.set_constraint(constraint)
    with pytest.warns(UserWarning, match=f"not kept: {type(constraint).__name__}"):
        assert Crystal.from_ase(atoms).fixed is None


def test_calculator_leaves_constraints_to_ase():
    atoms = bulk("Ar", "fcc", 5.3) * (2, 1, 1)
    atoms.rattle(0.1, seed=0)
    atoms.set_constraint([FixBondLength(0, 1)])
    atoms.calc = ase_calculator(Potential.create(LennardJones(onset=5.5, cutoff=6.25)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forces = atoms.get_forces(apply_constraint=False)
    assert np.abs(forces).max() > 1e-3


def test_masses_set_on_atoms_come_back():
    atoms = slab()
    atoms.set_masses([28.085, 112.34])
    crystal = Crystal.from_ase(atoms)
    assert_allclose(crystal.masses, [28.085, 112.34])
    assert_allclose(crystal.to_ase().get_masses(), [28.085, 112.34])


def test_standard_masses_are_not_given_ones():
    atoms = slab()
    atoms.set_masses("defaults")
    assert Crystal.from_ase(atoms).given_masses is None


def test_pymatgen_keeps_isotopes_masses_and_fixed_atoms():
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(
        core.Lattice.cubic(4),
        ["D", "Li"],
        [[0, 0, 0], [0.5, 0.5, 0.5]],
        site_properties={"selective_dynamics": [[False, False, True], [True] * 3]},
    )
    crystal = Crystal.from_pymatgen(structure)
    assert crystal.symbols == ["H", "Li"]
    assert_allclose(crystal.masses, [2.0141, 6.94], atol=1e-4)  # digits given
    assert crystal.fixed.tolist() == [[True, True, False], [False] * 3]
    again = crystal.to_pymatgen()
    assert [site.specie.name for site in again] == ["D", "Li"]
    assert_allclose(Crystal.from_pymatgen(again).masses, crystal.masses)
    np.testing.assert_array_equal(Crystal.from_pymatgen(again).fixed, crystal.fixed)


def test_other_masses_pass_through_pymatgen():
    pytest.importorskip("pymatgen.core")
    crystal = Crystal.create(["Si"], 4 * np.eye(3), fractional=[[0, 0, 0]], masses=[30])
    again = Crystal.from_pymatgen(crystal.to_pymatgen())
    assert_allclose(again.masses, [30.0])
