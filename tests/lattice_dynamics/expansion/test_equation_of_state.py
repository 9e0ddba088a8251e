"""Equations of state: what their parameters mean, and fits that find them again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics.expansion.equation_of_state import EQUATIONS, equilibrium

PARAMETERS = np.array([-1.2, 1.1, 0.8, 4.6])  # E₀, V₀, B₀, B₀′
VOLUMES = np.linspace(0.95, 1.3, 9)


def slopes(equation):
    """E, and its first three derivatives."""
    found, function = [], lambda v: equation(PARAMETERS, v)
    for _ in range(4):
        found.append(function)
        function = jax.grad(function)
    return found


@pytest.mark.parametrize("name", EQUATIONS)
def test_parameters_are_energy_volume_bulk_modulus_and_its_slope(name):
    """B = V E″ and B′ = dB/dp = −1 − V E‴/E″ at the minimum."""
    e, v, b, slope = PARAMETERS
    zeroth, first, second, third = (f(jnp.asarray(v)) for f in slopes(EQUATIONS[name]))
    assert_allclose(zeroth, e, rtol=1e-12)  # round-off, as below
    assert_allclose(first, 0, atol=1e-12)
    assert_allclose(v * second, b, rtol=1e-9)
    assert_allclose(-1 - v * third / second, slope, rtol=1e-8)


@pytest.mark.parametrize("pressure", [0.0, 0.05])
def test_fits_find_the_parameters_and_the_volume_under_pressure(pressure):
    equation = EQUATIONS["vinet"]
    energies = equation(PARAMETERS, VOLUMES)
    parabola = np.polyfit(VOLUMES, energies, 2)
    found = equilibrium(equation, VOLUMES, energies, parabola, pressure)
    assert_allclose(found.residual, 0, atol=1e-12)  # round-off
    _, first, second, _ = slopes(equation)
    assert_allclose(first(found.volume), -pressure, atol=1e-10)
    assert_allclose(found.bulk_modulus, found.volume * second(found.volume), rtol=1e-8)
    enthalpy = equation(PARAMETERS, found.volume) + pressure * found.volume
    assert_allclose(found.enthalpy, enthalpy, rtol=1e-10)


def test_volumes_follow_energies_as_differences_say():
    equation = EQUATIONS["vinet"]
    energies = np.asarray(equation(PARAMETERS, VOLUMES))
    parabola = np.polyfit(VOLUMES, energies, 2)

    def volume(energies):
        return equilibrium(equation, VOLUMES, energies, parabola, 0.02).volume

    change = np.random.default_rng(0).normal(size=len(VOLUMES))
    slope = jax.jvp(volume, (energies,), (change,))[1]
    difference = (
        volume(energies + 1e-6 * change) - volume(energies - 1e-6 * change)
    ) / 2e-6
    assert_allclose(slope, difference, rtol=1e-6)  # h² and round-off of the difference
