"""Force constants from single displacements, against phonopy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    CASES,
    CONSTANTS,
    Q,
    displaced,
    frequencies,
    write_disp,
)


@pytest.mark.parametrize("name", CASES)
def test_force_sets_give_phonopys_force_constants(name, tmp_path):
    made = displaced(name)
    write_disp(made, tmp_path)
    made.produce_force_constants()
    found = mj.read_phonopy(tmp_path, symmetrize=False)
    assert found.crystal.symbols == list(made.primitive.symbols)
    assert_allclose(found.masses, made.primitive.masses)
    assert np.isnan(found.max_force)
    made.run_qpoints(Q, with_dynamical_matrices=True)
    phases = np.exp(2j * np.pi * np.repeat(Q @ made.primitive.scaled_positions.T, 3, 1))
    roots = np.sqrt(np.repeat(found.masses, 3))
    expected = made.qpoints.dynamical_matrices * np.outer(roots, roots)
    expected = phases[:, :, None] * expected * phases.conj()[:, None, :]
    constants = found.force_constants(Q)
    constants = (constants + constants.conj().swapaxes(1, 2)) / 2
    offset = made.primitive.positions - np.asarray(found.crystal.positions)
    cells = offset @ np.linalg.inv(made.primitive.cell)
    shift = np.exp(2j * np.pi * np.repeat(Q @ np.rint(cells).T, 3, 1))
    expected = shift.conj()[:, :, None] * expected * shift[:, None, :]
    # eV/Å²: FORCE_SETS has 1e-10 eV/Å, over displacements of 0.02 Å
    assert_allclose(constants, expected, atol=2e-8)
    assert_allclose(found.frequencies(Q), frequencies(made), atol=CONSTANTS)
