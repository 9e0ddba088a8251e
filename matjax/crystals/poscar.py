"""The crystal of a POSCAR, with fixed atoms; VASP 4's without elements is refused.

Source: https://www.vasp.at/wiki/index.php/POSCAR.
"""

from __future__ import annotations

import re
from functools import reduce
from math import gcd
from pathlib import Path

import numpy as np

from matjax.crystals.crystal import Crystal
from matjax.crystals.species import (
    Species,
    element,
    masses_of,
    require_certain,
    species,
)
from matjax.errors import CrystalFileError

_FLAGS = {"t": True, "true": True, "f": False, "false": False}


class _Lines:
    """Lines of a file, read one after the other, with errors that name the next."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines = text.splitlines()
        self.next = 0

    def take(self, what: str) -> str:
        if self.next >= len(self._lines):
            raise self.error(f"the file must go on with {what}; it ends")
        self.next += 1
        return self._lines[self.next - 1].strip()

    def rest(self) -> list[str]:
        return [line.strip() for line in self._lines[self.next :]]

    def error(self, message: str) -> CrystalFileError:
        return CrystalFileError(
            f"{self.path}, line {self.next} (as a POSCAR, format vasp): {message}"
        )


def poscar_crystal(path: Path, text: str) -> Crystal:
    """Crystal of the text of a POSCAR or CONTCAR.

    Velocities are left aside.

    Raises:
        CrystalFileError: with file and line, if a line is not what VASP 5 has there,
            elements are not named, or there are more atoms than counted.
    """
    lines = _Lines(path, text)
    comment = lines.take("a comment")
    factors = _numbers(lines, lines.take("a scale factor"), (1, 3), "a scale factor")
    rows = [
        _numbers(lines, lines.take("the cell"), (3,), "a cell vector") for _ in "abc"
    ]
    cell, scale = _scaled(lines, np.array(rows), factors)
    kinds, counts = _kinds(lines, comment)
    n_atoms = sum(counts)
    mode = lines.take("Direct or Cartesian")
    selective = mode[:1] in ("s", "S")
    if selective:
        mode = lines.take("Direct or Cartesian")
    if mode[:1] not in tuple("cCkKdD"):
        raise lines.error(
            f"coordinates must be announced by Direct or Cartesian; received {mode!r}"
        )
    coordinates, fixed = [], []
    for atom in range(n_atoms):
        words = lines.take(f"atom {atom} of {n_atoms}").split()
        coordinates.append(_numbers(lines, " ".join(words[:3]), (3,), f"atom {atom}"))
        if selective:
            fixed.append(_fixed(lines, words[3:6]))
    _require_end(lines, n_atoms)
    atom_kinds = [kind for kind, n in zip(kinds, counts, strict=True) for _ in range(n)]
    places = np.array(coordinates)
    cartesian = mode[:1] in tuple("cCkK")
    try:
        return Crystal.create(
            [kind.number for kind in atom_kinds],
            cell,
            positions=places * scale if cartesian else None,
            fractional=None if cartesian else places,
            masses=masses_of(atom_kinds),
            fixed=np.array(fixed) if selective else None,
        )
    except ValueError as error:
        raise CrystalFileError(f"{path}: {error}") from error


def _numbers(
    lines: _Lines, text: str, lengths: tuple[int, ...], what: str
) -> list[float]:
    """The leading numbers of a line: as many as it has, of the lengths allowed."""
    values: list[float] = []
    for word in text.split()[: max(lengths)]:
        try:
            values.append(float(word.lower().replace("d", "e")))
        except ValueError:
            break
    if max(lengths) == 3 and len(values) == 2 and 1 in lengths:
        values = values[:1]
    if len(values) not in lengths or not np.isfinite(values).all():
        raise lines.error(
            f"{what} must be {' or '.join(map(str, lengths))} finite numbers; received "
            f"{text!r}"
        )
    return values


def _scaled(
    lines: _Lines, rows: np.ndarray, factors: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The cell, and factors of Cartesian coordinates; a negative one is a volume."""
    scale = np.array(factors)
    volume = abs(np.linalg.det(rows))
    if len(factors) == 1 and factors[0] < 0 and volume > 0:
        scale = np.array([(-factors[0] / volume) ** (1 / 3)])
    if not (scale > 0).all():
        raise lines.error(
            "a scale factor must be positive, or a single negative one the volume of "
            f"a cell that has one; received {factors}"
        )
    return rows * scale, scale


