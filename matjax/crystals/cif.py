"""Crystals of a Crystallographic Information File, or the reason why there is none.

The syntax is gemmi's task. What a block states of its space group is found in
:mod:`matjax.crystals.cif_symmetry`, its sites in :mod:`matjax.crystals.cif_sites`; here
the sites are multiplied, and the result is compared with the formula.

Magnetic structures are read as their crystal, without moments.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from scipy.spatial import KDTree

from matjax import elements
from matjax.crystals.cif_sites import (
    FORMULA,
    LABEL,
    MULTIPLICITY,
    Site,
    X,
    as_elements,
    formula_counts,
    hill,
    listed_sites,
    number,
)
from matjax.crystals.cif_symmetry import (
    HALL,
    NUMBER,
    OPERATIONS,
    SYMBOL,
    stated_settings,
)
from matjax.crystals.crystal import Crystal
from matjax.crystals.lattice import cell_from_parameters, heights
from matjax.crystals.plausibility import require_plausible
from matjax.crystals.settings import DEN, Setting
from matjax.crystals.species import masses_of
from matjax.errors import CrystalFileError

CELL = tuple(
    f"_cell_{tag}"
    for tag in (
        "length_a",
        "length_b",
        "length_c",
        "angle_alpha",
        "angle_beta",
        "angle_gamma",
    )
)

SAME_PLACE = 0.02
"""Å; images of a site this close are one atom whatever digits its coordinates have."""

LISTED_TWICE = 0.05
"""Å; atoms of two sites this close are one site listed twice."""

_log = logging.getLogger(__name__)


class Block:
    """Items of a data block by their names in lower case, dots as underscores."""

    def __init__(self, path: Path, block: gemmi.cif.Block) -> None:
        self.path = path
        self.name = block.name.strip()
        self._items: dict[str, tuple[list[str], int]] = {}
        items: Any = block  # gemmi's stubs do not say that it iterates
        for item in items:
            if item.pair is not None:
                tag, value = item.pair
                self._items[_plain(tag)] = ([_text(value)], item.line_number)
            elif item.loop is not None:
                width = len(item.loop.tags)
                values = [_text(value) for value in item.loop.values]
                for i, tag in enumerate(item.loop.tags):
                    self._items[_plain(tag)] = (values[i::width], item.line_number)

    @property
    def has_structure(self) -> bool:
        """Whether the block lists sites, filled in or not quite."""
        tags = [X, LABEL, "_atom_site_cartn_x", "_atom_site_type_symbol"]
        columns = [self._items[tag][0] for tag in tags if tag in self._items]
        return any(v not in ("?", ".") for values in columns for v in values)

    @property
    def magnetic(self) -> bool:
        """Whether the block describes a magnetic structure."""
        return any(tag.startswith("_space_group_magn") for tag in self._items) or (
            "_atom_site_moment_label" in self._items
        )

    @property
    def modulated(self) -> bool:
        """Whether the structure has no period in three dimensions."""
        dimension = self.value("_cell_modulation_dimension")
        return dimension not in (None, "0") or any(
            tag.startswith("_space_group_symop_ssg") for tag in self._items
        )

    def value(self, *tags: str) -> str | None:
        """Value of the first of these items that is known; None if none is."""
        column = self.column(*tags)
        return column[0] if column else None

    def values(self, *tags: str) -> list[str]:
        """First values of all of these items that are known."""
        columns = [self.column(tag) for tag in tags]
        return list(dict.fromkeys(column[0] for column in columns if column))

    def mentions(self, *tags: str) -> bool:
        """Whether one of these items is there, known or not."""
        return any(tag in self._items for tag in tags)

    def column(self, *tags: str, keep_null: bool = False) -> list[str] | None:
        """Values of the first of these items that are known; None if none is."""
        for tag in tags:
            values = self._items.get(tag, ([], 0))[0]
            if values and (keep_null or any(v not in ("?", ".", "") for v in values)):
                return values
        return None

    def error(self, message: str, *tags: str) -> CrystalFileError:
        """An error that names file, block, and the line of the first of these items."""
        lines = [self._items[tag][1] for tag in tags if tag in self._items]
        line = f", line {lines[0]}" if lines else ""
        return CrystalFileError(f"{self.path}, block {self.name!r}{line}: {message}")


def structure_blocks(path: Path, text: str) -> list[Block]:
    """Blocks of a CIF that list sites.

    Raises:
        CrystalFileError: if the syntax is wrong, with the line, or there is none.
    """
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError, IndexError) as error:
        reason = re.sub(r"^string:?", "line ", str(error))
        raise CrystalFileError(
            f"{path} must hold a structure; as a CIF its syntax is wrong: {reason}"
        ) from error
    blocks = [Block(path, block) for block in document]
    with_sites = [block for block in blocks if block.has_structure]
    if not with_sites:
        raise CrystalFileError(
            f"{path} holds no structure: a block with sites (_atom_site_fract_x) is "
            f"needed; its blocks are {[block.name for block in blocks]}"
        )
    return with_sites


def block_crystal(block: Block, *, allow_close: bool = False) -> Crystal:
    """The crystal of a block, all images of its sites included.

    Sites near a special position move onto it. The order is that of the sites.

    Raises:
        CrystalFileError: with file, block and line, if the block contradicts itself or
            leaves the crystal open.
    """
    if block.modulated:
        raise block.error(
            "the structure must be periodic in three dimensions; it is modulated: "
            "take the file of an approximant"
        )
    cell = _cell(block)
    sites = listed_sites(block)
    settings = stated_settings(block, cell)
    if block.magnetic:
        _log.warning("%s, block %r: moments are not kept", block.path, block.name)
    if len(settings) == 1:
        crystal = _expanded(block, sites, settings[0], cell)
        _require_formula(block, crystal)
        _require_distances(block, crystal, allow_close)
        return crystal
    return _decided(block, sites, settings, cell)


def _decided(
    block: Block, sites: list[Site], settings: list[Setting], cell: np.ndarray
) -> Crystal:
    """The crystal of that setting which formula, multiplicities and distances allow."""
    crystals, reasons = [], []
    for setting in settings:
        try:
            crystal = _expanded(block, sites, setting, cell)
            _require_formula(block, crystal)
            _require_multiplicities(block, sites, crystal)
            _require_distances(block, crystal, False)
        except CrystalFileError as error:
            reasons.append(str(error))
            continue
        crystals.append(crystal)
    if len(crystals) == 1:
        return crystals[0]
    if crystals:
        counts = [hill(_counts(crystal)) for crystal in crystals]
        raise block.error(
            f"the origin or the axes of the space group must be stated; "
            f"{len(crystals)} settings give the cells {', '.join(counts)}: append "
            ":1, :2, :H or :R to the symbol, or list the operations",
            *SYMBOL,
            *NUMBER,
        )
    raise block.error(
        "the sites must fit a setting of the space group; they fit none: "
        + "; ".join(reasons),
        *SYMBOL,
        *NUMBER,
    )


def _cell(block: Block) -> np.ndarray:
    parameters = []
    for tag in CELL:
        text = block.value(tag)
        if text is None:
            raise block.error(f"the cell needs {tag}; it is missing: add it", *CELL)
        parameter = number(text)
        if parameter is None or not np.isfinite(parameter[0]):
            raise block.error(f"{tag} must be a number; received {text!r}", tag)
        parameters.append(parameter[0])
    try:
        return np.asarray(cell_from_parameters(parameters))
    except ValueError as error:
        raise block.error(str(error), *CELL) from error


def _expanded(
    block: Block, sites: list[Site], setting: Setting, cell: np.ndarray
) -> Crystal:
    orbits = [_orbit(block, site, setting, cell) for site in sites]
    of_site = np.repeat(np.arange(len(sites)), [len(orbit) for orbit in orbits])
    fractional = np.concatenate(orbits)
    _require_distinct(block, sites, of_site, fractional, cell)
    kinds = [sites[s].species for s in of_site]
    try:
        return Crystal.create(
            [s.number for s in kinds],
            cell,
            fractional=fractional,
            masses=masses_of(kinds),
        )
    except ValueError as error:
        raise block.error(str(error), *CELL) from error


def _orbit(block: Block, site: Site, setting: Setting, cell: np.ndarray) -> np.ndarray:
    """All places of a site in the cell, from 0 to 1; (images, 3)."""
    w, t = setting.rotations, setting.translations / DEN
    x = site.fractional
    slack = np.abs(w - np.eye(3)) @ (1.001 * site.rounding)
    floor = SAME_PLACE / np.linalg.norm(cell, axis=1)
    for _ in range(8):
        steps = w @ x + t - x
        steps -= np.rint(steps)
        fixing = (np.abs(steps) <= slack + floor).all(axis=1)
        if np.abs(steps[fixing]).max() < 1e-12:
            break
        x = x + steps[fixing].mean(axis=0)
    images = (w @ x + t) % 1.0 % 1.0  # −1e-17 % 1 is 1
    if len(w) == 1:
        return images
    apart = images[:, None] - images
    same = (np.abs(apart - np.rint(apart)) < 1e-7).all(axis=2)
    first = same.argmax(axis=1) == np.arange(len(images))
    if first.sum() * fixing.sum() != len(w):
        raise block.error(
            f"site {site.label} must lie on a special position or off it; its images "
            f"are close, but merge into none within the digits given "
            f"({site.fractional}): give more digits",
            X,
        )
    return images[first]


def _require_distinct(
    block: Block,
    sites: list[Site],
    of_site: np.ndarray,
    fractional: np.ndarray,
    cell: np.ndarray,
) -> None:
    """Refuse a block that lists one place twice."""
    reach = LISTED_TWICE / float(heights(cell).min())
    tree = KDTree(fractional, boxsize=1.0)
    pairs = tree.query_pairs(min(reach, 0.4), p=np.inf, output_type="ndarray")
    steps = fractional[pairs[:, 0]] - fractional[pairs[:, 1]]
    steps = (steps - np.rint(steps)) @ cell
    pairs = pairs[np.linalg.norm(steps, axis=1) < LISTED_TWICE]
    for i, j in sorted(of_site[pairs].tolist()):
        i, j = min(i, j), max(i, j)
        symbols = elements.symbols(tuple(site.species.number for site in sites))
        if i != j:
            raise block.error(
                f"each site must be listed once; entries {i + 1} ({symbols[i]}) and "
                f"{j + 1} ({symbols[j]}), labelled {sites[i].label} and "
                f"{sites[j].label}, are symmetry images of one place: if the site is "
                "shared, choose an ordered arrangement first; if all "
                "atoms of the cell are listed, its symmetry is P 1",
                X,
            )


def _counts(crystal: Crystal) -> dict[str, float]:
    numbers, counts = np.unique(np.asarray(crystal.numbers), return_counts=True)
    return dict(zip(elements.symbols(numbers), counts.astype(float), strict=True))


def _require_formula(block: Block, crystal: Crystal) -> None:
    """Refuse a cell that is not Z formulas, where formula and Z are given.

    Some codes (pymatgen) write the formula of the cell beside Z; that passes, too, if
    it is Z formulas.
    """
    formula = formula_counts(block)
    if formula is None:
        return
    formula, counts = as_elements(formula), _counts(crystal)
    z_text = block.value("_cell_formula_units_z")
    z = number(z_text) if z_text else None
    ratios = {s: counts.get(s, 0) / n for s, n in formula.items() if n > 0}
    same = set(ratios) == set(counts) and (
        max(ratios.values()) - min(ratios.values()) < 1e-3 * max(ratios.values())
    )
    units = ratios[next(iter(ratios))] if ratios else 0
    if same and (z is None or abs(units - z[0]) < 1e-3):
        return
    if same and z and z[0] >= 1 and abs(units - 1) < 1e-3:
        shares = np.array(list(formula.values())) / z[0]
        if (np.abs(shares - np.rint(shares)) < 1e-6).all():
            return
    units_text = "" if z_text is None else f", Z = {z_text}"
    raise block.error(
        f"sites and symmetry must give the formula; they give {hill(counts)} in the "
        f"cell, and the file states {hill(formula)}{units_text}: correct the space "
        "group, add the atoms that are missing, or correct the formula",
        FORMULA,
    )


def _require_multiplicities(block: Block, sites: list[Site], crystal: Crystal) -> None:
    """Refuse a setting whose orbits have not the sizes that all sites state."""
    stated = [site.multiplicity for site in sites]
    if None not in stated and sum(m or 0 for m in stated) != crystal.n_atoms:
        raise block.error(
            f"the multiplicities of sites sum to {sum(m or 0 for m in stated)}, the "
            f"atoms of the cell to {crystal.n_atoms}",
            *MULTIPLICITY,
        )


def _require_distances(block: Block, crystal: Crystal, allow_close: bool) -> None:
    try:
        require_plausible(crystal, allow_close=allow_close)
    except ValueError as error:
        raise block.error(str(error), *OPERATIONS, *HALL, *SYMBOL, X) from error


def _text(value: str) -> str:
    return value if value in ("?", ".") else gemmi.cif.as_string(value).strip()


def _plain(tag: str) -> str:
    return tag.lower().replace(".", "_")
