"""Crystals at several volumes: their thermal properties, shapes and limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import phonons, thermal_properties
from matjax.lattice_dynamics.expansion import (
    thermal_scan,
    volume_scan,
    volume_series,
)
from tests.force_constants.lattices import chain, fcc, springs
from tests.lattice_dynamics.expansion.morse_bonds import (
    MESH,
    TEMPERATURES,
)


def test_the_scan_holds_thermal_properties_of_each_volume(morse, scan):
    mesh = regular_mesh(fcc(), MESH)
    crystal = fcc().replace(cell=fcc().cell * 0.98 ** (1 / 3))
    alone = phonons(morse, crystal)
    thermal = thermal_properties(mesh, alone.frequencies(mesh.q), TEMPERATURES)
    assert_allclose(scan.volumes[0], crystal.volume, rtol=1e-12)
    assert_allclose(scan.free_energies[0], thermal.free_energy, atol=1e-10)
    assert_allclose(scan.entropies[0], thermal.entropy, atol=1e-8)
    assert_allclose(scan.heat_capacities[0], thermal.heat_capacity, atol=1e-8)
    assert_allclose(scan.energies[0], morse(crystal).energy, atol=1e-10)


def test_cells_take_the_shape_of_their_volume_where_that_is_asked_for(morse):
    stretched = fcc().strained(np.diag([0.01, 0.01, -0.02]))
    (scaled,) = volume_series(morse, stretched, [1.01])
    deviation = scaled.stress - np.eye(3) * np.trace(scaled.stress) / 3
    assert abs(deviation).max() > 1e-3
    assert_allclose(scaled.crystal.volume, 1.01 * stretched.volume, rtol=1e-9)
    (relaxed,) = volume_series(morse, stretched, [1.01], shape="relaxed")
    deviation = relaxed.stress - np.eye(3) * np.trace(relaxed.stress) / 3
    assert_allclose(deviation, 0, atol=2e-5)  # smax of the relaxation
    assert_allclose(relaxed.crystal.volume, 1.01 * stretched.volume, rtol=0.01)


def test_imaginary_modes_are_counted_and_refused():
    """A chain pushed together buckles."""
    crystal = chain().strained(np.diag([-0.03, 0, 0]))
    found = phonons(springs((11, 17)), crystal)
    with pytest.raises(ValueError, match=r"[1-9]\d* of \d+ on the mesh are imaginary"):
        thermal_scan([found], [0.0], [300.0], mesh=(4, 1, 1))
    with pytest.raises(ValueError, match="each volume needs an energy"):
        thermal_scan([found], [0.0, 1.0], [300.0])


def test_series_that_are_none_are_refused(morse):
    with pytest.raises(ValueError, match="ratios of volumes must be positive"):
        volume_series(morse, fcc(), [1.0, -1.0])
    with pytest.raises(Exception, match="isotropic"):
        volume_series(morse, fcc(), shape="free")
    with pytest.raises(ValueError, match="three periodic directions"):
        volume_series(morse, fcc().replace(pbc=(True, True, False)))
    with pytest.raises(ValueError, match="not negative"):
        volume_scan(morse, fcc(), [-1.0])
