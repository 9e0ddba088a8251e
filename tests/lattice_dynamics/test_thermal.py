"""Thermal properties against oscillators, identities and limits."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import Response, regular_mesh
from matjax.lattice_dynamics import phonons, thermal_properties
from matjax.units import BOLTZMANN, J_PER_MOL, PLANCK_THZ
from tests.force_constants.lattices import fcc, silicon, springs, stillinger_weber

R = BOLTZMANN * J_PER_MOL
T = np.array([20.0, 100.0, 300.0, 900.0])


@pytest.fixture(scope="module")
def silicon_mesh():
    mesh = regular_mesh(silicon(), (6, 6, 6))
    return mesh, phonons(stillinger_weber(), silicon()).frequencies(mesh.q)


def test_einstein_oscillators_have_the_textbook_functions():
    mesh = regular_mesh(fcc(), (2, 2, 2), shift=(0.5, 0.5, 0.5))
    nu = 7.0
    found = thermal_properties(mesh, np.full((len(mesh.q), 3), nu), T)
    e = PLANCK_THZ * nu
    x = e / (BOLTZMANN * T)
    # round-off
    assert_allclose(found.zero_point_energy, 3 * e / 2, rtol=1e-12)
    free = 3 * (e / 2 + BOLTZMANN * T * np.log(1 - np.exp(-x)))
    assert_allclose(found.free_energy, free, rtol=1e-12)
    heat = 3 * R * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2
    assert_allclose(found.heat_capacity, heat, rtol=1e-12)
    energy = 3 * e * (0.5 + 1 / (np.exp(x) - 1))
    assert_allclose(found.internal_energy, energy, rtol=1e-12)
    entropy = 3 * R * (x / (np.exp(x) - 1) - np.log(1 - np.exp(-x)))
    assert_allclose(found.entropy, entropy, rtol=1e-12)
    assert found.fraction_excluded == 0


def test_entropy_and_heat_capacity_are_derivatives_of_the_free_energy(silicon_mesh):
    h = 1e-2
    below, here, above = (
        thermal_properties(*silicon_mesh, T + step) for step in (-h, 0, h)
    )
    slope = (above.free_energy - below.free_energy) / (2 * h) * J_PER_MOL
    # error h² of central differences, relative to T², and round-off / h
    assert_allclose(here.entropy, -slope, rtol=1e-5)
    slope = (above.entropy - below.entropy) / (2 * h)
    assert_allclose(here.heat_capacity, T * slope, rtol=1e-5)
    slope = (above.internal_energy - below.internal_energy) / (2 * h) * J_PER_MOL
    assert_allclose(here.heat_capacity, slope, rtol=1e-5)


def test_free_energy_is_internal_energy_less_temperature_times_entropy(silicon_mesh):
    found = thermal_properties(*silicon_mesh, T)
    bound = found.internal_energy - T * found.entropy / J_PER_MOL
    assert_allclose(found.free_energy, bound, rtol=1e-12)  # round-off


def test_heat_capacity_goes_to_3r_for_every_atom_that_vibrates(silicon_mesh):
    hot = thermal_properties(*silicon_mesh, [1e6])
    # three translations of 6 · 216 modes are left out; x²/12 is 6e-8
    assert_allclose(hot.heat_capacity, 6 * R * (1 - 3 / (6 * 216)), rtol=1e-7)
    assert_allclose(hot.fraction_excluded, 3 / (6 * 216), rtol=1e-12)


def test_the_limit_of_zero_temperature_is_exact(silicon_mesh):
    cold = thermal_properties(*silicon_mesh, [0.0, 1e-3])
    assert_allclose(cold.free_energy, cold.zero_point_energy, rtol=1e-14)
    assert_allclose(cold.internal_energy, cold.zero_point_energy, rtol=1e-14)
    assert_allclose(cold.entropy, 0, atol=1e-300)
    assert_allclose(cold.heat_capacity, 0, atol=1e-300)


def test_symmetry_changes_no_thermal_property(silicon_mesh):
    full = regular_mesh(silicon(), (6, 6, 6), symmetry=False)
    frequencies = phonons(stillinger_weber(), silicon()).frequencies(full.q)
    expected, found = (
        thermal_properties(*pair, T) for pair in ((full, frequencies), silicon_mesh)
    )
    for name in (
        "free_energy",
        "internal_energy",
        "entropy",
        "heat_capacity",
        "fraction_excluded",
    ):
        # round-off
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)


def test_imaginary_modes_are_left_out_and_counted():
    mesh = regular_mesh(fcc(), (2, 2, 2), symmetry=False)
    frequencies = np.full((8, 3), 5.0)
    frequencies[0] = [-0.02, 0.0, 0.03]  # translations, with the noise of float32
    frequencies[3, 0] = -1.0
    found = thermal_properties(mesh, frequencies, [300.0])
    assert_allclose(found.fraction_imaginary, 1 / 24)
    assert_allclose(found.fraction_excluded, 4 / 24)
    one = thermal_properties(mesh, np.full((8, 3), 5.0), [300.0])
    # 20 equal modes of the 21 that are no translation remain; round-off
    assert_allclose(found.entropy, one.entropy * 20 / 21, rtol=1e-12)


def test_a_real_crystal_without_instability_counts_none(silicon_mesh):
    assert thermal_properties(*silicon_mesh, [300.0]).fraction_imaginary == 0


def test_the_method_is_the_function_on_its_mesh(silicon_mesh):
    found = phonons(stillinger_weber(), silicon()).thermal([300.0], (6, 6, 6))
    expected = thermal_properties(*silicon_mesh, [300.0])
    assert_allclose(found.heat_capacity, expected.heat_capacity, rtol=1e-12)


def test_free_energy_is_differentiable_by_parameters_of_the_potential():
    crystal = fcc()
    source = phonons(springs(), crystal)

    def zero_point(potential):
        response = Response(potential, potential.graph(crystal), n_atoms=1)
        found = source.replace(source=response)
        return found.thermal([0.0, 300.0], (2, 2, 2)).zero_point_energy

    value, slope = jax.value_and_grad(zero_point)(springs())
    stiffness = springs().params["stiffness"]
    # proportional to √k; round-off
    assert_allclose(slope.params["stiffness"], value / (2 * stiffness), rtol=1e-9)


@pytest.mark.parametrize("temperatures", [[-1.0], [300.0, -0.1], [np.nan], [np.inf]])
def test_temperatures_that_are_none_are_refused(silicon_mesh, temperatures):
    with pytest.raises(ValueError, match="finite and not negative"):
        thermal_properties(*silicon_mesh, temperatures)
