"""The sites that a CIF lists: species, coordinates with their digits, occupancy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matjax import elements
from matjax.crystals.species import Species, element, species

if TYPE_CHECKING:
    from matjax.crystals.cif import Block

X, Y, Z = (f"_atom_site_fract_{axis}" for axis in "xyz")
LABEL, TYPE = "_atom_site_label", "_atom_site_type_symbol"
OCCUPANCY = "_atom_site_occupancy"
MULTIPLICITY = (
    "_atom_site_site_symmetry_multiplicity",
    "_atom_site_symmetry_multiplicity",
)
FORMULA = "_chemical_formula_sum"

COARSEST = 0.01
"""Largest error of rounding that a coordinate is granted, in cell vectors: 0.3 is three
tenths, not a third."""

_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:\.(?P<digits>\d*))?|\.(?P<bare>\d+))"
    r"(?:[eEdD][+-]?\d+)?(?:\(\d+\))?"
)
_FRACTION = re.compile(r"([+-]?\d+)/(\d+)")


class Site(NamedTuple):
    """An atom of the asymmetric unit."""

    label: str
    species: Species
    fractional: np.ndarray
    """(3,)."""
    rounding: np.ndarray
    """One unit of the last digit given, (3,); 0 of integers and fractions."""
    multiplicity: int | None
    """Atoms of its orbit in the cell, where the file says it."""


def number(text: str) -> tuple[float, float] | None:
    """Value of a number of a CIF and the unit of its last digit; None if it is none.

    Uncertainties in brackets are left out. ``1/3`` is a third.
    """
    text = text.strip()
    if match := _FRACTION.fullmatch(text):
        below = int(match[2])
        return (int(match[1]) / below, 0.0) if below else None
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = len(match["digits"] or match["bare"] or "")
    value = float(re.sub(r"\(.*", "", text).lower().replace("d", "e"))
    if re.search(r"[eEdD]", text):
        digits -= int(re.split(r"[eEdD]", re.sub(r"\(.*", "", text))[1])
    return value, 10.0 ** -min(digits, 300) if digits > 0 else 0.0


def listed_sites(block: Block) -> list[Site]:
    """Sites of a block, each fully occupied by one element.

    Raises:
        CrystalFileError: naming the site whose element, coordinates or occupancy stay
            open, or that is shared.
    """
    columns = [block.column(tag, keep_null=True) for tag in (X, Y, Z)]
    labels, types = (block.column(tag, keep_null=True) for tag in (LABEL, TYPE))
    if any(c is None for c in columns):
        raise block.error(
            "sites need the fractional coordinates _atom_site_fract_x, _y and _z; "
            "not all are there: add them",
            X,
            LABEL,
        )
    coordinates = list(zip(*[c for c in columns if c is not None], strict=True))
    n = len(coordinates)
    names = labels or types
    if names is None:
        raise block.error("sites need labels or type symbols; there are none", X)
    formula = formula_counts(block)
    occupancies = block.column(OCCUPANCY, keep_null=True) or ["."] * n
    multiplicities = block.column(*MULTIPLICITY, keep_null=True) or ["."] * n
    flags = block.column("_atom_site_calc_flag", keep_null=True) or ["."] * n
    hydrogens = block.column("_atom_site_attached_hydrogens", keep_null=True)
    sites = []
    for i in range(n):
        if flags[i].lower() == "dum":  # no atom, by the dictionary
            continue
        label = names[i]
        _require_whole(block, label, occupancies[i])
        if hydrogens and hydrogens[i] not in ("0", "?", "."):
            raise block.error(
                f"all atoms must have coordinates; {hydrogens[i]} hydrogen atoms of "
                f"site {label} are mentioned only: add them",
                "_atom_site_attached_hydrogens",
            )
        symbol = types[i] if types else "?"
        values, rounding = _coordinates(block, label, coordinates[i])
        sites.append(
            Site(
                label,
                _species(block, label, symbol, formula),
                values,
                rounding,
                int(multiplicities[i]) if multiplicities[i].isdecimal() else None,
            )
        )
    if not sites:
        raise block.error("a crystal needs at least one site; there is none", X, LABEL)
    return sites


def formula_counts(block: Block) -> dict[str, float] | None:
    """Atoms of each element in ``_chemical_formula_sum``; None if it says nothing.

    D and T are themselves here.
    """
    text = block.value(FORMULA)
    if text is None:
        return None
    counts: dict[str, float] = {}
    words = text.replace(",", " ").split()
    if len(words) == 1:
        words = re.findall(r"[A-Z][a-z]?[\d.]*|\S", words[0])
    for word in words:
        match = re.fullmatch(r"([A-Za-z]{1,2})(\d*\.?\d*)", word)
        if match is None or element(match[1]) is None or match[2] == ".":
            return None
        symbol = match[1].capitalize()
        counts[symbol] = counts.get(symbol, 0) + float(match[2] or 1)
    return counts or None


def _coordinates(
    block: Block, label: str, texts: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    pairs = [number(text) for text in texts]
    if any(pair is None for pair in pairs):
        unknown = all(text in ("?", ".") for text in texts)
        raise block.error(
            f"coordinates of site {label} must be numbers; received "
            f"{' '.join(texts)}: "
            + (
                "add them, or remove the site if the crystal does not have it"
                if unknown
                else "correct them"
            ),
            X,
        )
    values = np.array([pair[0] for pair in pairs if pair])
    if not np.isfinite(values).all() or np.abs(values).max() > 1e5:
        raise block.error(
            f"fractional coordinates of site {label} must lie near the cell; received "
            f"{' '.join(texts)}: are they in Å?",
            X,
        )
    rounding = np.array([pair[1] for pair in pairs if pair])
    return values, np.minimum(rounding, COARSEST)


def _require_whole(block: Block, label: str, text: str) -> None:
    """Refuse partial occupancy; that which is not given is 1, by the dictionary."""
    if text in ("?", "."):
        return
    occupancy = number(text)
    if occupancy is None:
        raise block.error(
            f"the occupancy of site {label} must be a number; received {text!r}",
            OCCUPANCY,
        )
    if occupancy[0] > 1 + 1e-6:
        raise block.error(
            f"occupancy must not be above 1; site {label} has {text}: correct it",
            OCCUPANCY,
        )
    if occupancy[0] < 1 - 1e-6:
        raise block.error(
            "every site must be fully occupied by one element; received occupancy "
            f"{text} of site {label}: choose an ordered arrangement first",
            OCCUPANCY,
        )


def _species(
    block: Block, label: str, symbol: str, formula: dict[str, float] | None
) -> Species:
    if symbol not in ("?", "."):
        match = re.fullmatch(r"([A-Za-z]+)\d+", symbol)
        try:
            return species(symbol) if match is None else _of_typed(match[1], formula)
        except ValueError as error:
            raise block.error(f"site {label}: {error}", TYPE) from error
    try:
        return _of_label(label, formula)
    except ValueError as error:
        raise block.error(f"site {label}: {error}", LABEL) from error


def _of_typed(letters: str, formula: dict[str, float] | None) -> Species:
    """Species of a type symbol that ends in a number, as if it were a label."""
    if len(letters) == 2 and letters[0].isupper() and letters[1].islower():
        return species(letters)
    try:
        return _of_label(letters, formula)
    except ValueError as error:
        raise ValueError(
            f"each atom must be of one known element; the type {letters!r} is of none, "
            "or of several: correct the symbol"
        ) from error


def _of_label(label: str, formula: dict[str, float] | None) -> Species:
    """Species of a label; its letters up to the first other character are the symbol.

    Two letters in other case than ``Co`` may also be one and a mark (carbon bound to
    oxygen). The formula decides; without it, a second letter that is no element is
    part of the symbol.

    Raises:
        ValueError: if the label is of no element, or of one of several.
    """
    match = re.match(r"[A-Za-z]+", label)
    letters = match[0] if match else ""
    readings = [r for r in (letters[:2], letters[:1]) if element(r)]
    readings = list(dict.fromkeys(r.capitalize() for r in readings))
    typical = len(letters) > 1 and letters[0].isupper() and letters[1].islower()
    if formula is not None:
        readings = [r for r in readings if _in_formula(r, formula)]
        if typical and letters[:2] in readings:
            readings = [letters[:2]]
    elif len(letters) == 1:
        readings = [r for r in readings if r != "T"]  # tetrahedral sites, in minerals
    elif len(letters) == 2:
        readings = _likely(letters, readings, typical)
    else:
        readings = readings[:1] if typical and letters[:2] in readings else []
    if len(readings) != 1:
        stated = "" if formula is None else " with this formula"
        raise ValueError(
            f"the label must name one element{stated}; {label!r} names "
            + (" or ".join(readings) or "none")
            + ": add _atom_site_type_symbol"
        )
    kind = element(readings[0])
    if kind is None:
        raise ValueError(f"{label!r} names no element")
    return kind


def _likely(letters: str, readings: list[str], typical: bool) -> list[str]:
    two = letters.capitalize()
    if two in readings:
        is_mark = element(letters[1]) is None
        return [two] if typical or is_mark else readings
    # Water and other groups are labelled W, too.
    return [r for r in readings if r not in ("W", "T", "D")]


def _in_formula(symbol: str, formula: dict[str, float]) -> bool:
    return symbol in formula or (symbol in ("D", "T") and "H" in formula)


def hill(counts: dict[str, float]) -> str:
    """Counts of elements as text."""
    return " ".join(f"{s}{n:g}" for s, n in sorted(counts.items()))


def as_elements(counts: dict[str, float]) -> dict[str, float]:
    """Counts with isotopes of hydrogen as hydrogen."""
    totals: dict[str, float] = {}
    for symbol, n in counts.items():
        kind = element(symbol)
        name = elements.symbols((kind.number,))[0] if kind else symbol
        totals[name] = totals.get(name, 0) + n
    return totals
