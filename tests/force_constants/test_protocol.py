"""Force constants are any function of q with progress; phonons ask for no more."""

from dataclasses import dataclass

import numpy as np
from numpy.testing import assert_allclose

from matjax.force_constants import ForceConstants, RealSpaceForceConstants
from matjax.force_constants.protocol import NoForceConstants
from matjax.lattice_dynamics import Phonons
from matjax.units import THZ
from tests.force_constants.lattices import STIFFNESS, fcc


@dataclass
class Einstein:
    """Each atom on a spring of its own."""

    n_atoms: int

    def __call__(self, q, *, progress=None):
        n = 3 * self.n_atoms
        return np.broadcast_to(STIFFNESS * np.eye(n) + 0j, (*np.shape(q)[:-1], n, n))


def test_a_function_of_q_is_a_source_of_phonons():
    source = Einstein(1)
    assert isinstance(source, ForceConstants)
    found = Phonons(fcc(), source, np.array([20.0]), np.zeros(()))
    expected = THZ * np.sqrt(STIFFNESS / 20)
    assert_allclose(found.frequencies([[0.1, 0.2, 0.3]]), expected, rtol=1e-12)


def test_blocks_between_atoms_are_one_and_a_number_is_none():
    blocks = RealSpaceForceConstants(
        blocks=np.ones((1, 3, 3)),
        first=np.zeros(1, int),
        second=np.zeros(1, int),
        cells=np.zeros((1, 3), int),
        n_atoms=1,
    )
    assert isinstance(blocks, ForceConstants)
    assert not isinstance(3.0, ForceConstants)


def test_a_crystal_without_force_constants_has_nan_everywhere():
    nothing = NoForceConstants(2)
    assert isinstance(nothing, ForceConstants)
    found = nothing(np.zeros((4, 3)))
    assert found.shape == (4, 6, 6)
    assert np.isnan(found).all()
