"""Elements and isotopes as files name them: in any case, with charges, D and T."""

from __future__ import annotations

import re
from typing import NamedTuple

from matjax import elements

ISOTOPE_MASSES = {
    (1, 1): 1.00782503,
    (1, 2): 2.01410178,
    (1, 3): 3.01604928,
    (3, 6): 6.01512289,
    (3, 7): 7.01600344,
    (5, 10): 10.01293695,
    (5, 11): 11.00930536,
    (6, 12): 12.0,
    (6, 13): 13.00335484,
    (7, 14): 14.00307400,
    (7, 15): 15.00010890,
    (8, 16): 15.99491462,
    (8, 17): 16.99913176,
    (8, 18): 17.99915961,
    (14, 28): 27.97692653,
    (14, 29): 28.97649466,
    (14, 30): 29.97377014,
}
"""Masses by atomic number and mass number, amu: AME2016, Chin. Phys. C 41, 030003
(2017). Those with which light elements are enriched."""

HYDROGENS = {"D": 2, "T": 3}
"""Mass numbers of the isotopes that have symbols of their own."""

_CHARGE = r"(?:\s*(?:\d*\.?\d*[+-]|[+-]\d+\.?\d*|[+-]{2,4}|0))?"
_TYPE = re.compile(rf"(\d{{1,3}})?([A-Za-z]{{1,2}}){_CHARGE}")


class Species(NamedTuple):
    """An element, or one of its isotopes."""

    number: int
    mass: float | None = None
    """amu, of an isotope."""


def element(symbol: str) -> Species | None:
    """Species of a symbol whose case does not matter, D and T included; or None."""
    symbol = symbol.capitalize()
    if symbol in HYDROGENS:
        return Species(1, ISOTOPE_MASSES[1, HYDROGENS[symbol]])
    if symbol == "X":  # ASE's name for atomic number 0
        return None
    try:
        return Species(elements.atomic_number(symbol))
    except ValueError:
        return None


def species(symbol: str) -> Species:
    """Species of a type symbol: ``NA``, ``na1+``, ``O2-``, ``D``, ``13C``.

    Raises:
        ValueError: if it names no element, an isotope of unknown mass, or several
            elements, as of a mixed site.
    """
    symbol = symbol.strip()
    match = _TYPE.fullmatch(symbol)
    kind = element(match[2]) if match else None
    if match is None or kind is None:
        mixed = len(re.findall(r"[A-Z][a-z]?", symbol)) > 1 or re.search(
            r"[/,+*&]", symbol
        )
        raise ValueError(
            f"each atom must be of one known element; received {symbol!r}: "
            + ("choose an ordered arrangement first" if mixed else "correct the symbol")
        )
    if match[1] is None:
        return kind
    mass_number = int(match[1])
    mass = ISOTOPE_MASSES.get((kind.number, mass_number))
    if mass is None or kind.mass is not None:
        raise ValueError(
            f"isotopes known by name are {_known()}; received {symbol!r}: write the "
            "element and give masses to Crystal.create"
        )
    return Species(kind.number, mass)


def require_certain(symbol: str) -> None:
    """Raises ValueError of capitals such as CO, which may be C with a mark, or Co."""
    whole = symbol.capitalize()
    if len(symbol) == 2 and symbol.isupper() and all(map(element, (whole, *symbol))):
        raise ValueError(
            f"a symbol in capitals must be that of one element; {symbol!r} may be "
            f"{whole}, or {symbol[0]} with a mark: write {whole} or {symbol[0]}"
        )


def isotope_symbol(number: int, mass: float) -> str:
    """D or T for a hydrogen of such mass (within 0.01 amu), else the element's."""
    if number == 1:
        for symbol, mass_number in HYDROGENS.items():
            if abs(mass - ISOTOPE_MASSES[1, mass_number]) < 0.01:
                return symbol
    return elements.symbols((number,))[0]


def masses_of(kinds: list[Species]) -> list[float] | None:
    """Masses of the atoms, amu, where one is of an isotope; else None."""
    if all(s.mass is None for s in kinds):
        return None
    return [
        float(elements.MASSES[s.number]) if s.mass is None else s.mass for s in kinds
    ]


def _known() -> str:
    symbols = [f"{mass}{elements.symbols((z,))[0]}" for z, mass in ISOTOPE_MASSES]
    return ", ".join(["D", "T", *symbols])
