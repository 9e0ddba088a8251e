"""What figures show of phonons."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.phonons import (
    Bands,
    DensityOfStates,
    Path,
    density_of_states,
    regular_mesh,
    thermal_properties,
)
from matjax.plot import phonon_figure, thermal_figure
from matjax.units import BOLTZMANN, J_PER_MOL
from tests.phonons.lattices import fcc

X = np.linspace(0, 1, 5)


@pytest.fixture
def bands():
    """Two branches that cross in the middle of a line from A to B."""
    path = Path(X[:, None] * [1.0, 0, 0], X, ((0, "A"), (4, "B")), ((0, 5),))
    branches = np.array([[0, 1], [0, 1], [0, 1], [1, 0], [1, 0]])
    return Bands(path, np.sort(np.stack([1 + 2 * X, 3 - 2 * X], 1), axis=1), branches)


def density(parts, labels):
    frequencies = np.linspace(0.5, 3.5, 30)
    curve = np.exp(-((frequencies - 2) ** 2))
    return DensityOfStates(frequencies, curve, labels, curve * np.array(parts)[:, None])


def test_connected_bands_are_drawn_as_branches_that_cross(bands):
    (panel,) = phonon_figure(bands, color_branches=True).axes
    first, second = panel.get_lines()[:2]
    assert_allclose(first.get_ydata(), 1 + 2 * X)
    assert_allclose(second.get_ydata(), 3 - 2 * X)
    assert first.get_color() != second.get_color()
    (panel,) = phonon_figure(bands._replace(branches=None)).axes
    assert_allclose(panel.get_lines()[0].get_ydata(), bands.frequencies[:, 0])


def test_parts_of_a_density_are_named_where_there_are_several(bands):
    _, right = phonon_figure(bands, density([0.3, 0.7], ("Na", "Cl"))).axes
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Na", "Cl"]
    assert_allclose(right.get_lines()[1].get_xdata().max(), 0.7, atol=0.01)
    _, right = phonon_figure(bands, density([1.0], ("Si",))).axes
    assert right.get_legend() is None


def test_tails_of_smeared_densities_are_not_taken_for_imaginary_modes(bands):
    mesh = regular_mesh(fcc(), (2, 2, 2))
    dos = density_of_states(mesh, np.full((len(mesh.q), 3), 0.2), smearing=0.5)
    assert dos.frequencies.min() < -1
    left, _ = phonon_figure(bands, dos).axes
    assert "imaginary" not in left.get_ylabel()


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
