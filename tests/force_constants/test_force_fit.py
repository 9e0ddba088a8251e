"""Force constants fitted to any displacements: those of springs, and those of symfc."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    Q,
    displaced,
    frequencies,
    write_disp,
)


@pytest.mark.parametrize("name", ["rocksalt", "wurtzite"])
def test_random_displacements_give_the_force_constants_of_the_springs(name, tmp_path):
    made = displaced(name, random=4)
    write_disp(made, tmp_path)
    found = mj.read_phonopy(tmp_path)
    ordered = displaced(name)
    ordered.produce_force_constants()
    # FORCE_SETS of all atoms has eight digits: 1e-8 eV/Å over 0.02 Å
    assert_allclose(found.frequencies(Q), frequencies(ordered), atol=1e-4)


def test_noisy_forces_on_random_displacements_are_fitted_as_by_symfc(tmp_path):
    pytest.importorskip("symfc", reason="symfc is not installed")
    made = displaced("wurtzite", random=6)
    rng = np.random.default_rng(1)
    made.forces = made.forces + rng.normal(scale=1e-3, size=made.forces.shape)
    write_disp(made, tmp_path)
    made.produce_force_constants(fc_calculator="symfc")
    # THz; eight digits of FORCE_SETS, where the noise makes 0.02
    found = mj.read_phonopy(tmp_path).frequencies(Q)
    assert_allclose(found, frequencies(made), atol=1e-5)


def test_too_few_random_displacements_are_refused(tmp_path):
    write_disp(displaced("triclinic", random=2), tmp_path)
    with pytest.raises(ValueError, match="more are needed"):
        mj.read_phonopy(tmp_path)
