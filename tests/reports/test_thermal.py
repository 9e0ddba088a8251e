"""What the figure of thermal properties shows."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import thermal_properties
from matjax.reports import thermal_figure
from matjax.units import BOLTZMANN, J_PER_MOL
from tests.force_constants.lattices import fcc


def test_thermal_figures_have_units_and_the_classical_limit():
    mesh = regular_mesh(fcc(), (2, 2, 2), shift=(0.5, 0.5, 0.5))
    nu = np.full((len(mesh.q), 3), 5.0)
    thermal = thermal_properties(mesh, nu, np.linspace(0, 900, 10))
    energies, entropy, heat = thermal_figure(thermal, n_atoms=1).axes
    assert energies.get_ylabel() == "Energy per cell (eV)"
    assert "J/(mol K)" in entropy.get_ylabel()
    assert heat.get_xlabel() == "Temperature (K)"
    assert_allclose(heat.get_lines()[0].get_ydata(), thermal.heat_capacity)
    assert_allclose(heat.get_lines()[1].get_ydata(), 3 * BOLTZMANN * J_PER_MOL)
    assert len(thermal_figure(thermal).axes[2].get_lines()) == 1


def test_imaginary_modes_are_said_where_they_are_missing():
    mesh = regular_mesh(fcc(), (2, 2, 2), shift=(0.5, 0.5, 0.5))
    nu = np.tile([-1.0, 2.0, 3.0], (len(mesh.q), 1))
    thermal = thermal_properties(mesh, nu, np.linspace(0, 900, 10))
    remark = thermal_figure(thermal).axes[0].get_title(loc="left")
    assert remark == "33 % of the modes are imaginary and left out"
