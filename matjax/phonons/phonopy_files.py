"""Parsers of the files of phonopy: crystals, displacements, forces, Born charges.

Formats: the manual of phonopy (A. Togo, J. Phys. Soc. Jpn. 92, 012001 (2023)), sections
on FORCE_SETS, FORCE_CONSTANTS, BORN and phonopy.yaml. All numbers leave in eV and Å.
"""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from scipy import constants as _si

from matjax.arrays import Array, Float, Int
from matjax.crystals import Crystal
from matjax.phonons.force_sets import ForceSets

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


class Units(NamedTuple):
    """What the numbers of a file are worth."""

    length: float
    """Å."""
    force_constant: float
    """eV/Å²."""

    @property
    def force(self) -> float:
        """eV/Å."""
        return self.force_constant * self.length

    @property
    def coulomb(self) -> float:
        """e², eV Å."""
        return self.force_constant * self.length**3


class Parameters(NamedTuple):
    """Content of a phonopy.yaml, as far as it is there."""

    path: Path
    units: Units
    unit_cell: Crystal
    supercell: Crystal
    masses: Float[Array, "sites"]
    """Of the atoms of the supercell, amu."""
    primitive_matrix: Float[Array, "3 3"] | None
    """Primitive vectors in units of those of the unit cell, as columns."""
    displacements: Float[Array, "sets sites 3"] | None
    forces: Float[Array, "sets sites 3"] | None
    force_constants: Float[Array, "rows sites 3 3"] | None
    charges: Float[Array, "atoms 3 3"] | None
    dielectric: Float[Array, "3 3"] | None
    coulomb: float | None
    """e²/4πε₀, eV Å."""
    method: str | None
    """Of the non-analytical term."""


class BornFile(NamedTuple):
    """Content of a BORN file."""

    charges: Float[Array, "atoms 3 3"]
    """Of the atoms that symmetry does not relate, e."""
    dielectric: Float[Array, "3 3"]
    coulomb: float | None
    """e²/4πε₀ in the units of the calculation."""


def find_file(folder: Path, *names: str) -> Path | None:
    """The first of these files that a folder has, compressed or not."""
    for name in names:
        for ending in ("", ".xz", ".gz"):
            path = folder / (name + ending)
            if path.is_file():
                return path
    return None


def read_parameters(path: Path) -> Parameters:
    """Content of a phonopy.yaml, phonopy_disp.yaml or phonopy_params.yaml.

    Raises:
        ValueError: if it is none, or its parts do not fit together.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(_text(path), loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a mapping with unit_cell and supercell is needed")
    for key in ("unit_cell", "supercell"):
        if key not in content:
            raise ValueError(
                f"{path} must describe unit_cell and supercell; {key} is missing: is "
                "it a file of phonopy, of version 2 or later?"
            )
    try:
        return _parameters(path, content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {type(error).__name__} {error}") from error


def read_force_sets(path: Path, n_sites: int, units: Units) -> ForceSets:
    """Content of a FORCE_SETS file, of one displaced atom in each set or of all.

    Raises:
        ValueError: if the file is damaged, or the number of atoms is another.
    """
    lines = [line for line in _text(path).splitlines() if line.strip()]
    numbers = _numbers(path, lines)
    n_columns = len(lines[0].split()) if lines else 0
    if n_columns == 6:
        if numbers.size % (6 * n_sites):
            raise ValueError(
                f"{path} must have a line of six numbers for each of {n_sites} atoms "
                f"in each set; received {len(lines)} lines"
            )
        u, forces = np.split(numbers.reshape(-1, n_sites, 6), 2, axis=2)
    else:
        u, forces = _single_displacements(path, numbers, n_sites)
    return ForceSets(u * units.length, forces * units.force)


def require_same_displacements(
    path: Path, sets: ForceSets, parameters: Parameters
) -> None:
    """Raise ValueError if the sets do not belong to the displacements of a yaml file.

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


def read_force_constants(
    path: Path, units: Units
) -> tuple[Float[Array, "rows sites 3 3"], Int[Array, "rows"]]:
    """Content of a FORCE_CONSTANTS file, eV/Å², and which atom each row is of.

    Raises:
        ValueError: if the file is damaged.
    """
    lines = _text(path).splitlines()
    header = _numbers(path, lines[:1]).astype(int)
    numbers = _numbers(path, lines[1:])
    shape = (int(header[0]), int(header[-1])) if len(header) in (1, 2) else (0, 0)
    if not len(numbers) or numbers.size != 11 * shape[0] * shape[1]:
        raise ValueError(
            f"{path} must hold, after the two numbers of atoms, two indices and nine "
            f"numbers for each pair; received {numbers.size} numbers for {header}"
        )
    numbers = numbers.reshape(*shape, 11)
    rows = numbers[:, 0, 0].astype(int) - 1
    blocks = numbers[:, :, 2:].reshape(*shape, 3, 3)
    return blocks * units.force_constant, rows


def read_born(path: Path) -> BornFile:
    """Content of a BORN file.

    Raises:
        ValueError: if the file is damaged.
    """
    lines = [line.split("#")[0].split() for line in _text(path).splitlines()]
    rows = [line for line in lines[1:] if line]
    if len(rows) < 2 or any(len(row) != 9 for row in rows):
        raise ValueError(
            f"{path} must hold, after its first line, nine numbers of the dielectric "
            "tensor and nine of the charges of each atom that symmetry does not "
            f"relate; received lines of {[len(row) for row in rows]} numbers"
        )
    tensors = _numbers(path, [" ".join(row) for row in rows]).reshape(-1, 3, 3)
    coulomb = None
    if lines[0]:
        try:
            coulomb = float(lines[0][0])
        except ValueError:  # a title, or "default"
            coulomb = None
    return BornFile(tensors[1:], tensors[0], coulomb)


