"""How good samples are, by the definitions of the CDVAE and DiffCSP papers.

Sources: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), appendix B; Jiao et al.,
NeurIPS 2023 (arXiv 2309.04475, DiffCSP), section 5. Packages of the extra ``metrics``
are imported where they are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from matjax.crystals import Crystal, neighbors, volume

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
    return StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)


def _structure(crystal: Crystal) -> Any:
    """The crystal for pymatgen, whose conventional cell it is built from."""
    from pymatgen.core import Lattice, Structure

    return Structure(
        Lattice(np.asarray(crystal.cell)),
        np.asarray(crystal.numbers).tolist(),
        np.asarray(crystal.fractional),
    )