def _kinds(lines: _Lines, comment: str) -> tuple[list[Species], list[int]]:
    line = lines.take("the elements")
    symbols = re.split(r"[!#]", line)[0].split()
    if symbols and all(word.isdecimal() for word in symbols):
        counts = [int(word) for word in symbols]
        return _commented(lines, comment, counts), _positive(lines, counts)
    numbers = lines.take("the number of atoms of each element")
    words = re.split(r"[!#]", numbers)[0].split()
    if not words or not all(word.isdecimal() for word in words):
        raise lines.error(
            f"the elements {line!r} must be followed by their numbers of atoms; "
            f"received {numbers!r}"
        )
    if len(words) != len(symbols):
        raise lines.error(
            f"each element needs one number of atoms; received {line!r} and {numbers!r}"
        )
    try:
        # VASP names potentials as Ti_pv, and appends a hash after a slash.
        symbols = [re.split(r"[_/]", symbol)[0] for symbol in symbols]
        for symbol in symbols:
            require_certain(symbol)
        kinds = [species(symbol) for symbol in symbols]
    except ValueError as error:
        raise lines.error(str(error)) from error
    return kinds, _positive(lines, [int(word) for word in words])


def _positive(lines: _Lines, counts: list[int]) -> list[int]:
    if min(counts) < 1:
        raise lines.error(f"numbers of atoms must be positive; received {counts}")
    return counts


def _commented(lines: _Lines, comment: str, counts: list[int]) -> list[Species]:
    """Elements of a VASP 4 file whose comment is nothing but their list or formula."""
    words = comment.split()
    if len(words) == len(counts) and all(map(_is_symbol, words)):
        return [species(word) for word in words]
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", comment)
    whole = "".join(words) == "".join(symbol + n for symbol, n in parts)
    formula = [int(n or 1) for _, n in parts]
    if (
        whole
        and all(_is_symbol(symbol) for symbol, _ in parts)
        and _reduced(formula) == _reduced(counts)
    ):
        return [species(symbol) for symbol, _ in parts]
    raise lines.error(
        "a POSCAR must name its elements in a line above their numbers (VASP 5); this "
        f"one does not, and its comment {comment!r} is not a list of elements for "
        f"{counts}: add the line"
    )


def _reduced(counts: list[int]) -> list[int]:
    divisor = max(1, reduce(gcd, counts, 0))
    return [n // divisor for n in counts]


def _is_symbol(word: str) -> bool:
    return word == word.capitalize() and element(word) is not None


def _fixed(lines: _Lines, words: list[str]) -> list[bool]:
    flags = [_FLAGS.get(word.strip(".").lower()) for word in words]
    if len(flags) != 3 or None in flags:
        raise lines.error(
            f"selective dynamics needs three of T and F for each atom; received {words}"
        )
    return [not flag for flag in flags]


def _require_end(lines: _Lines, n_atoms: int) -> None:
    """Refuse atoms beyond those counted; velocities of all atoms may follow."""
    rest = lines.rest()
    start = next((i for i, line in enumerate(rest) if line), None)
    if start is None:
        return
    block = 0
    for line in rest[start:]:
        if not _is_row(line):
            break
        block += 1
    # A blank line or a headline separates velocities from atoms.
    if block and (start == 0 or block < n_atoms):
        raise lines.error(
            f"{n_atoms} atoms are counted; {block} more lines of coordinates follow: "
            "correct the numbers of atoms, or remove the lines"
        )


def _is_row(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()[:3]]) == 3
    except ValueError:
        return False