def _parameters(path: Path, content: dict[str, Any]) -> Parameters:
    units = _units(path, content)
    supercell, masses = _crystal(content["supercell"], units)
    unit_cell, _ = _crystal(content["unit_cell"], units)
    displacements, forces = _displacements(content, supercell.n_atoms)
    polar = content.get("nac", content)
    constants = content.get("force_constants")
    matrix = content.get("primitive_matrix")
    coulomb = polar.get("unit_conversion_factor")
    charges = polar.get("born_effective_charge")
    return Parameters(
        path=path,
        units=units,
        unit_cell=unit_cell,
        supercell=supercell,
        masses=masses,
        primitive_matrix=None if matrix is None else np.array(matrix, dtype=float),
        displacements=_times(displacements, units.length),
        forces=_times(forces, units.force),
        force_constants=None
        if constants is None
        else np.array(constants["elements"], dtype=float).reshape(
            *constants["shape"], 3, 3
        )
        * units.force_constant,
        charges=_times(charges, 1.0),
        dielectric=_times(polar.get("dielectric_constant"), 1.0),
        coulomb=None if coulomb is None else float(coulomb) * units.coulomb,
        method=polar["method"].lower() if "method" in polar else None,
    )


def _times(numbers: Any, factor: float) -> np.ndarray | None:
    return None if numbers is None else np.asarray(numbers, dtype=float) * factor


def _units(path: Path, content: dict[str, Any]) -> Units:
    said = content.get("physical_unit") or {}
    calculator = str((content.get("phonopy") or {}).get("calculator"))
    default = _CALCULATORS.get(calculator, "eV/angstrom^2")
    name = str(said.get("force_constants", default)).replace("Angstrom", "angstrom")
    length = said.get("length", "au" if name.endswith("au^2") else "angstrom").lower()
    energy, _, lengths = name.partition("/")
    lengths = lengths.replace("angstrom^2", "angstrom.angstrom")
    lengths = lengths.replace("au^2", "au.au").split(".")
    known = energy in _ENERGIES and length in _LENGTHS and set(lengths) <= set(_LENGTHS)
    if not known or len(lengths) != 2:
        raise ValueError(
            f"units of length and force constants must be known; {path} has {length!r} "
            f"and {name!r}"
        )
    first, second = (_LENGTHS[x] for x in lengths)
    return Units(_LENGTHS[length], _ENERGIES[energy] / (first * second))


def _crystal(content: dict[str, Any], units: Units) -> tuple[Crystal, np.ndarray]:
    points = content["points"]
    if any(
        float(point.get("weight", 1)) != 1 or "mixture" in point for point in points
    ):
        raise ValueError("every site must be fully occupied by one element")
    crystal = Crystal.create(
        # A file may number atoms of one element, as in Fe1 and Fe2.
        [str(point["symbol"]).rstrip("0123456789") for point in points],
        np.array(content["lattice"], dtype=float) * units.length,
        fractional=[point["coordinates"] for point in points],
    )
    return crystal, np.array([point["mass"] for point in points], dtype=float)


def _displacements(
    content: dict[str, Any], n_sites: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Displacements and forces in the three forms that files have had."""
    sets = content.get("displacements")
    if "dataset" in content:
        dataset = content["dataset"]
        return _times(dataset["displacements"], 1.0), _times(dataset.get("forces"), 1.0)
    if not sets:
        return None, None
    if isinstance(sets[0], list):
        u = [[atom["displacement"] for atom in atoms] for atoms in sets]
        if "force" not in sets[0][0]:
            return np.array(u, dtype=float), None
        forces = [[atom["force"] for atom in atoms] for atoms in sets]
        return np.array(u, dtype=float), np.array(forces, dtype=float)
    u = np.zeros((len(sets), n_sites, 3))
    for row, one in zip(u, sets, strict=True):
        row[int(one["atom"]) - 1] = one["displacement"]
    if "forces" not in sets[0]:
        return u, None
    return u, np.array([one["forces"] for one in sets], dtype=float)


def _single_displacements(
    path: Path, numbers: np.ndarray, n_sites: int
) -> tuple[np.ndarray, np.ndarray]:
    if len(numbers) < 2 or int(numbers[0]) != n_sites:
        raise ValueError(
            f"{path} must hold forces on the {n_sites} atoms of the supercell; its "
            f"first line says {numbers[:1]}: do the files belong together?"
        )
    n_sets = int(numbers[1])
    if len(numbers) != 2 + n_sets * (4 + 3 * n_sites):
        raise ValueError(
            f"{path} must hold {n_sets} sets of an atom, its displacement and "
            f"{n_sites} forces; received {len(numbers)} numbers: is it cut short?"
        )
    sets = numbers[2:].reshape(n_sets, 4 + 3 * n_sites)
    u = np.zeros((n_sets, n_sites, 3))
    u[np.arange(n_sets), sets[:, 0].astype(int) - 1] = sets[:, 1:4]
    return u, sets[:, 4:].reshape(n_sets, n_sites, 3)


def _numbers(path: Path, lines: list[str]) -> np.ndarray:
    try:
        numbers = np.array(" ".join(lines).split(), dtype=float)
    except ValueError as error:
        raise ValueError(f"{path} must hold numbers only: {error}") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path} must hold finite numbers only")
    return numbers


def _text(path: Path) -> str:
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as file:
        return file.read()
