"""The space-group setting that a CIF states: by operations, Hall or H-M symbol, number.

A symbol that leaves open the origin or the axes has several settings; the cell decides
between axes, and what remains is returned in full, for the sites to decide. Statements
that contradict one another are refused.

Source: International Tables for Crystallography, volumes A and G, through gemmi and
spglib's table of 530 settings.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import gemmi
import numpy as np
import spglib

from matjax.crystals.lattice import call_spglib

if TYPE_CHECKING:
    from matjax.crystals.cif import Block

DEN = gemmi.Op.DEN
"""Translations are integers in units of 1/24."""

METRIC_TOLERANCE = 0.01
"""Relative misfit of a cell to its group that rounded cell parameters may have."""

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
CODE = "_space_group_it_coordinate_system_code"


class Setting(NamedTuple):
    """Symmetry operations of a space group in one setting."""

    rotations: np.ndarray
    """(operations, 3, 3), integers."""
    translations: np.ndarray
    """(operations, 3), integers in units of 1/24, from 0 to 23."""
    name: str
    """The statement that gives it."""

    @property
    def key(self) -> frozenset[tuple[int, ...]]:
        """The same for the same operations in any order."""
        rows = np.concatenate(
            [self.rotations.reshape(-1, 9), self.translations], axis=1
        )
        return frozenset(map(tuple, rows.tolist()))


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
    symbol = block.value(*SYMBOL)
    explicit = operations or (_hall(block, hall) if hall else None)
    if explicit is None:
        return _by_name(block, symbol, number, cell)
    where = OPERATIONS if operations else HALL
    if not _fits(explicit, cell):
        raise block.error(
            f"the cell must have the symmetry of {explicit.name}; its parameters do "
            "not: correct the cell or the symmetry",
            *where,
        )
    if operations and hall and (stated := _hall_or_none(hall)):
        _require_same(block, operations, [stated], f"Hall symbol {hall!r}", where, cell)
    if symbol and (named := _named(symbol, block.value(CODE))):
        _require_same(block, explicit, named, f"symbol {symbol!r}", where, cell)
    found = _type_number(explicit)
    if number and found and number != found:
        raise block.error(
            f"{explicit.name} and space-group number must agree; the first is of "
            f"number {found}, the file states {number}: remove the one that is wrong",
            *NUMBER,
        )
    return [explicit]


def _by_name(
    block: Block, symbol: str | None, number: int | None, cell: np.ndarray
) -> list[Setting]:
    if symbol:
        settings, what = _named(symbol, block.value(CODE)), f"the symbol {symbol!r}"
        if not settings:
            raise block.error(
                f"a space-group symbol must be one of the International Tables; "
                f"{symbol!r} is none that is known: list the symmetry operations",
                *SYMBOL,
            )
        numbers = {_type_number(s) for s in settings}
        settings = [s for s in settings if number in (None, _type_number(s))]
        if not settings:
            raise block.error(
                f"space-group symbol and number must agree; {symbol!r} is of number "
                f"{', '.join(sorted(map(str, numbers)))}, the file states {number}: "
                "remove the one that is wrong",
                *SYMBOL,
            )
    elif number:
        standard = gemmi.find_spacegroup_by_number(number)
        settings = _named(standard.hm, block.value(CODE)) or []
        what = f"number {number}"
    else:
        if block.magnetic:
            raise block.error(
                "a magnetic structure needs its operations; the block lists none: add "
                "_space_group_symop_magn_operation.xyz"
            )
        return [_setting([gemmi.Op("x,y,z")], "P 1, since no symmetry is stated")]
    fitting = [s for s in settings if _fits(s, cell)]
    if not fitting:
        raise block.error(
            f"the cell must have the symmetry of {what}; its parameters do not: "
            "correct the cell or the symmetry, or list the operations",
            *SYMBOL,
            *NUMBER,
        )
    return _conventional(fitting)


def _conventional(settings: list[Setting]) -> list[Setting]:
    """Without those of unusual axes, if a short symbol and the cell leave axes open.

    A short monoclinic symbol means unique axis b (International Tables A, 2.2.4).
    """
    b_unique = [s for s in settings if re.search(r"\S 1 \S+ 1$", s.name)]
    return b_unique if b_unique and len(settings) > len(b_unique) else settings


def _number(block: Block) -> int | None:
    text = block.value(*NUMBER)
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 230:
        raise block.error(
            f"a space-group number must lie in 1 to 230; received {text!r}", *NUMBER
        )
    return int(text)


def _listed_operations(block: Block) -> Setting | None:
    texts = block.column(*OPERATIONS)
    if texts is None:
        return None
    setting = _setting(_parsed(block, texts, OPERATIONS), "the operations listed")
    if not _is_group(setting):
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
    setting = _setting(operations, "the magnetic operations listed")
    if not (_is_group(setting) and _fits(setting, cell)):
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
    setting = _hall_or_none(symbol)
    if setting is None:
        raise block.error(
            f"a Hall symbol is written like '-P 2ybc'; {symbol!r} is not understood: "
            "correct it, or list the symmetry operations",
            *HALL,
        )
    return setting


@cache
def _hall_or_none(symbol: str) -> Setting | None:
    # spglib writes = for the double prime that ends the quotes of a CIF.
    text = symbol.replace("=", '"').replace("_", " ")
    try:
        operations = gemmi.symops_from_hall(text)
    except (RuntimeError, ValueError):
        return None
    setting = _setting(list(operations), f"Hall symbol {symbol!r}")
    return setting if len(setting.rotations) <= 192 and _is_group(setting) else None


@cache
def _names() -> dict[str, list[gemmi.SpaceGroup]]:
    """Space-group settings by their symbols without spaces, full and short."""
    found: dict[str, list[gemmi.SpaceGroup]] = {}
    for group in gemmi.spacegroup_table():
        found.setdefault(_compact(group.hm), []).append(group)
    # Of monoclinic groups alone: P 31 2 1 without 1 would look like P 3 1 2.
    for group in gemmi.spacegroup_table_itb():
        if 3 <= group.number <= 15:
            short = "".join(part for part in group.hm.split() if part != "1")
            found.setdefault(_compact(short), []).append(group)
    return found


@cache
def _full_names() -> dict[str, str]:
    """Hall symbols by full symbols such as 'F4/m-32/m', the first setting of each."""
    found: dict[str, str] = {}
    for kind in _spglib_types():
        found.setdefault(_compact(kind.international_full), kind.hall_symbol)
    return found


@cache
def _spglib_types() -> list[Any]:
    return [call_spglib(spglib.get_spacegroup_type, n) for n in range(1, 531)]


def _compact(symbol: str) -> str:
    return re.sub(r"[\s_]", "", symbol).lower()


_SUFFIXES = {"1": "1", "2": "2", "h": "H", "r": "R", "s": "1", "z": "2"}
"""Origin choices and axes; S and Z are ICSD's for origins 1 and 2."""


