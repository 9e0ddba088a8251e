"""Unit factors against published values and the definitions of other codes."""

import ase.units
import numpy as np
from numpy.testing import assert_allclose

from matjax import units

PUBLISHED = 1e-8  # CODATA 2014, 2018 and 2022 differ by this much


def test_frequency_unit_is_that_of_phonopy():
    # VaspToTHz of phonopy 2, from CODATA 1986: e and u differ by 4e-7 and 7e-7
    assert_allclose(units.THZ, 15.633302, rtol=3e-7)


def test_pressure_unit_is_that_of_codata():
    assert_allclose(units.GPA, 160.2176634, rtol=PUBLISHED)


def test_constants_are_those_of_codata():
    assert_allclose(units.BOLTZMANN, 8.617333262e-5, rtol=PUBLISHED)  # eV/K
    assert_allclose(units.PLANCK_THZ, 4.135667696e-3, rtol=PUBLISHED)  # eV/THz
    assert_allclose(units.J_PER_MOL, 96485.33212, rtol=PUBLISHED)  # Faraday constant


def test_time_unit_is_that_of_ase():
    assert_allclose(units.FEMTOSECOND, ase.units.fs, rtol=1e-7)  # CODATA 2014 there


def test_oscillator_of_unit_mass_and_stiffness_has_the_unit_frequency():
    # ω = 1 in internal units, so the period is 2π of them.
    period_fs = 2 * np.pi / units.FEMTOSECOND
    assert_allclose(1e3 / period_fs, units.THZ, rtol=1e-12)  # round-off


def test_gas_constant_is_recovered():
    gas_constant = units.BOLTZMANN * units.J_PER_MOL
    assert_allclose(gas_constant, 8.314462618, rtol=PUBLISHED)
