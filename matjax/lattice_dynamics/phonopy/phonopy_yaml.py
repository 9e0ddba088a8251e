"""The phonopy.yaml family of files: crystals, displacements, forces, force constants.

What a file holds is checked once, here, against the schema of its keys. Keys that are
not read may hold anything. Format: the manual of phonopy (A. Togo, J. Phys. Soc. Jpn.
92, 012001 (2023)), section on phonopy.yaml. All numbers leave in eV and Å.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from scipy import constants as _si

from matjax.arrays import Float
from matjax.crystals import Crystal
from matjax.force_constants.force_sets import ForceSets
from matjax.lattice_dynamics.phonopy.phonopy_files import Units, read_text

PARAMETERS = ("phonopy_params.yaml", "phonopy_disp.yaml", "phonopy.yaml")
"""Files that describe the crystal, the fullest first."""

_BOHR = _si.physical_constants["Bohr radius"][0] * 1e10
_HARTREE = _si.physical_constants["Hartree energy in eV"][0]
_ENERGIES = {"eV": 1.0, "Ry": _HARTREE / 2, "mRy": _HARTREE / 2e3, "hartree": _HARTREE}
_LENGTHS = {"angstrom": 1.0, "au": _BOHR}
_CALCULATORS = {
    **dict.fromkeys(("abinit", "siesta", "abacus"), "eV/angstrom.au"),
    **dict.fromkeys(("qe", "qlm"), "Ry/au^2"),
    "wien2k": "mRy/au^2",
    **dict.fromkeys(
        ("elk", "turbomole", "dftbp", "fleur", "octopus", "exciting"), "hartree/au^2"
    ),
    "cp2k": "hartree/angstrom.au",
}
"""Unit of force constants where the file does not say it; otherwise eV/Å²."""


class Parameters(NamedTuple):
    """Content of a phonopy.yaml, as far as it is there."""

    path: Path
    units: Units
    unit_cell: Crystal
    supercell: Crystal
    primitive_matrix: Float[np.ndarray, "3 3"] | None
    """Primitive vectors in units of those of the unit cell, as columns."""
    displacements: Float[np.ndarray, "sets sites 3"] | None
    forces: Float[np.ndarray, "sets sites 3"] | None
    force_constants: Float[np.ndarray, "rows sites 3 3"] | None
    charges: Float[np.ndarray, "atoms 3 3"] | None
    dielectric: Float[np.ndarray, "3 3"] | None
    coulomb: float | None
    """e²/4πε₀, eV Å."""
    method: str | None
    """Name of the method for the non-analytical term."""
    symprec: float | None
    """Tolerance of symmetry with which the calculation was set up, Å."""


def read_parameters(path: Path) -> Parameters:
    """Content of a phonopy.yaml, phonopy_disp.yaml or phonopy_params.yaml.

    Raises:
        ValueError: if it is none, or its parts do not fit together.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(read_text(path), loader)
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    except ValueError as error:  # such as the date 2001-99-99
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a mapping with unit_cell and supercell is needed")
    for key in ("unit_cell", "supercell"):
        if key not in content:
            raise ValueError(
                f"{path} must describe unit_cell and supercell; {key} is missing: is "
                "it a file of phonopy, of version 2 or later?"
            )
    try:
        return _parameters(path, _checked(_Content, content))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def require_same_displacements(
    path: Path, sets: ForceSets, parameters: Parameters
) -> None:
    """Raises ValueError if the sets do not belong to the displacements of a yaml file.

    Sets that displace all atoms may be the first of those planned.
    """
    planned = parameters.displacements
    if planned is None:
        return
    given = sets.displacements
    enough = len(given) == len(planned) or (
        not sets.single and len(given) < len(planned)
    )
    if not enough:
        raise ValueError(
            f"{path} must hold a set of forces for each of {len(planned)} "
            f"displacements in {parameters.path.name}; received {len(given)}"
        )
    apart = abs(given - planned[: len(given)]).max(axis=(1, 2))
    if apart.max() > 1e-5:  # Å; FORCE_SETS has eight digits or more
        raise ValueError(
            f"{path} must hold forces of the displacements in {parameters.path.name}; "
            f"those of set {apart.argmax() + 1} differ by {apart.max():.2g} Å: do the "
            "two files belong together?"
        )


