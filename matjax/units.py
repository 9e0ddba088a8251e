"""Factors from the internal units (Å, eV, amu, K) to those that results carry.

Values from CODATA 2018 through ``scipy.constants``, so that no digit is typed here.
"""

from math import pi, sqrt

from scipy import constants as _si

EV = _si.e  # joule
ANGSTROM = 1e-10  # metre
AMU = _si.atomic_mass  # kilogram

THZ = sqrt(EV / AMU) / ANGSTROM / (2 * pi) * 1e-12
"""Frequency in THz of a mode whose eigenvalue is 1 eV/(Å² amu)."""

GPA = EV / ANGSTROM**3 * 1e-9
"""Pressure in GPa of 1 eV/Å³."""

FEMTOSECOND = 1e-15 * sqrt(EV / AMU) / ANGSTROM
"""One femtosecond in the internal unit of time, Å·sqrt(amu/eV)."""

BOLTZMANN = _si.k / EV
"""Boltzmann constant in eV/K."""

PLANCK_THZ = _si.h / EV * 1e12
"""Energy in eV of a quantum of 1 THz."""

J_PER_MOL = EV * _si.N_A
"""Energy in J/mol of 1 eV per particle."""


def unit_name(unit: str) -> str:
    """A unit as names of metrics and columns hold it.

    >>> unit_name("meV/Å²"), unit_name("J/(mol K)")
    ('meV_per_A2', 'J_per_mol_K')
    """
    for symbol, word in (
        *(
            ("cm⁻¹", "per_cm"),
            ("/", "_per_"),
            ("Å", "A"),
            ("²", "2"),
            ("³", "3"),
            ("μ", "mu"),
        ),
        *(("(", ""), (")", ""), ("%", "percent")),
    ):
        unit = unit.replace(symbol, word)
    return "_".join(unit.split())
