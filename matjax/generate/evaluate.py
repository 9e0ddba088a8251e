"""How good samples are, by the definitions of the CDVAE and DiffCSP papers.

Sources: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), appendix B; Jiao et al.,
NeurIPS 2023 (arXiv 2309.04475, DiffCSP), section 5. Packages of the extra ``metrics``
are imported where they are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from itertools import product
from math import gcd
from typing import Any

import numpy as np

from matjax.crystals import Crystal, neighbors, volume
from matjax.elements import MASSES, symbols

AMU_PER_CUBIC_ANGSTROM = 1.66053906892
"""g/cm³ (CODATA 2022)."""

STOL = 0.5
"""Largest distance of a match, in units of (V/N)^⅓; what counts for none in cRMSE."""

CLOSEST = 0.5
"""Å; atoms that come closer make a structure invalid."""
SMALLEST = 0.1
"""Å³; cells of less are invalid."""


def is_valid_structure(crystal: Crystal) -> bool:
    """Whether no two atoms are closer than 0.5 Å, in a cell of 0.1 Å³ or more.

    Source: Court et al., J. Chem. Inf. Model. 60, 4518 (2020), as CDVAE has it.
    """
    cell = np.asarray(crystal.cell, np.float64)
    if not np.isfinite(cell).all() or float(volume(cell)) < SMALLEST:
        return False
    try:
        return len(neighbors(crystal, CLOSEST).senders) == 0
    except ValueError:  # two atoms on one place
        return False


def is_valid_composition(numbers: Sequence[int] | np.ndarray) -> bool:
    """Whether oxidation states can make a composition neutral, as SMACT has it.

    Anions must be more electronegative than cations; alloys and elements are valid.
    Oxidation states are those of SMACT's first lists (2014), which the papers used.

    Args:
        numbers: atomic numbers of all atoms.

    Raises:
        ImportError: if smact is not installed.
    """
    smact, screening = _smact()
    kinds, counts = np.unique(np.asarray(numbers), return_counts=True)
    counts = (counts // gcd(*counts.tolist())).tolist()
    named = symbols(tuple(kinds.tolist()))
    if len(named) == 1 or all(name in smact.metals for name in named):
        return True
    elements = [smact.Element(name) for name in named]
    electronegativities = [element.pauling_eneg for element in elements]
    states = [element.oxidation_states_smact14 or [] for element in elements]
    for charges in product(*states):
        if sum(c * n for c, n in zip(charges, counts, strict=True)):
            continue
        if None in electronegativities:  # not known: not refused
            return True
        if screening.pauling_test(charges, electronegativities):
            return True
    return False


def validity(crystals: Sequence[Crystal | None]) -> dict[str, float]:
    """Shares of samples that are valid in structure and in composition.

    Args:
        crystals: samples; None for one that is not a crystal, which is not valid.

    Raises:
        ValueError: if there is none.
    """
    if not crystals:
        raise ValueError("shares are those of at least one sample; received none")
    structures = [c is not None and is_valid_structure(c) for c in crystals]
    compositions = [
        c is not None and is_valid_composition(np.asarray(c.numbers)) for c in crystals
    ]
    return {
        "validity_structure_percent": 100 * float(np.mean(structures)),
        "validity_composition_percent": 100 * float(np.mean(compositions)),
    }


def wasserstein(
    crystals: Sequence[Crystal], truth: Sequence[Crystal]
) -> dict[str, float]:
    """Distances of distributions of the density (g/cm³) and the number of elements.

    Args:
        crystals: valid samples, at least one.
        truth: crystals to compare with.
    """
    from scipy.stats import wasserstein_distance

    def densities(some: Sequence[Crystal]) -> list[float]:
        return [
            float(MASSES[np.asarray(c.numbers)].sum() / volume(np.asarray(c.cell)))
            * AMU_PER_CUBIC_ANGSTROM
            for c in some
        ]

    def n_elements(some: Sequence[Crystal]) -> list[int]:
        return [len(np.unique(c.numbers)) for c in some]

    return {
        "wasserstein_density": float(
            wasserstein_distance(densities(crystals), densities(truth))
        ),
        "wasserstein_elements": float(
            wasserstein_distance(n_elements(crystals), n_elements(truth))
        ),
    }


def match_everyone(
    truth: Sequence[Crystal], samples: Sequence[Crystal | None]
) -> dict[str, float]:
    """Share of references that some sample matches (METRe), and the corrected RMSE.

    Every sample is compared with every reference of its composition; a reference that
    none matches counts as 0.5 in cRMSE. Source: arXiv 2509.12178.

    Args:
        truth: references.
        samples: in any order and number.

    Raises:
        ValueError: if there is no reference.
    """
    if not truth:
        raise ValueError("shares are those of at least one reference; received none")
    by_formula: dict[str, list[Crystal]] = {}
    for crystal in samples:
        if crystal is not None:
            by_formula.setdefault(_composition(crystal), []).append(crystal)
    best = [_best(true, by_formula.get(_composition(true), [])) for true in truth]
    distances = [STOL if d is None else d for d in best]
    return {
        "metre_percent": 100 * float(np.mean([d is not None for d in best])),
        "crmse": float(np.mean(distances)),
    }


def match_rate(
    truth: Sequence[Crystal],
    samples: Sequence[Sequence[Crystal | None]],
    *,
    suffix: str = "",
) -> dict[str, float]:
    """Share of true structures that a sample matches, and the distance of the best.

    pymatgen's StructureMatcher with ltol=0.3, stol=0.5, angle_tol=10. The distance is
    the root mean square over atoms in units of (V/N)^⅓, a mean over the matched.
    Invalid structures match nothing; compositions, which are given, are not judged:
    the papers count those that SMACT refuses as not matched.

    Args:
        truth: true structures.
        samples: one set of samples or several, each with one for each true structure;
            None for one that is not a crystal.
        suffix: of the names of the results.

    Raises:
        ValueError: if there is no structure, or sets differ in length from it.
    """
    if not truth or any(len(one) != len(truth) for one in samples):
        raise ValueError(
            "each set of samples needs one for each true structure, of which there is "
            f"one at least; received {[len(one) for one in samples]} for {len(truth)}"
        )
    distances = [
        _best(true, [one[k] for one in samples]) for k, true in enumerate(truth)
    ]
    matched = [d for d in distances if d is not None]
    metrics = {f"match_rate{suffix}_percent": 100 * len(matched) / len(truth)}
    if matched:  # of none there is no mean
        metrics[f"match_rmse{suffix}"] = float(np.mean(matched))
    return metrics


def _best(true: Crystal, found: Sequence[Crystal | None]) -> float | None:
    """Smallest distance of some samples that match; None if none does."""
    matcher = _matcher()
    distances = []
    for crystal in found:
        if crystal is None or not is_valid_structure(crystal):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            distance = matcher.get_rms_dist(_structure(crystal), _structure(true))
        if distance is not None:
            distances.append(float(distance[0]))
    return min(distances, default=None)


def _matcher() -> Any:
    try:
        from pymatgen.analysis.structure_matcher import StructureMatcher
    except ImportError as error:
        raise ImportError(
            "match rates need pymatgen: pip install 'matjax[metrics]'"
        ) from error
    return StructureMatcher(ltol=0.3, stol=STOL, angle_tol=10)


def _composition(crystal: Crystal) -> str:
    """The composition, the same for all cells."""
    kinds, counts = np.unique(np.asarray(crystal.numbers), return_counts=True)
    shares = counts // gcd(*counts.tolist())
    return str(list(zip(kinds.tolist(), shares.tolist(), strict=True)))


def _smact() -> Any:
    try:
        smact, screening = map(import_module, ("smact", "smact.screening"))
    except ImportError as error:
        raise ImportError(
            "validity of compositions needs smact: pip install 'matjax[metrics]'"
        ) from error
    return smact, screening


def _structure(crystal: Crystal) -> Any:
    """The crystal for pymatgen, whose conventional cell it is built from."""
    from pymatgen.core import Lattice, Structure

    return Structure(
        Lattice(np.asarray(crystal.cell)),
        np.asarray(crystal.numbers).tolist(),
        np.asarray(crystal.fractional),
    )