def _named(symbol: str, code: str | None) -> list[Setting] | None:
    """All settings that a Hermann-Mauguin symbol may mean; None if it is unknown."""
    # COD writes changes of basis behind a symbol, in brackets.
    symbol = re.sub(r"\s+", " ", symbol.strip().strip("'\"")).strip()
    base, _, extension = symbol.partition(":")
    extension = extension.strip().lower()
    if "(" in base or extension not in {"", *_SUFFIXES}:
        return _of_qualifier(base, extension)
    groups = _groups(base)
    if groups is None and not extension:
        match = re.fullmatch(r"(.*\S) ?([HRSZhrsz]{1,2})", base)
        if match and len(set(match[2].lower()) & {"h", "r", "s", "z"}):
            extension = match[2].lower()[0]
            groups = _groups(match[1])
    if groups is None:
        return None
    if not extension and code:
        extension = code.lower() if code.lower() in _SUFFIXES else ""
    if extension:
        wanted = _SUFFIXES[extension]
        exact = [g for g in groups if g.ext == wanted]
        # Where a group has one origin only, a suffix 1 says nothing.
        groups = exact or [
            g for g in groups if g.ext not in "12HR" and wanted in ("1", "H")
        ]
    settings = {}
    for g in groups:
        setting = _setting(list(g.operations()), f"symbol {g.xhm()}")
        settings.setdefault(setting.key, setting._replace(name=g.hm))
    return list(settings.values()) or None


def _of_qualifier(base: str, extension: str) -> list[Setting] | None:
    """Settings of a symbol followed by one of spglib's names of axes, such as b1."""
    for kind in _spglib_types():
        names = [kind.international_short, *kind.international.split("=")]
        names = map(_compact, [kind.international_full, *names])
        if kind.choice.lower() == extension and _compact(base) in names:
            setting = _hall_or_none(kind.hall_symbol)
            return None if setting is None else [setting]
    return None


