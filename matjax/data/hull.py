"""Energies of crystals above the convex hull of all phases of their elements.

A crystal can lower its energy by decomposing into a mixture of phases of the same
composition together; how much is its energy above the hull. See Ong et al. (2008),
doi:10.1021/cm702327g.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Composition = Mapping[str, int | float]
"""Numbers of atoms by chemical symbol, of a cell or a formula."""

_Shares = tuple[tuple[str, float], ...]
"""Fractions of the atoms by symbol, in alphabetical order."""

_DIGITS = 12
"""Decimals to which the fractions of one composition agree."""

_SCALE = 1e3
"""Energies go to the solver in meV, because 1e-10 is its smallest tolerance."""

_VARIABLES = 100_000
"""Of one linear programme; those of several compositions are solved together."""


class AboveHull(NamedTuple):
    """Energies above the hull, or why there is none."""

    energies: np.ndarray
    """(crystals,), eV/atom, not negative; not a number where there is none."""
    reasons: list[str]
    """Of each crystal; empty where there is an energy."""


def energies_above_hull(
    compositions: Sequence[Composition],
    energies: Sequence[float] | np.ndarray,
    competing_compositions: Sequence[Composition],
    competing_energies: Sequence[float] | np.ndarray,
) -> AboveHull:
    """Energies of crystals above the lowest mixture of phases of their composition.

    E − min Σ_p w_p E_p with w_p ≥ 0 and Σ_p w_p x_p = x: a linear programme of the
    phases p that hold no other elements than the crystal.

    ===  =======================================================================
    E    energy of the crystal, and E_p of a phase, by atom
    x    fractions of the crystal's atoms by element, and x_p of a phase's
    w    fraction of the atoms that are in a phase
    ===  =======================================================================

    The phases are the competing ones and the crystals themselves, so that no energy is
    negative. Each element of a crystal must be among them as a pure phase.

    Args:
        compositions: of the crystals.
        energies: of as many atoms as their compositions have, eV; a crystal whose
            energy is not finite has no result and is no phase.
        competing_compositions: of other phases, such as those of a data base.
        competing_energies: of as many atoms, eV.

    Raises:
        ValueError: if lengths differ, a number of atoms is not positive, or a competing
            energy not finite.
    """
    shares, own = _per_atom(compositions, energies, "the crystals")
    others, energies_of_others = _per_atom(
        competing_compositions, competing_energies, "the competing phases"
    )
    if not np.isfinite(energies_of_others).all():
        number = int(np.argmin(np.isfinite(energies_of_others)))
        raise ValueError(
            f"energies of the competing phases must be finite; number {number}, "
            f"{dict(competing_compositions[number])}, has {energies_of_others[number]}"
        )
    phases = _lowest([*shares, *others], [*own, *energies_of_others])
    reasons = [_reason(*crystal, phases) for crystal in zip(shares, own, strict=True)]
    wanted = {s for s, reason in zip(shares, reasons, strict=True) if not reason}
    hull = _hull(sorted(wanted), phases)
    above = [
        np.nan if reason else max(0.0, energy - hull[share])
        for share, energy, reason in zip(shares, own, reasons, strict=True)
    ]
    return AboveHull(np.array(above, dtype=np.float64), reasons)


def _per_atom(
    compositions: Sequence[Composition], energies: Sequence[float] | np.ndarray, of: str
) -> tuple[list[_Shares], list[float]]:
    """Fractions of the elements, and energies by atom."""
    if len(compositions) != len(energies):
        raise ValueError(
            f"{of} must have one energy each; received {len(compositions)} "
            f"compositions and {len(energies)} energies"
        )
    shares, per_atom = [], []
    for composition, energy in zip(compositions, energies, strict=True):
        n_atoms = sum(composition.values())
        if not composition or not all(0 < n < np.inf for n in composition.values()):
            raise ValueError(
                f"compositions of {of} must have positive numbers of atoms; received "
                f"{dict(composition)}"
            )
        fractions = {x: round(n / n_atoms, _DIGITS) for x, n in composition.items()}
        shares.append(tuple(sorted(fractions.items())))
        per_atom.append(float(energy) / n_atoms)
    return shares, per_atom


def _lowest(
    shares: Iterable[_Shares], energies: Iterable[float]
) -> dict[_Shares, float]:
    """Energy by atom of the lowest phase of each composition."""
    lowest: dict[_Shares, float] = {}
    for share, energy in zip(shares, energies, strict=True):
        if np.isfinite(energy) and energy < lowest.get(share, np.inf):
            lowest[share] = energy
    return lowest


def _reason(share: _Shares, energy: float, phases: Mapping[_Shares, float]) -> str:
    """Why a crystal has no energy above the hull."""
    if not np.isfinite(energy):
        return f"the energy must be finite; it is {energy}"
    missing = [element for element, _ in share if ((element, 1.0),) not in phases]
    if missing:
        return (
            "each element must be among the phases, pure; there is none of "
            f"{', '.join(missing)}"
        )
    return ""


def _hull(
    wanted: Iterable[_Shares], phases: Mapping[_Shares, float]
) -> dict[_Shares, float]:
    """Energy by atom of the lowest mixture at each composition, eV."""
    by_system: dict[frozenset[str], list[_Shares]] = {}
    for share in phases:
        by_system.setdefault(_system(share), []).append(share)
    systems: dict[frozenset[str], list[_Shares]] = {}
    for share in wanted:
        systems.setdefault(_system(share), []).append(share)
    hull: dict[_Shares, float] = {}
    for system, shares in systems.items():
        allowed = [s for part in by_system if part <= system for s in by_system[part]]
        elements = sorted(system)
        pure = np.array([phases[((element, 1.0),)] for element in elements])
        fractions = _matrix(allowed, elements)
        formation = np.array([phases[s] for s in allowed]) - fractions @ pure
        # What lies above its elements is in no lowest mixture.
        kept = formation <= 0
        targets = _matrix(shares, elements)
        energies = _mixtures(targets, fractions[kept], formation[kept])
        hull |= zip(shares, (energies + targets @ pure).tolist(), strict=True)
    return hull


def _system(share: _Shares) -> frozenset[str]:
    return frozenset(element for element, _ in share)


def _matrix(shares: Sequence[_Shares], elements: Sequence[str]) -> np.ndarray:
    """Fractions, (compositions, elements), whose sum is one to the last digit."""
    rows = [[dict(share).get(element, 0.0) for element in elements] for share in shares]
    fractions = np.array(rows, dtype=np.float64)
    return fractions / fractions.sum(axis=1, keepdims=True)


def _mixtures(
    targets: np.ndarray, fractions: np.ndarray, energies: np.ndarray
) -> np.ndarray:
    """Formation energies of the lowest mixtures, eV/atom.

    Args:
        targets: (compositions, elements).
        fractions: (phases, elements).
        energies: of formation, (phases,), eV/atom.
    """
    from scipy.optimize import linprog
    from scipy.sparse import block_diag

    n_together = max(1, _VARIABLES // len(energies))
    found = []
    for start in range(0, len(targets), n_together):
        together = targets[start : start + n_together]
        n = len(together)
        result = linprog(
            np.tile(energies * _SCALE, n),
            A_eq=block_diag([fractions.T] * n, format="csc"),
            b_eq=together.ravel(),
            method="highs-ds",
            options={
                "primal_feasibility_tolerance": 1e-10,
                "dual_feasibility_tolerance": 1e-10,
            },
        )
        if result.x is None:
            raise ArithmeticError(f"no lowest mixture of phases: {result.message}")
        weights = result.x.reshape(n, len(energies))
        found.append(weights @ energies)
    return np.concatenate(found)
