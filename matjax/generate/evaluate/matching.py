"""What is the same structure: match rates, uniqueness, novelty.

pymatgen's StructureMatcher with ltol=0.3, stol=0.5, angle_tol=10 decides, as in the
papers. It brings structures to one volume by atom.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import gcd
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json, volume
from matjax.generate.evaluate.checks import is_valid_structure
from matjax.generate.evaluate.sharing import REFUSED, shared_out
from matjax.processes import Item
from matjax.progress import Progress

STOL = 0.5
"""Largest distance of a match, in units of (V/N)^⅓; what counts for none in cRMSE."""

DENSITIES = 1.2
"""Factor by which volumes by atom of one structure differ at most, where uniqueness and
novelty are told: of the many pairs those further apart are not compared."""


def match_rate(
    truth: Sequence[Crystal],
    samples: Sequence[Sequence[Crystal | None]],
    *,
    suffix: str = "",
    n_workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Share of true structures that a sample matches, and the distance of the best.

    The distance is the root mean square over atoms in units of (V/N)^⅓, a mean over the
    matched. Invalid structures match nothing; compositions, which are given, are not
    judged: the papers count those that SMACT refuses as not matched.

    Args:
        truth: true structures.
        samples: one set of samples or several, each with one for each true structure;
            None for one that is not a crystal.
        suffix: of the names of the results.
        n_workers: processes of this machine.
        progress: shows the true structures as they are done.

    Raises:
        ValueError: if there is no structure, or sets differ in length from it.
    """
    if not truth or any(len(one) != len(truth) for one in samples):
        raise ValueError(
            "each set of samples needs one for each true structure, of which there is "
            f"one at least; received {[len(one) for one in samples]} for {len(truth)}"
        )
    n = len(truth)
    found = closest(
        truth,
        [crystal for one in samples for crystal in one],
        [range(k, n * len(samples), n) for k in range(n)],
        n_workers=n_workers,
        progress=progress,
    )
    matched = [d for d in found if d is not None]
    metrics = {f"match_rate{suffix}_percent": 100 * len(matched) / n}
    if matched:  # of none there is no mean
        metrics[f"match_rmse{suffix}"] = float(np.mean(matched))
    return metrics


