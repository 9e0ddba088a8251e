"""Settings of the space groups: their operations, by Hall and Hermann-Mauguin symbols.

Source: International Tables for Crystallography, volume A, through gemmi and spglib's
table of 530 settings.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import gemmi
import numpy as np
import spglib

from matjax.crystals.lattice import call_spglib

DEN = gemmi.Op.DEN
"""Translations are integers in units of 1/24."""

METRIC_TOLERANCE = 0.01
"""Relative misfit of a cell to its group that rounded cell parameters may have."""


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


@cache
def hall_setting(symbol: str) -> Setting | None:
    """The setting of a Hall symbol; None if it is none."""
    # spglib writes = for the double prime that ends the quotes of a CIF.
    text = symbol.replace("=", '"').replace("_", " ")
    try:
        operations = gemmi.symops_from_hall(text)
    except (RuntimeError, ValueError):
        return None
    setting = make_setting(list(operations), f"Hall symbol {symbol!r}")
    return setting if len(setting.rotations) <= 192 and is_group(setting) else None


@cache
def _names() -> dict[str, list[gemmi.SpaceGroup]]:
    """Space-group settings by their symbols without spaces, full and short."""
    groups: dict[str, list[gemmi.SpaceGroup]] = {}
    for group in gemmi.spacegroup_table():
        groups.setdefault(_compact(group.hm), []).append(group)
    # Monoclinic groups alone: P 31 2 1 without 1 would look like P 3 1 2.
    for group in gemmi.spacegroup_table_itb():
        if 3 <= group.number <= 15:
            short = "".join(part for part in group.hm.split() if part != "1")
            groups.setdefault(_compact(short), []).append(group)
    return groups


@cache
def _full_names() -> dict[str, str]:
    """Hall symbols by full symbols such as 'F4/m-32/m', the first setting of each."""
    hall_symbols: dict[str, str] = {}
    for kind in _spglib_types():
        hall_symbols.setdefault(_compact(kind.international_full), kind.hall_symbol)
    return hall_symbols


@cache
def _spglib_types() -> list[Any]:
    return [call_spglib(spglib.get_spacegroup_type, n) for n in range(1, 531)]


def _compact(symbol: str) -> str:
    return re.sub(r"[\s_]", "", symbol).lower()


_SUFFIXES = {"1": "1", "2": "2", "h": "H", "r": "R", "s": "1", "z": "2"}
"""Origin choices and axes; S and Z are ICSD's for origins 1 and 2."""


def named_settings(symbol: str, code: str | None) -> list[Setting] | None:
    """All settings that a Hermann-Mauguin symbol may mean; None if it is unknown."""
    # COD writes changes of basis behind a symbol, in brackets.
    symbol = re.sub(r"\s+", " ", symbol.strip().strip("'\"")).strip()
    base, _, extension = symbol.partition(":")
    extension = extension.strip().lower()
    if "(" in base or extension not in {"", *_SUFFIXES}:
        return _of_qualifier(base, extension)
    groups = _groups(base)
    if groups is None and not extension:
        match = re.fullmatch(r"(.*?\S) ?([HRSZhrsz]{1,2})", base)
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
        setting = make_setting(list(g.operations()), f"symbol {g.xhm()}")
        settings.setdefault(setting.key, setting._replace(name=g.hm))
    return list(settings.values()) or None


def _of_qualifier(base: str, extension: str) -> list[Setting] | None:
    """Settings of a symbol followed by one of spglib's names of axes, such as b1."""
    for kind in _spglib_types():
        names = [kind.international_short, *kind.international.split("=")]
        names = map(_compact, [kind.international_full, *names])
        if kind.choice.lower() == extension and _compact(base) in names:
            setting = hall_setting(kind.hall_symbol)
            return None if setting is None else [setting]
    return None


def _groups(base: str) -> list[gemmi.SpaceGroup] | None:
    names = _names()
    if (key := _compact(base)) in names:
        return names[key]
    group = gemmi.find_spacegroup_by_name(base.replace("_", ""))
    if group is None and (hall := _full_names().get(key)):
        setting = hall_setting(hall)
        group = setting and gemmi.find_spacegroup_by_ops(
            gemmi.symops_from_hall(hall.replace("=", '"'))
        )
    return names[_compact(group.hm)] if group else None


def make_setting(operations: list[gemmi.Op], name: str) -> Setting:
    """The setting of these operations, each once, translations in the cell."""
    rows = {
        (*np.ravel(o.rot).tolist(), *(t % DEN for t in o.tran)): None
        for o in operations
    }
    table = np.array(list(rows), dtype=np.int64)
    rotations = table[:, :9].reshape(-1, 3, 3) // DEN
    return Setting(rotations, table[:, 9:], name)


def is_group(setting: Setting) -> bool:
    """Whether each product of two operations is one of them."""
    n = len(setting.rotations)
    if n > 192:
        return False
    w, t = setting.rotations, setting.translations
    products = np.einsum("aij,bjk->abik", w, w).reshape(n * n, 9)
    moved = (np.einsum("aij,bj->abi", w, t) + t[:, None]).reshape(n * n, 3) % DEN
    distinct = np.unique(np.concatenate([products, moved], axis=1), axis=0)
    return len(distinct) == n and set(map(tuple, distinct.tolist())) == setting.key


def fits(setting: Setting, cell: np.ndarray) -> bool:
    """Whether the cell keeps its metric under the operations, within rounding."""
    metric = cell @ cell.T
    # Columns x' = W x: lengths are kept if Wᵀ G W = G.
    turned = np.einsum("nji,jk,nkl->nil", setting.rotations, metric, setting.rotations)
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    return bool((np.abs(turned - metric) <= METRIC_TOLERANCE * scale).all())


def type_number(setting: Setting) -> int | None:
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


def differ_by_origin(a: Setting, b: Setting) -> bool:
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
