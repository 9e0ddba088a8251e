"""The columns of a screen: functions of a batch of crystals, by name.

A column of one's own is such a function in a file, and named ``file.py:name``::

    from matjax.screening import Batch, column

    @column(unit="g/cm³")
    def density(batch: Batch) -> list[float]:
        return [mass_density(crystal) for crystal in batch.crystals]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from matjax.crystals import Crystal, space_group
from matjax.lattice_dynamics import thermal_properties
from matjax.processes.tasks import MismatchError, find_function
from matjax.screening.batch import Batch
from matjax.units import BOLTZMANN, GPA, J_PER_MOL, unit_name
from matjax.weights import PRETRAINED, load_predictor

SYMPREC = 0.01
"""Å; how far atoms may be from their places for a space group to be told, which leaves
room for what a relaxation leaves."""


class Missing(NamedTuple):
    """Why a crystal has no value of a column."""

    reason: str


Value = float | int | str | bool | Missing


class Column(NamedTuple):
    """A named column."""

    name: str
    unit: str
    """Empty for a pure number or a word."""
    values: Callable[[Batch], Sequence[Value]]
    """One for each crystal of a batch; what it raises is the failure of one, or of all
    if there are several, which are then asked one by one."""
    extensive: bool = False
    """Whether values are those of the cell as given, not of an atom or a volume."""

    @property
    def header(self) -> str:
        """The name of the column in a table, which ends with the unit."""
        return f"{self.name}_{unit_name(self.unit)}" if self.unit else self.name


COLUMNS: dict[str, Column] = {}
"""Columns that are part of matjax."""

GROUPS = {
    "moduli": ("bulk_modulus", "shear_modulus"),
    "space_groups": ("space_group_before", "space_group_after"),
}
"""Names that stand for several columns."""


ALWAYS = ("converged", "steps")
"""Columns of every screen."""


def _together(batch: Batch) -> Sequence[Value]:
    raise ValueError("all crystals of a screen decide on this column together")


HULL = Column("energy_above_hull", "eV/atom", _together)
"""The column that is computed when the last crystal is done."""


def column(
    unit: str = "", name: str | None = None, *, extensive: bool = False
) -> Callable[[Any], Any]:
    """Makes a column of a function of a batch.

    Args:
        unit: such as ``GPa``; it becomes a part of the header.
        name: by default that of the function.
        extensive: whether values are those of the cell as given.
    """

    def made(function: Callable[[Batch], Sequence[Value]]) -> Any:
        found = Column(name or function.__name__, unit, function, extensive)
        if function.__module__ == __name__:
            COLUMNS[found.name] = found
        function.column = found  # type: ignore[attr-defined]
        return function

    return made


def all_columns(names: Sequence[str]) -> list[Column]:
    """Columns of a screen, those of every screen first."""
    return [find_column(name) for name in dict.fromkeys((*ALWAYS, *names))]


def expanded(names: Sequence[str]) -> list[str]:
    """The names with groups resolved, each once.

    Raises:
        ValueError: if there is no such column.
    """
    found = list(dict.fromkeys(n for name in names for n in GROUPS.get(name, (name,))))
    for name in found:
        find_column(name)
    return found


@lru_cache(maxsize=64)
def find_column(name: str) -> Column:
    """The column of a name: of matjax, of a property network, or of one's own file.

    Raises:
        ValueError: if there is none.
    """
    if name in COLUMNS or name == HULL.name:
        return COLUMNS.get(name, HULL)
    if name in PRETRAINED and PRETRAINED[name].kind == "property":
        return _of_predictor(name)
    if ":" in name:
        try:
            found = getattr(find_function(name), "column", None)
        except MismatchError as error:
            raise ValueError(str(error)) from error
        if isinstance(found, Column):
            return found
        raise ValueError(
            f"{name} must be a column: write @column(unit=...) from matjax.screening "
            "above the function"
        )
    known = [*COLUMNS, *GROUPS, HULL.name]
    networks = [n for n, entry in PRETRAINED.items() if entry.kind == "property"]
    raise ValueError(
        f"there is no column {name!r}; there are {', '.join(known)}, the property "
        f"networks ({', '.join(networks)}), and file.py:name for one of your own"
    )


def _of_predictor(name: str) -> Column:
    predictor = load_predictor(name)
    (label,) = predictor.labels
    if label.shape:
        raise ValueError(
            f"a column has one number of each crystal; {name} has {label.shape} of them"
        )
    unit = label.unit

    def values(batch: Batch) -> list[float]:
        return [float(found.value) for found in predictor(batch.crystals)]

    return Column(name.replace("-", "_"), unit, values)


@column(unit="eV/atom")
def energy(batch: Batch) -> list[float]:
    """Energy at rest."""
    return [r.energy / r.crystal.n_atoms for r in batch.relaxations]


@column()
def steps(batch: Batch) -> list[int]:
    """Steps of the relaxation."""
    return [r.steps for r in batch.relaxations]


@column()
def converged(batch: Batch) -> list[bool]:
    """Whether the relaxation came below its thresholds."""
    return [r.converged for r in batch.relaxations]


@column(unit="eV/Å")
def max_force(batch: Batch) -> list[float]:
    """Largest force at the end."""
    return [r.max_force for r in batch.relaxations]


@column(unit="GPa")
def max_stress(batch: Batch) -> list[float]:
    """Largest component of the stress at the end."""
    return [GPA * r.max_stress for r in batch.relaxations]


@column(unit="Å³/atom")
def volume(batch: Batch) -> list[float]:
    """Volume at rest."""
    return [float(c.volume) / c.n_atoms for c in batch.crystals]


@column(unit="%")
def volume_change(batch: Batch) -> list[float]:
    """Change of the volume by the relaxation."""
    pairs = zip(batch.start, batch.crystals, strict=True)
    return [100 * (float(b.volume) / float(a.volume) - 1) for a, b in pairs]


@column()
def space_group_before(batch: Batch) -> list[Value]:
    """Space group as given."""
    return [_symbol(crystal) for crystal in batch.given]


@column()
def space_group_after(batch: Batch) -> list[Value]:
    """Space group at rest."""
    return [_symbol(crystal) for crystal in batch.crystals]


@column(unit="GPa")
def bulk_modulus(batch: Batch) -> list[Value]:
    """Bulk modulus, Hill's mean."""
    return _moduli(batch, "bulk")