def match_everyone(
    truth: Sequence[Crystal],
    samples: Sequence[Crystal | None],
    *,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Share of references that some sample matches (METRe), and the corrected RMSE.

    Every sample is compared with every reference of its composition; a reference that
    none matches counts as 0.5 in cRMSE. Source: arXiv 2509.12178.

    Args:
        truth: references.
        samples: in any order and number.
        n_workers: processes of this machine.
        progress: shows the references as they are done.

    Raises:
        ValueError: if there is no reference.
    """
    if not truth:
        raise ValueError("shares are those of at least one reference; received none")
    by_formula = _by_composition(samples)
    best = closest(
        truth,
        samples,
        [by_formula.get(_composition(true), []) for true in truth],
        n_workers=n_workers,
        progress=progress,
    )
    distances = [STOL if d is None else d for d in best]
    return {
        "metre_percent": 100 * float(np.mean([d is not None for d in best])),
        "crmse": float(np.mean(distances)),
    }


def uniqueness(
    samples: Sequence[Crystal],
    *,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Share of samples that match none before them.

    Args:
        samples: valid ones, at least one.
        n_workers: processes of this machine.
        progress: shows the samples as they are done.
    """
    known = [
        [other for other in others if other < k]
        for k, others in enumerate(_alike(samples, samples))
    ]
    share = _alone_percent(samples, samples, known, n_workers, progress)
    return {"unique_percent": share}


def novelty(
    samples: Sequence[Crystal],
    training: Sequence[Crystal],
    *,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Share of samples that match no crystal of the training set.

    Args:
        samples: valid ones, at least one.
        training: crystals that the generator has seen.
        n_workers: processes of this machine.
        progress: shows the samples as they are done.
    """
    alike = _alike(samples, training)
    share = _alone_percent(samples, training, alike, n_workers, progress)
    return {"novel_percent": share}


def _alone_percent(
    samples: Sequence[Crystal],
    others: Sequence[Crystal],
    candidates: Sequence[Sequence[int]],
    n_workers: int,
    progress: Progress | None,
) -> float:
    """Share of samples that match none of their candidates."""
    found = closest(
        *(samples, others, candidates),
        first=True,
        n_workers=n_workers,
        progress=progress,
    )
    return 100 * float(np.mean([d is None for d in found]))


def closest(
    crystals: Sequence[Crystal],
    others: Sequence[Crystal | None],
    candidates: Sequence[Sequence[int]],
    *,
    first: bool = False,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> list[float | None]:
    """Smallest distance of each crystal from those that match it; None if none does.

    Args:
        crystals: that are compared.
        others: that they are compared with; None for what is no crystal.
        candidates: numbers of the others that each crystal is compared with.
        first: whether the first that matches will do.
        n_workers: processes of this machine.
        progress: shows the crystals as they are done.

    Raises:
        ImportError: if pymatgen is not installed.
    """
    _matcher()
    items = [
        {"number": k, "candidates": [*map(int, some)]}
        for k, some in enumerate(candidates)
    ]
    with TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"first": first}
        for name, some in (("crystals", crystals), ("others", others)):
            path = Path(folder, f"{name}.json")
            plain = [None if c is None else crystal_to_json(c) for c in some]
            path.write_text(json.dumps(plain), encoding="utf-8")
            settings[name] = str(path)
        answers = shared_out(
            f"{__name__}:compared",
            items,
            settings=settings,
            n_workers=n_workers,
            progress=progress,
        )
    return [answer["distance"] for answer in answers]


def compared(item: Item, settings: Item) -> dict[str, float | None]:
    """Smallest distance of one crystal from the candidates that match it.

    Args:
        item: its number and those of its candidates.
        settings: files of the crystals and of the others, and whether one match will
            do.
    """
    crystal = _read(settings["crystals"])[item["number"]]
    assert crystal is not None
    others, matcher = _read(settings["others"]), _matcher()
    structure, best = structure_of(crystal), None
    for number in item["candidates"]:
        other = others[number]
        if other is None or not is_valid_structure(other):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = matcher.get_rms_dist(structure_of(other), structure)
            except REFUSED:
                continue
        if found is not None:
            best = float(found[0]) if best is None else min(best, float(found[0]))
            if settings["first"]:
                break
    return {"distance": best}


def structure_of(crystal: Crystal) -> Any:
    """The crystal for pymatgen."""
    from pymatgen.core import Lattice, Structure

    return Structure(
        Lattice(np.asarray(crystal.cell)),
        np.asarray(crystal.numbers).tolist(),
        np.asarray(crystal.fractional),
    )


@lru_cache(maxsize=2)
def _read(path: str) -> list[Crystal | None]:
    """Crystals of a file that :func:`closest` wrote."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return [None if c is None else crystal_from_json(c) for c in content]


@lru_cache(maxsize=1)
def _matcher() -> Any:
    try:
        from pymatgen.analysis.structure_matcher import StructureMatcher
    except ImportError as error:
        raise ImportError(
            "match rates need pymatgen: pip install 'matjax[metrics]'"
        ) from error
    return StructureMatcher(ltol=0.3, stol=STOL, angle_tol=10)


def _alike(crystals: Sequence[Crystal], others: Sequence[Crystal]) -> list[list[int]]:
    """Others of the composition and about the density of each, the nearest first."""
    by_formula = _by_composition(others)
    sizes = _log_volumes(others)
    found = []
    for crystal, size in zip(crystals, _log_volumes(crystals), strict=True):
        same = np.array(by_formula.get(_composition(crystal), []), int)
        apart = np.abs(sizes[same] - size)
        order = np.argsort(apart)
        found.append(same[order][apart[order] <= np.log(DENSITIES)].tolist())
    return found


def _log_volumes(crystals: Sequence[Crystal]) -> np.ndarray:
    """Logarithm of the volume by atom of each."""
    volumes = [float(volume(np.asarray(c.cell))) / c.n_atoms for c in crystals]
    return np.log(volumes)


def _by_composition(crystals: Sequence[Crystal | None]) -> Mapping[str, list[int]]:
    """Numbers of the crystals of each composition."""
    found: dict[str, list[int]] = {}
    for k, crystal in enumerate(crystals):
        if crystal is not None:
            found.setdefault(_composition(crystal), []).append(k)
    return found


def _composition(crystal: Crystal) -> str:
    """The composition, the same for all cells."""
    kinds, counts = np.unique(np.asarray(crystal.numbers), return_counts=True)
    shares = counts // gcd(*counts.tolist())
    return str(list(zip(kinds.tolist(), shares.tolist(), strict=True)))
