"""Force constants of phonopy's files become columns at the q of their supercell."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.distillation import Labels, label_phonopy
from matjax.lattice_dynamics.phonopy import write_phonopy
from tests.force_constants.ionic import rocksalt, spring_phonons


@pytest.fixture(scope="module")
def plain():
    return spring_phonons(rocksalt())


@pytest.fixture(scope="module")
def salt(plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phonopy") / "salt"
    write_phonopy(folder, plain, (2, 2, 2))
    return label_phonopy({"salt": str(folder)}, Labels(n_columns=6), seed=0)["salt"]


def test_copies_share_the_q_of_the_supercell_out(salt):
    assert len(salt.copies) == 8  # six columns of one q each
    points = np.unique([copy.q[0] % 1 for copy in salt.copies], axis=0)
    assert_allclose(points, np.indices((2, 2, 2)).reshape(3, -1).T / 2)
    assert {copy.source for copy in salt.copies} == {"salt"}
    assert all(copy.labels == {} for copy in salt.copies)


def test_columns_are_those_of_the_files(salt, plain):
    copy = salt.copies[0]
    matrix = np.asarray(plain.source(copy.q[:1]))[0]
    u = copy.displacements[:, 0].reshape(6, 6)
    columns = (copy.columns[:, 0] + 1j * copy.columns[:, 1]).reshape(6, 6)
    assert_allclose(columns, u @ matrix.T, atol=1e-8)  # digits of the files


def test_phonons_are_summed_up_at_the_same_q(salt, plain):
    frequencies = plain.frequencies(np.indices((2, 2, 2)).reshape(3, -1).T / 2)
    assert salt.phonons.n_q == 8
    assert_allclose(salt.phonons.max_frequency_THz, frequencies.max(), rtol=1e-6)
    assert salt.supercell == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
