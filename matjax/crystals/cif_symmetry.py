"""The space-group setting that a CIF states: by operations, Hall or H-M symbol, number.

A symbol that leaves open the origin or the axes has several settings; the cell decides
between axes, and what remains is returned in full, for the sites to decide. Statements
that contradict one another are refused.

Source: International Tables for Crystallography, volume G.
"""

from __future__ import annotations

import logging
import re
from itertools import product
from typing import TYPE_CHECKING

import gemmi
import numpy as np

from matjax.crystals.settings import (
    DEN,
    Setting,
    differ_by_origin,
    fits,
    hall_setting,
    is_group,
    make_setting,
    named_settings,
    type_number,
)

if TYPE_CHECKING:
    from matjax.crystals.cif import Block

_log = logging.getLogger(__name__)

OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
MAGNETIC = ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_xyz")
CENTERINGS = (
    "_space_group_symop_magn_centering_xyz",
    "_space_group_symop_magn_ssg_centering_algebraic",
)
HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
SYMBOL = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_symmetry_space_group_name_h-m_alt",
    "_space_group_name_h-m_full",
    "_space_group_name_h-m",
)
NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number")
SYSTEM = ("_space_group_crystal_system", "_symmetry_cell_setting")
CODE = "_space_group_it_coordinate_system_code"


def stated_settings(block: Block, cell: np.ndarray) -> list[Setting]:
    """Settings that a block's statements leave open; one, if they leave none open.

    Args:
        block: of a CIF.
        cell: vectors as rows, Å.

    Raises:
        CrystalFileError: if a statement is not understood, statements contradict one
            another, or the cell has not the symmetry stated.
    """
    if (magnetic := block.column(*MAGNETIC)) is not None:
        return [_magnetic(block, magnetic, cell)]
    number = _number(block)
    operations = _listed_operations(block)
    hall = block.value(*HALL)
    symbols = block.values(*SYMBOL)
    explicit = operations or (_hall(block, hall) if hall else None)
    if explicit is None:
        return _by_name(block, symbols, number, cell)
    where = OPERATIONS if operations else HALL
    if not fits(explicit, cell):
        raise block.error(
            f"the cell must have the symmetry of {explicit.name}; its parameters do "
            "not: correct the cell or the symmetry",
            *where,
        )
    if operations and hall and (stated := hall_setting(hall)):
        _require_same(block, operations, [stated], f"Hall symbol {hall!r}", where, cell)
    for symbol in symbols:
        if named := named_settings(symbol, block.value(CODE)):
            _require_same(block, explicit, named, f"symbol {symbol!r}", where, cell)
    implied = type_number(explicit)
    if number and implied and number != implied:
        raise block.error(
            f"{explicit.name} and space-group number must agree; the first is of "
            f"number {implied}, the file states {number}: remove the one that is wrong",
            *NUMBER,
        )
    return [explicit]


def _by_name(
    block: Block, symbols: list[str], number: int | None, cell: np.ndarray
) -> list[Setting]:
    if symbols:
        settings = _of_symbols(block, symbols, number)
        what = f"the symbol {symbols[0]!r}"
    elif number:
        standard = gemmi.find_spacegroup_by_number(number)
        settings = named_settings(standard.hm, block.value(CODE)) or []
        what = f"number {number}"
    else:
        return [_unstated(block)]
    fitting = [s for s in settings if fits(s, cell)]
    if not fitting:
        raise block.error(
            f"the cell must have the symmetry of {what}; its parameters do not: "
            "correct the cell or the symmetry, or list the operations",
            *SYMBOL,
            *NUMBER,
        )
    return _conventional(fitting)


def _of_symbols(block: Block, symbols: list[str], number: int | None) -> list[Setting]:
    """Settings that all symbols known and the number allow."""
    known = {s: n for s in symbols if (n := named_settings(s, block.value(CODE)))}
    if not known:
        raise block.error(
            f"a space-group symbol must be one of the International Tables; "
            f"{symbols[0]!r} is none that is known: list the symmetry operations",
            *SYMBOL,
        )
    first, *others = known.values()
    common = [
        s for s in first if all(s.key in {o.key for o in other} for other in others)
    ]
    if not common:
        raise block.error(
            f"space-group symbols must agree; received {', '.join(known)}: remove "
            "those that are wrong",
            *SYMBOL,
        )
    settings = [s for s in common if number in (None, type_number(s))]
    if not settings:
        numbers = ", ".join(sorted({str(type_number(s)) for s in common}))
        raise block.error(
            f"space-group symbol and number must agree; {symbols[0]!r} is of number "
            f"{numbers}, the file states {number}: remove the one that is wrong",
            *SYMBOL,
        )
    return settings