@column(unit="GPa")
def shear_modulus(batch: Batch) -> list[Value]:
    """Shear modulus, Hill's mean."""
    return _moduli(batch, "shear")


@column(unit="THz")
def lowest_frequency(batch: Batch) -> list[Value]:
    """Lowest frequency on the mesh, translations at Γ left out; negative if unstable.

    At Γ the three modes of smallest magnitude are the translations.
    """
    return _each(batch, lambda k: float(_without_translations(batch, k).min()))


@column(unit="THz")
def highest_frequency(batch: Batch) -> list[Value]:
    """Highest frequency on the mesh."""
    return _each(batch, lambda k: float(batch.frequencies(k).max()))


@column()
def imaginary_fraction(batch: Batch) -> list[Value]:
    """Share of imaginary modes on the mesh, translations at Γ left out."""
    return _each(batch, lambda k: float(_thermal(batch, k)[1]))


@column(unit="J/(mol K)", extensive=True)
def heat_capacity(batch: Batch) -> list[Value]:
    """Heat capacity of the cell as given, at the temperature of the screen.

    Imaginary modes are left out and the rest is not scaled up, as phonopy does it; the
    translations at Γ count as classical modes.
    """

    def one(row: int) -> float:
        n_cells = batch.given[row].n_atoms / batch.crystals[row].n_atoms
        return n_cells * float(_thermal(batch, row)[0])

    return _each(batch, one)


def _thermal(batch: Batch, row: int) -> tuple[float, float]:
    """Heat capacity of the cell at rest, and the share of imaginary modes.

    The translations at Γ count as what they are, classical modes of zero frequency with
    Boltzmann's constant each: the function summed is smooth in the matrices, and the
    mean over a mesh converges fast.
    """
    mesh = batch.meshes[row]
    found = thermal_properties(
        mesh, batch.frequencies(row), [batch.settings.temperature]
    )
    share = float(np.asarray(mesh.weights)[_is_gamma(mesh.q)].sum())
    translations = 3 * BOLTZMANN * J_PER_MOL * share
    capacity = float(found.heat_capacity[0]) + translations
    return capacity, float(found.fraction_imaginary)


def _without_translations(batch: Batch, row: int) -> np.ndarray:
    """All frequencies of the mesh but the three translations, (modes,)."""
    found, at_gamma = batch.frequencies(row), _is_gamma(batch.meshes[row].q)
    return np.concatenate(
        [
            values[np.argsort(abs(values))[3:]] if gamma else values
            for values, gamma in zip(found, at_gamma, strict=True)
        ]
    )


def _is_gamma(q: Any) -> np.ndarray:
    q = np.asarray(q)
    return (np.abs(q - np.rint(q)) < 1e-9).all(axis=1)


def _moduli(batch: Batch, name: str) -> list[Value]:
    found: list[Value] = []
    for elasticity in batch.elasticities:
        if elasticity.failure:
            found.append(Missing(elasticity.failure))
        elif not elasticity.stable:
            found.append(
                Missing(
                    "a crystal that is not stable has no moduli; the lowest stiffness "
                    f"is {float(elasticity.eigenvalues[0]):.3g} GPa against strain, "
                    f"{float(elasticity.softest):.3g} eV/Å² against displacements"
                )
            )
        else:
            found.append(float(getattr(elasticity, name)))
    return found


def _symbol(crystal: Crystal) -> Value:
    try:
        return space_group(crystal, SYMPREC).symbol
    except ValueError as error:
        return Missing(str(error))


def _each(batch: Batch, one: Callable[[int], float]) -> list[Value]:
    """A value of each row; what one raises is its own failure."""
    found: list[Value] = []
    for row in range(len(batch)):
        try:
            found.append(one(row))
        except ValueError as error:
            found.append(Missing(str(error)))
    return found