def _numbers(given: Any) -> np.ndarray:
    """Finite numbers; lists of equal length."""
    try:
        numbers = np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"numbers in lists of equal length are needed: {error}") from (
            error
        )
    if not np.isfinite(numbers).all():
        raise ValueError("finite numbers are needed")
    return numbers


Numbers = Annotated[np.ndarray, BeforeValidator(_numbers)]
Three = tuple[float, float, float]


class _Schema(BaseModel):
    """Part of a file; other keys of it are of no concern."""

    model_config = ConfigDict(
        extra="ignore", arbitrary_types_allowed=True, allow_inf_nan=False
    )


class _Point(_Schema):
    symbol: str
    coordinates: Three
    mass: PositiveFloat
    weight: float = 1.0
    mixture: Any = None


class _Cell(_Schema):
    lattice: tuple[Three, Three, Three]
    points: list[_Point] = Field(min_length=1)


class _Code(_Schema):
    calculator: str | None = None
    symmetry_tolerance: PositiveFloat | None = None


class _PhysicalUnit(_Schema):
    length: str | None = None
    force_constants: str | None = None


class _Field(_Schema):
    """Born charges, at the top of old files and in a section of new ones."""

    born_effective_charge: Numbers | None = None
    dielectric_constant: Numbers | None = None
    unit_conversion_factor: PositiveFloat | None = None
    method: str | None = None


class _ForceConstants(_Schema):
    elements: Numbers
    shape: tuple[PositiveInt, PositiveInt]


class _Dataset(_Schema):
    displacements: Numbers
    forces: Numbers | None = None


class _Content(_Field):
    unit_cell: _Cell
    supercell: _Cell
    phonopy: _Code | None = None
    physical_unit: _PhysicalUnit | None = None
    primitive_matrix: tuple[Three, Three, Three] | None = None
    displacements: list[Any] | None = None
    dataset: _Dataset | None = None
    force_constants: _ForceConstants | None = None
    nac: _Field | None = None


class _Single(_Schema):
    """A displaced atom, and forces on all."""

    atom: PositiveInt
    displacement: Three
    forces: Numbers | None = None


class _Moved(_Schema):
    """One of many displaced atoms."""

    displacement: Three
    force: Three | None = None


class _Singles(_Schema):
    displacements: list[_Single]


class _ManyMoved(_Schema):
    displacements: list[list[_Moved]]


Kind = TypeVar("Kind", bound=_Schema)


