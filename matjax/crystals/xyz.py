"""Frames of an extended XYZ file, one by one, so that a bad one spoils no other."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

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


def frames(text: str) -> list[Frame]:
    """All frames; what follows a count that is none is one last frame that failed."""
    lines = text.splitlines()
    all_frames, at = [], 0
    while at < len(lines):
        head = lines[at].strip()
        if not head:
            if not any(line.strip() for line in lines[at:]):
                break
            if all_frames:
                at += 1
                continue
        if not head.isdecimal() or len(head) > 12:
            failure = (
                f"line {at + 1} must hold the number of atoms of a frame; it holds "
                f"{lines[at][:60]!r}"
            )
            return [*all_frames, Frame([], failure)]
        end = at + 2 + int(head)
        if end > len(lines):
            failure = (
                f"the frame of line {at + 1} must have {head} atoms; the file ends "
                f"after {max(0, len(lines) - at - 2)}"
            )
            return [*all_frames, Frame([], failure)]
        while end < len(lines) and lines[end].lstrip().startswith("VEC"):
            end += 1
        all_frames.append(Frame(lines[at:end]))
        at = end
    return all_frames


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