def _unstated(block: Block) -> Setting:
    """P 1, as all codes read a block without a word on symmetry."""
    if block.magnetic:
        raise block.error(
            "a magnetic structure needs its operations; the block lists none: add "
            "_space_group_symop_magn_operation.xyz"
        )
    system = (block.value(*SYSTEM) or "triclinic").lower()
    if block.mentions(*OPERATIONS, *HALL, *SYMBOL, *NUMBER) or system != "triclinic":
        raise block.error(
            "the space group must be stated; the file mentions it, but leaves it "
            "open: fill it in, or write 'P 1' if all atoms of the cell are listed",
            *SYMBOL,
            *HALL,
            *NUMBER,
            *OPERATIONS,
            *SYSTEM,
        )
    _log.warning("%s, block %r states no symmetry: P 1", block.path, block.name)
    return make_setting([gemmi.Op("x,y,z")], "P 1, since no symmetry is stated")


def _conventional(settings: list[Setting]) -> list[Setting]:
    """Without those of unusual axes, if a short symbol and the cell leave axes open.

    A short monoclinic symbol means unique axis b (International Tables A, 2.2.4).
    """
    b_unique = [s for s in settings if re.search(r"\S 1 \S+ 1$", s.name)]
    return b_unique if b_unique and len(settings) > len(b_unique) else settings


def _number(block: Block) -> int | None:
    texts = block.values(*NUMBER)
    if not texts:
        return None
    text = texts[0]
    if len(texts) > 1:
        raise block.error(
            f"one space-group number is needed; received {texts}", *NUMBER
        )
    if not text.isdecimal() or not 1 <= int(text) <= 230:
        raise block.error(
            f"a space-group number must lie in 1 to 230; received {text!r}", *NUMBER
        )
    return int(text)


def _listed_operations(block: Block) -> Setting | None:
    texts = block.column(*OPERATIONS)
    if texts is None:
        return None
    setting = make_setting(_parsed(block, texts, OPERATIONS), "the operations listed")
    if not is_group(setting):
        raise block.error(
            f"the symmetry operations must form a group; the {len(texts)} listed do "
            "not: one is missing or misspelled",
            *OPERATIONS,
        )
    return setting


def _magnetic(block: Block, texts: list[str], cell: np.ndarray) -> Setting:
    """Operations of a magnetic group without their time reversal."""
    centerings = block.column(*CENTERINGS) or ["x,y,z,+1"]
    spatial = [
        _parsed(block, [_without_time(t) for t in group], where)
        for group, where in ((texts, MAGNETIC), (centerings, CENTERINGS))
    ]
    operations = [c * o for c, o in product(spatial[1], spatial[0])]
    setting = make_setting(operations, "the magnetic operations listed")
    if not (is_group(setting) and fits(setting, cell)):
        raise block.error(
            "the magnetic operations must form a group that the cell has; those "
            "listed do not: one is missing or misspelled",
            *MAGNETIC,
        )
    return setting


def _without_time(text: str) -> str:
    parts = text.split(",")
    return ",".join(parts[:3]) if len(parts) == 4 else text


def _parsed(block: Block, texts: list[str], where: tuple[str, ...]) -> list[gemmi.Op]:
    operations = []
    for text in texts:
        try:
            operation = gemmi.Op(text.strip().strip("'\"").replace(" ", ""))
        except (RuntimeError, ValueError) as error:
            raise block.error(
                f"symmetry operations are written like '-x,y+1/2,z'; received "
                f"{text!r} ({error})",
                *where,
            ) from error
        rotation = np.array(operation.rot) / DEN
        if abs(abs(np.linalg.det(rotation)) - 1) > 1e-9 or (rotation % 1).any():
            raise block.error(
                "a symmetry operation must keep volumes and lattice; received "
                f"{text!r}: correct it",
                *where,
            )
        operations.append(operation)
    return operations


def _hall(block: Block, symbol: str) -> Setting:
    setting = hall_setting(symbol)
    if setting is None:
        raise block.error(
            f"a Hall symbol is written like '-P 2ybc'; {symbol!r} is not understood: "
            "correct it, or list the symmetry operations",
            *HALL,
        )
    return setting


def _require_same(
    block: Block,
    explicit: Setting,
    named: list[Setting],
    what: str,
    where: tuple[str, ...],
    cell: np.ndarray,
) -> None:
    """Refuse operations that are none of the settings named, origins aside."""
    if any(s.key == explicit.key or differ_by_origin(s, explicit) for s in named):
        return
    same_type = type_number(explicit) in {type_number(s) for s in named}
    # A symbol may be the standard one of a group whose cell is another.
    if same_type and not any(fits(s, cell) for s in named):
        return
    raise block.error(
        f"{explicit.name} and the {what} must agree; they are of different groups or "
        "settings: remove the one that is wrong",
        *where,
    )
