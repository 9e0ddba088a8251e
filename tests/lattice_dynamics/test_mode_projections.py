"""Shares of modes on atoms, elements and directions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import density_of_states, phonons, projections
from matjax.units import THZ
from tests.force_constants.lattices import (
    DISTANCE,
    STIFFNESS,
    chain,
    silicon,
    springs,
    stillinger_weber,
)


@pytest.fixture(scope="module")
def hexagonal():
    """Two elements on the places of the hexagonal close packing, with springs."""
    cell = DISTANCE * np.array(
        [[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]]
    )
    crystal = Crystal.create(
        [29, 12], cell, fractional=[[0, 0, 0], [1 / 3, 2 / 3, 0.5]]
    )
    return phonons(springs((12, 29)), crystal)


def test_projections_on_a_reduced_mesh_are_those_on_the_full_one(hexagonal):
    """Of atoms that symmetry relates and of directions that it mixes."""
    for found in (hexagonal, phonons(stillinger_weber(), silicon())):
        results = []
        for symmetry in (True, False):
            mesh = regular_mesh(found.crystal, (4, 4, 4), symmetry=symmetry)
            modes = found.modes(mesh.q)
            _, shares = projections(found.crystal, *modes, onto="coordinates")
            dos = density_of_states(
                mesh, modes.frequencies, weights=shares, smearing=0.5, window=(0, 20)
            )
            results.append(dos.parts)
            # Without the average the full mesh gives the same.
            plain = abs(modes.eigenvectors.swapaxes(1, 2)) ** 2
            results.append(
                density_of_states(
                    mesh, modes.frequencies, weights=plain, smearing=0.5, window=(0, 20)
                ).parts
            )
        reduced, _, full, unaveraged = results
        # round-off, and its roots at Γ
        assert_allclose(reduced, full, atol=1e-6)
        assert_allclose(reduced, unaveraged, atol=1e-6)


def test_atoms_of_different_mass_are_not_averaged():
    heavy = phonons(stillinger_weber(), silicon(), masses=np.array([28.0, 90.0]))
    dos = heavy.projected_dos((3, 3, 3), onto="atoms", n_bins=30)
    assert abs(dos.parts[0] - dos.parts[1]).max() > 0.1


def test_next_to_the_gap_of_a_chain_only_one_kind_of_atom_moves():
    """At the zone boundary ω² = 2k/M and 2k/m, with the other kind at rest."""
    found = phonons(springs((11, 17)), chain())
    dos = found.projected_dos((200, 1, 1), n_bins=300)
    assert dos.labels == ("Na", "Cl")
    light, heavy = THZ * np.sqrt(2 * STIFFNESS / found.masses)
    share = dos.parts[0] / np.where(dos.density > 0, dos.density, 1)
    # one interval away from either edge of the gap
    assert share[np.searchsorted(dos.frequencies, heavy) - 1] < 0.1
    assert share[np.searchsorted(dos.frequencies, light) + 1] > 0.9
