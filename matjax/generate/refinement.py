"""Samples made into candidates: at rest in a potential, distinct, ranked, symmetric."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from matjax.crystals import Crystal, space_group, symmetrized
from matjax.force_constants import Mesh, regular_mesh
from matjax.generate.coverage import Coverage
from matjax.lattice_dynamics import phonons
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.progress import Progress

SYMPREC = 0.05
"""Å, how far atoms of a relaxed sample may be from their symmetric places."""
SAME_ENERGY, SAME_VOLUME = 2e-3, 0.02
"""eV and Å³ by atom, within which samples are one where no matcher is installed."""
STABLE = -0.1
"""THz; less imaginary than this is what a relaxation leaves."""
MESH = (2, 2, 2)
"""Wave vectors of :func:`lowest_frequencies`: Γ and the zone boundary."""


@dataclass(frozen=True)
class Candidate:
    """A crystal that came of a sample."""

    sample: int
    """Number of the sample, from 0."""
    raw: Crystal
    """As it was sampled."""
    relaxed: Crystal
    """At rest in the potential."""
    crystal: Crystal
    """The same on symmetric places; where no group is found, as it is."""
    space_group: str
    """International short symbol at the tolerance."""
    number: int
    """Of the space group."""
    energy: float
    """eV by atom, of the relaxed crystal."""
    converged: bool
    """Whether the relaxation has come to rest."""
    copies: int
    """Samples that became this crystal."""
    unlike: str
    """In what the raw sample or the relaxed one is outside of the training data, in
    words."""


@dataclass(frozen=True)
class Refined:
    """Candidates in the order of their energies, and samples that are none."""

    candidates: list[Candidate]
    failures: dict[int, str]
    """Why a sample could not be relaxed, by its number."""


def refined(
    potential: Potential,
    crystals: Sequence[Crystal],
    *,
    coverage: Coverage | None = None,
    fmax: float = 5e-3,
    smax: float = 1e-4,
    max_steps: int = 300,
    symprec: float = SYMPREC,
    progress: Progress | bool = False,
) -> Refined:
    """Samples relaxed in one batch; of those that become one crystal the lowest.

    Args:
        potential: that knows all elements.
        crystals: samples.
        coverage: of the generator, to say which samples are unlike the data.
        fmax: largest force at the end, eV/Å.
        smax: largest stress at the end, eV/Å³.
        max_steps: of each relaxation.
        symprec: Å, how far atoms may be from their symmetric places.
        progress: as :func:`matjax.relax` takes it.
    """
    limits = {"fmax": fmax, "smax": smax, "max_steps": max_steps}
    records = relax(potential, list(crystals), **limits, progress=progress)
    failures = {k: record.failure for k, record in enumerate(records) if record.failure}
    energies = {
        k: record.energy / record.crystal.n_atoms
        for k, record in enumerate(records)
        if k not in failures and np.isfinite(record.energy)
    }
    order = sorted(energies, key=lambda k: energies[k])
    groups = distinct([records[k].crystal for k in order], [energies[k] for k in order])
    candidates = []
    for group in groups:
        k = order[group[0]]
        relaxed = records[k].crystal
        symmetric, symbol, number = symmetric_form(relaxed, symprec)
        candidates.append(
            Candidate(
                sample=k,
                raw=crystals[k],
                relaxed=relaxed,
                crystal=symmetric,
                space_group=symbol,
                number=number,
                energy=energies[k],
                converged=records[k].converged,
                copies=len(group),
                unlike=_unlike(coverage, crystals[k], relaxed),
            )
        )
    return Refined(candidates, failures)


def _unlike(coverage: Coverage | None, raw: Crystal, relaxed: Crystal) -> str:
    if coverage is None:
        return ""
    said = {"as sampled": coverage.unlike(raw), "relaxed": coverage.unlike(relaxed)}
    return "; ".join(f"{when} {words}" for when, words in said.items() if words)


def symmetric_form(crystal: Crystal, symprec: float) -> tuple[Crystal, str, int]:
    """A crystal on symmetric places, and symbol and number of its space group.

    Args:
        crystal: at rest.
        symprec: Å, how far atoms may be from these places.
    """
    try:
        symmetry = space_group(crystal, symprec)
        return symmetrized(crystal, symprec), symmetry.symbol, symmetry.number
    except ValueError:  # atoms nearer than the tolerance, or no group of operations
        return crystal, "P1", 1


def distinct(crystals: Sequence[Crystal], energies: Sequence[float]) -> list[list[int]]:
    """Numbers of the crystals that are one, the first of each first.

    pymatgen's StructureMatcher with its own tolerances (ltol=0.2, stol=0.3,
    angle_tol=5) tells, of crystals of one energy within 10 meV by atom; without
    pymatgen energy and volume do.

    Args:
        crystals: of any compositions.
        energies: eV by atom.
    """
    same = _matcher() if find_spec("pymatgen") else _by_numbers
    groups: list[list[int]] = []
    for k, crystal in enumerate(crystals):
        for group in groups:
            first = group[0]
            if same(crystals[first], crystal, energies[k] - energies[first]):
                group.append(k)
                break
        else:
            groups.append([k])
    return groups


Same = Callable[[Crystal, Crystal, float], bool]


def _matcher() -> Same:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher: Any = StructureMatcher()

    def same(one: Crystal, other: Crystal, apart: float) -> bool:
        if abs(apart) > 5 * SAME_ENERGY:
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(matcher.fit(one.to_pymatgen(), other.to_pymatgen()))

    return same


def _by_numbers(one: Crystal, other: Crystal, apart: float) -> bool:
    """Whether composition, energy and volume are the same."""
    kinds = [np.unique(c.numbers, return_counts=True) for c in (one, other)]
    shares = [(tuple(z), tuple(n / n.sum())) for z, n in kinds]
    volumes = [float(c.volume) / c.n_atoms for c in (one, other)]
    return (
        shares[0] == shares[1]
        and abs(apart) < SAME_ENERGY
        and abs(volumes[0] - volumes[1]) < SAME_VOLUME
    )


def lowest_frequencies(
    potential: Potential, crystals: Sequence[Crystal], mesh: Sequence[int] = MESH
) -> list[float]:
    """Lowest frequency of each crystal at a few q, THz, imaginary ones negative.

    NaN where phonons fail.

    Args:
        potential: in which they are at rest.
        crystals: at rest.
        mesh: divisions of the reciprocal vectors.
    """
    lowest = []
    options = {"dtype": potential.dtype, "shapes": "standard"}
    for found in phonons(potential, list(crystals), **options):
        if found.failure:
            lowest.append(float("nan"))
            continue
        points: Mesh = regular_mesh(found.crystal, mesh, symmetry=False)
        lowest.append(float(np.min(found.frequencies(points.q))))
    return lowest
