"""Phonons come from potentials or from phonopy's files, the masses from the config."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import write_phonopy
from matjax.studies import (
    Run,
    are_phonopy_files,
    frequencies_by_displacements,
    phonons_at_rest,
    phonons_of_files,
)
from tests.force_constants.ionic import rocksalt, spring_phonons
from tests.force_constants.lattices import fcc, springs

Q = np.array([[0.1, 0.2, 0.3]])


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def test_phonons_are_those_of_the_crystal_at_rest(run):
    found, pressure = phonons_at_rest(
        springs(), fcc().strained(0.01 * np.eye(3)), run, wanted=True, fmax=1e-6
    )
    expected = phonons(springs(), fcc())
    assert_allclose(found.frequencies(Q), expected.frequencies(Q), rtol=1e-5)  # fmax
    assert_allclose(pressure, 0, atol=1e-3)


def test_files_are_recognized_and_take_other_masses(run, tmp_path):
    plain = spring_phonons(rocksalt())
    write_phonopy(tmp_path / "salt", plain, (2, 2, 2))
    source = str(tmp_path / "salt")
    assert are_phonopy_files(source)
    assert not are_phonopy_files(f"{source}/POSCAR")
    assert not are_phonopy_files(rocksalt())
    heavy = {s: 4 * m for s, m in zip(["Na", "Cl"], plain.masses, strict=True)}
    found = phonons_of_files(source, heavy, run)
    # Frequencies go with one over the root of the mass; digits of the files.
    assert_allclose(2 * found.frequencies(Q), plain.frequencies(Q), rtol=1e-6)


def test_displacements_need_a_potential_without_field(run):
    found = spring_phonons(rocksalt()).replace(max_force=np.array(np.nan))
    with pytest.raises(ValueError, match="leave out supercell"):
        frequencies_by_displacements("lennard-jones-ar", found, (2, 2, 2), Q, run)