def _checked(kind: type[Kind], content: Any) -> Kind:
    """Content that fits a schema; raises ValueError naming the first wrong key."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        first = wrong[0]
        place = ".".join(map(str, first["loc"])) or "the content"
        message = first["msg"].removeprefix("Value error, ")
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ValueError(f"{place}: {message}{more}") from error


def _parameters(path: Path, content: _Content) -> Parameters:
    units = _units(content)
    supercell = _crystal("supercell", content.supercell, units)
    n_sites = supercell.n_atoms
    displacements, forces = _displacements(content, n_sites)
    polar = content.nac or content
    matrix = content.primitive_matrix
    charges, dielectric = polar.born_effective_charge, polar.dielectric_constant
    coulomb = polar.unit_conversion_factor
    return Parameters(
        path=path,
        units=units,
        unit_cell=_crystal("unit_cell", content.unit_cell, units),
        supercell=supercell,
        primitive_matrix=None if matrix is None else np.array(matrix),
        displacements=_shaped(
            "displacements", displacements, (-1, n_sites, 3), units.length
        ),
        forces=_shaped("forces", forces, (-1, n_sites, 3), units.force),
        force_constants=_force_constants(content.force_constants, units),
        charges=_shaped("born_effective_charge", charges, (-1, 3, 3)),
        dielectric=_shaped("dielectric_constant", dielectric, (3, 3)),
        coulomb=None if coulomb is None else coulomb * units.coulomb,
        method=polar.method and polar.method.lower(),
        symprec=content.phonopy and content.phonopy.symmetry_tolerance,
    )


def _shaped(
    name: str, numbers: np.ndarray | None, shape: tuple[int, ...], unit: float = 1.0
) -> np.ndarray | None:
    """The numbers times their unit, if they are there; any number of rows for −1."""
    if numbers is None:
        return None
    wanted = (numbers.shape[0] if shape[0] == -1 and numbers.ndim else shape[0],)
    if numbers.shape != wanted + shape[1:] or numbers.size == 0:
        sizes = " × ".join("any" if n == -1 else str(n) for n in shape)
        raise ValueError(
            f"{name} must be {sizes} numbers; received {numbers.shape or 'one number'}"
        )
    return numbers * unit


def _force_constants(given: _ForceConstants | None, units: Units) -> np.ndarray | None:
    if given is None:
        return None
    rows, sites = given.shape
    if given.elements.shape != (rows * sites, 3, 3):
        raise ValueError(
            f"force_constants.elements must be {rows * sites} blocks of 3 × 3 numbers "
            f"for the shape {list(given.shape)}; received {given.elements.shape}"
        )
    return given.elements.reshape(rows, sites, 3, 3) * units.force_constant


def _units(content: _Content) -> Units:
    said = content.physical_unit or _PhysicalUnit()
    calculator = (content.phonopy.calculator if content.phonopy else None) or ""
    default = _CALCULATORS.get(calculator, "eV/angstrom^2")
    name = (said.force_constants or default).replace("Angstrom", "angstrom")
    length = said.length or ("au" if name.endswith("au^2") else "angstrom")
    length = length.lower()
    energy, _, lengths = name.partition("/")
    lengths = lengths.replace("angstrom^2", "angstrom.angstrom")
    lengths = lengths.replace("au^2", "au.au").split(".")
    known = energy in _ENERGIES and length in _LENGTHS and set(lengths) <= set(_LENGTHS)
    if not known or len(lengths) != 2:
        raise ValueError(
            "units of length and force constants must be known; the file has "
            f"{length!r} and {name!r}"
        )
    first, second = (_LENGTHS[x] for x in lengths)
    return Units(_LENGTHS[length], _ENERGIES[energy] / (first * second))


def _crystal(name: str, content: _Cell, units: Units) -> Crystal:
    points = content.points
    if any(point.weight != 1 or point.mixture is not None for point in points):
        raise ValueError("every site must be fully occupied by one element")
    try:
        return Crystal.create(
            # A file may number atoms of one element, as in Fe1 and Fe2.
            [point.symbol.rstrip("0123456789") for point in points],
            np.array(content.lattice) * units.length,
            fractional=[point.coordinates for point in points],
            masses=[point.mass for point in points],
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _displacements(
    content: _Content, n_sites: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Displacements and forces in the three forms that files have had."""
    if content.dataset is not None:
        return content.dataset.displacements, content.dataset.forces
    sets = content.displacements
    if not sets:
        return None, None
    place = {"displacements": sets}
    if isinstance(sets[0], list):
        moved = _checked(_ManyMoved, place).displacements
        u = _numbers([[atom.displacement for atom in atoms] for atoms in moved])
        if any(atom.force is None for atoms in moved for atom in atoms):
            return u, None
        return u, _numbers([[atom.force for atom in atoms] for atoms in moved])
    singles = _checked(_Singles, place).displacements
    u = np.zeros((len(singles), n_sites, 3))
    for row, one in zip(u, singles, strict=True):
        if one.atom > n_sites:
            raise ValueError(
                f"displacements are of atoms 1 to {n_sites} of the supercell; received "
                f"atom {one.atom}"
            )
        row[one.atom - 1] = one.displacement
    forces = [one.forces for one in singles if one.forces is not None]
    if not forces:
        return u, None
    if len(forces) < len(singles) or any(f.shape != (n_sites, 3) for f in forces):
        raise ValueError(
            f"displacements: forces on {n_sites} atoms are needed for each of "
            f"{len(singles)} displacements; received {[f.shape for f in forces]}"
        )
    return u, np.array(forces)