def _groups(base: str) -> list[gemmi.SpaceGroup] | None:
    names = _names()
    if (key := _compact(base)) in names:
        return names[key]
    group = gemmi.find_spacegroup_by_name(base.replace("_", ""))
    if group is None and (hall := _full_names().get(key)):
        setting = _hall_or_none(hall)
        group = setting and gemmi.find_spacegroup_by_ops(
            gemmi.symops_from_hall(hall.replace("=", '"'))
        )
    return names[_compact(group.hm)] if group else None


def _setting(operations: list[gemmi.Op], name: str) -> Setting:
    rows = {
        (*np.ravel(o.rot).tolist(), *(t % DEN for t in o.tran)): None
        for o in operations
    }
    table = np.array(list(rows), dtype=np.int64)
    rotations = table[:, :9].reshape(-1, 3, 3) // DEN
    return Setting(rotations, table[:, 9:], name)


def _is_group(setting: Setting) -> bool:
    """Whether each product of two operations is one of them."""
    n = len(setting.rotations)
    if n > 192:
        return False
    w, t = setting.rotations, setting.translations
    products = np.einsum("aij,bjk->abik", w, w).reshape(n * n, 9)
    moved = (np.einsum("aij,bj->abi", w, t) + t[:, None]).reshape(n * n, 3) % DEN
    found = np.unique(np.concatenate([products, moved], axis=1), axis=0)
    return len(found) == n and set(map(tuple, found.tolist())) == setting.key


def _fits(setting: Setting, cell: np.ndarray) -> bool:
    """Whether the cell keeps its metric under the operations, within rounding."""
    metric = cell @ cell.T
    # Columns x' = W x: lengths are kept if Wᵀ G W = G.
    turned = np.einsum("nji,jk,nkl->nil", setting.rotations, metric, setting.rotations)
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    return bool((np.abs(turned - metric) <= METRIC_TOLERANCE * scale).all())


def _type_number(setting: Setting) -> int | None:
    """Number of the space-group type, whatever the setting; None if not found."""
    operations = gemmi.GroupOps(
        [
            _operation(w, t)
            for w, t in zip(setting.rotations, setting.translations, strict=True)
        ]
    )
    group = gemmi.find_spacegroup_by_ops(operations)
    if group is not None:
        return group.number
    kind = call_spglib(
        spglib.get_spacegroup_type_from_symmetry,
        setting.rotations.astype(np.intc),
        setting.translations / DEN,
        symprec=1e-4,
    )
    return None if kind is None else int(kind.number)


def _operation(rotation: np.ndarray, translation: np.ndarray) -> gemmi.Op:
    operation = gemmi.Op("x,y,z")
    operation.rot = (rotation * DEN).tolist()
    operation.tran = translation.tolist()
    return operation


def _require_same(
    block: Block,
    explicit: Setting,
    named: list[Setting],
    what: str,
    where: tuple[str, ...],
    cell: np.ndarray,
) -> None:
    """Refuse operations that are none of the settings named, origins aside."""
    if any(s.key == explicit.key or _shifted(s, explicit) for s in named):
        return
    same_type = _type_number(explicit) in {_type_number(s) for s in named}
    # A symbol may be the standard one of a group whose cell is another.
    if same_type and not any(_fits(s, cell) for s in named):
        return
    raise block.error(
        f"{explicit.name} and the {what} must agree; they are of different groups or "
        "settings: remove the one that is wrong",
        *where,
    )


def _shifted(a: Setting, b: Setting) -> bool:
    """Whether two settings differ by their origin alone, by multiples of 1/24."""
    if len(a.rotations) != len(b.rotations):
        return False
    lattice = _translations(a)
    if lattice != _translations(b):
        return False
    of_b: dict[tuple[int, ...], np.ndarray] = {}
    for w, t in zip(b.rotations, b.translations, strict=True):
        of_b.setdefault(tuple(w.ravel().tolist()), t)
    origins = np.indices((DEN, DEN, DEN)).reshape(3, -1).T
    shifts = np.array(sorted(lattice))
    seen = set()
    for w, t in zip(a.rotations, a.translations, strict=True):
        key = tuple(w.ravel().tolist())
        if key in seen:
            continue
        seen.add(key)
        if key not in of_b:
            return False
        # The origin p takes {W|t} to {W|t + Wp − p}.
        moved = (origins @ w.T - origins + t - of_b[key]) % DEN
        same = (moved[:, None] == shifts).all(axis=2).any(axis=1)
        origins = origins[same]
    return len(origins) > 0


def _translations(setting: Setting) -> set[tuple[int, ...]]:
    pure = (setting.rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    return set(map(tuple, setting.translations[pure].tolist()))
