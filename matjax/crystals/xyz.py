"""Frames of an extended XYZ file, one by one, so that a bad one spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matjax.crystals.file_content import text_lines
from matjax.crystals.species import HYDROGENS, ISOTOPE_MASSES, require_certain
from matjax.errors import CrystalFileError

if TYPE_CHECKING:
    import ase

_PBC = re.compile(
    r"""(?<!\S)pbc\s*=\s*("[^"]*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|\S+)""", re.IGNORECASE
)
_TRUTH = {
    **dict.fromkeys(("t", "true", "1", ".true."), "T"),
    **dict.fromkeys(("f", "false", "0", ".false."), "F"),
}
_HEAVY = re.compile(r"\s*([DT])\s")
_CAPITALS = re.compile(r"\s*([A-Z]{2})\s")
_POSITIONS = re.compile(r":?pos:R:3(:|$)")


class Frame(NamedTuple):
    """The lines of one frame, or why there are none."""

    lines: list[str]
    """Its count of atoms, its comment, its atoms."""
    failure: str = ""


def placed_frames(path: Path) -> Iterator[tuple[str, Frame]]:
    """Frames of a file as they are read, with their place for messages.

    Raises:
        CrystalFileError: at once if there is none.
    """
    lines = (line for text in text_lines(path) for line in text.splitlines())
    following = frames(lines)
    first = list(islice(following, 2))
    if not first:
        raise CrystalFileError(f"{path} holds no structure")
    return (
        (place(path, number, is_one_of_several=len(first) > 1), frame)
        for number, frame in enumerate(chain(first, following))
    )


def place(path: Path, number: int, *, is_one_of_several: bool) -> str:
    """Where a structure stands, as messages begin."""
    return f"{path}, structure {number}" if is_one_of_several else str(path)


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """Each frame, as lines come; what follows a count that is none is one that failed.

    Args:
        lines: of a file, without their ends.
    """
    numbered = enumerate(lines, start=1)
    line = next(numbered, None)
    is_first = True
    while line is not None:
        number, text = line
        head = text.strip()
        if not head and (not is_first or not any(rest.strip() for _, rest in numbered)):
            line = next(numbered, None)
            continue
        is_first = False
        if not head.isdecimal() or len(head) > 12:
            yield Frame([], _no_count(number, text))
            return
        taken = [rest for _, rest in islice(numbered, 1 + int(head))]
        if len(taken) <= int(head):
            yield Frame([], _cut_short(number, head, len(taken)))
            return
        line = next(numbered, None)
        while line is not None and line[1].lstrip().startswith("VEC"):
            taken.append(line[1])
            line = next(numbered, None)
        yield Frame([text, *taken])


def _no_count(number: int, text: str) -> str:
    return (
        f"line {number} must hold the number of atoms of a frame; it holds "
        f"{text[:60]!r}"
    )


def _cut_short(number: int, head: str, n_lines: int) -> str:
    return (
        f"the frame of line {number} must have {head} atoms; the file ends after "
        f"{max(0, n_lines - 1)}"
    )


def frame_values(frame: Frame) -> dict[str, Any]:
    """What is stored with a frame, by name; nothing if its comment cannot be read."""
    from ase.io.extxyz import key_val_str_to_dict

    try:
        return key_val_str_to_dict(frame.lines[1])
    except (ValueError, IndexError, TypeError):  # its frame is refused, and says why
        return {}


def frame_atoms(frame: Frame) -> ase.Atoms:
    """Atoms of a frame, with what is stored beside them.

    Raises:
        CrystalFileError: saying what is wrong with the frame.
    """
    if frame.failure:
        raise CrystalFileError(frame.failure)
    from ase.io.extxyz import read_xyz

    comment = _PBC.sub(_plain_pbc, frame.lines[1])
    _require_positions(comment)
    try:
        atom_lines, masses = _without_isotopes(comment, frame.lines[2:])
    except ValueError as error:
        raise CrystalFileError(str(error)) from error
    text = "\n".join([frame.lines[0], comment, *atom_lines, ""])
    try:
        atoms = next(iter(read_xyz(StringIO(text), index=0)))
    except Exception as error:
        raise CrystalFileError(
            "the frame must be extended XYZ; as such it cannot be read: "
            f"{type(error).__name__} {error}"
        ) from error
    if masses and not atoms.has("masses"):
        given = atoms.get_masses()
        given[list(masses)] = list(masses.values())
        atoms.set_array("masses", given, float, ())
    return atoms


def _plain_pbc(match: re.Match[str]) -> str:
    """Truth values as ASE understands them: it takes "F" in a list for true."""
    words = re.findall(r"[\w.]+", match[1])
    flags = [_TRUTH.get(word.lower()) for word in words]
    if len(flags) not in (1, 3) or None in flags:
        raise CrystalFileError(
            f"pbc must be one truth value or three, T or F; received {match[0]}"
        )
    three = flags * 3 if len(flags) == 1 else flags
    return f'pbc="{" ".join(str(flag) for flag in three)}"'


def _require_positions(comment: str) -> None:
    match = re.search(r"""(?<!\S)Properties\s*=\s*["']?([^\s"']+)""", comment)
    if match and not _POSITIONS.search(match[1]):
        raise CrystalFileError(
            f"Properties must hold the positions, pos:R:3; received {match[1]}"
        )


def _without_isotopes(
    comment: str, lines: list[str]
) -> tuple[list[str], dict[int, float]]:
    """Lines with H in place of D and T, and masses of these atoms."""
    if "Properties" in comment and not re.search(
        r"""Properties\s*=\s*["']?species:S:1""", comment
    ):
        return lines, {}
    masses, plain = {}, []
    for i, line in enumerate(lines):
        if match := _HEAVY.match(line):
            masses[i] = ISOTOPE_MASSES[1, HYDROGENS[match[1]]]
            line = line.replace(match[1], "H", 1)
        elif match := _CAPITALS.match(line):
            require_certain(match[1])
        plain.append(line)
    return (plain, masses) if masses else (lines, {})
