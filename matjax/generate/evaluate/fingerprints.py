"""Structures and compositions as points, whose distances tell how alike they are.

A structure is the mean over its atoms of CrystalNN's order parameters (61 numbers; N.
Zimmermann and A. Jain, RSC Adv. 10, 6063 (2020)), a composition the Magpie features of
its elements (132 numbers; L. Ward et al., npj Comput. Mater. 2, 16028 (2016)), both of
matminer. The latter count in the deviations that Xie et al. (ICLR 2022, CDVAE) have
published with their code; features that an element does not have count as the mean.

Structures that are not valid have no fingerprint here: the published code tries, and
may not end where atoms are dense.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json
from matjax.files import cache_folder
from matjax.generate.evaluate.checks import is_valid_structure
from matjax.generate.evaluate.matching import structure_of
from matjax.generate.evaluate.sharing import REFUSED, shared_out
from matjax.processes import Item
from matjax.progress import Progress

N_STRUCTURE, N_COMPOSITION = 61, 132
"""Numbers of a structure and of a composition."""

SCALES = Path(__file__).with_name("magpie_scales.json")
"""Means and deviations of the features of a composition, with source and license."""


class Fingerprints(NamedTuple):
    """Points of crystals; not numbers where a crystal has none."""

    structures: np.ndarray
    """(crystals, 61), order parameters of 0 to 1."""
    compositions: np.ndarray
    """(crystals, 132), in deviations of each feature."""

    @property
    def known(self) -> np.ndarray:
        """Which crystals have fingerprints, (crystals,)."""
        both = np.concatenate([self.structures, self.compositions], axis=1)
        return np.asarray(np.isfinite(both).all(axis=1))


def fingerprints_of(
    crystals: Sequence[Crystal | None],
    *,
    keep: bool = False,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> Fingerprints:
    """Fingerprints of crystals; about 0.1 s each.

    Args:
        crystals: None for what is no crystal.
        keep: whether they are kept in the user's cache, where those of the same
            crystals are found again, by a computation that was interrupted too.
        n_workers: processes of this machine.
        progress: shows the crystals as they are done.

    Raises:
        ImportError: if matminer is not installed.
    """
    _features()
    places = [k for k, crystal in enumerate(crystals) if crystal is not None]
    items = [crystal_to_json(crystals[k]) for k in places]  # type: ignore[arg-type]

    def found(records: Path | None) -> list[dict[str, Any]]:
        return shared_out(
            f"{__name__}:fingerprint",
            items,
            records=records,
            n_workers=n_workers,
            progress=progress,
        )

    if keep:
        path = _kept(items)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            answers = found(path)
    else:
        answers = found(None)
    structures = np.full((len(crystals), N_STRUCTURE), np.nan)
    compositions = np.full((len(crystals), N_COMPOSITION), np.nan)
    for k, answer in zip(places, answers, strict=True):
        if answer["structure"]:
            structures[k] = answer["structure"]
        compositions[k] = answer["composition"]
    return Fingerprints(structures, compositions)


def fingerprint(item: Item, settings: Item) -> dict[str, list[float]]:
    """Both points of one crystal; no numbers of a structure that has none.

    Args:
        item: the crystal as plain JSON.
        settings: none.
    """
    del settings
    order_parameters, magpie = _features()
    crystal = crystal_from_json(item)
    structure, sites = structure_of(crystal), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        composition = np.array(magpie.featurize(structure.composition), float)
        if is_valid_structure(crystal):
            with suppress(*REFUSED):
                sites = [
                    order_parameters.featurize(structure, k)
                    for k in range(len(structure))
                ]
    mean = np.mean(sites, axis=0) if sites else np.array([np.nan])
    means, deviations = _scales()
    scaled = np.nan_to_num((composition - means) / deviations, nan=0.0)
    return {
        "structure": mean.round(8).tolist() if np.isfinite(mean).all() else [],
        "composition": scaled.round(8).tolist(),
    }


@lru_cache(maxsize=1)
def _features() -> tuple[Any, Any]:
    """What makes points of an atom, and of a composition."""
    try:
        sites, compositions = (
            import_module(f"matminer.featurizers.{name}")
            for name in ("site.fingerprint", "composition.composite")
        )
    except ImportError as error:
        raise ImportError(
            "coverage needs matminer: pip install 'matjax[metrics]'"
        ) from error
    # The published scales are of features that are not imputed.
    magpie = compositions.ElementProperty.from_preset("magpie", impute_nan=False)
    return sites.CrystalNNFingerprint.from_preset("ops"), magpie


@lru_cache(maxsize=1)
def _scales() -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the 132 features."""
    content = json.loads(SCALES.read_text(encoding="utf-8"))
    means, deviations = (
        np.concatenate([*content[name].values()]) for name in ("means", "deviations")
    )
    return means, deviations


def _kept(items: Sequence[Item]) -> Path:
    """Where the fingerprints of these crystals are kept."""
    versions = [metadata.version(name) for name in ("matminer", "pymatgen")]
    digest = hashlib.sha256(json.dumps([versions, *items]).encode()).hexdigest()
    return cache_folder() / "fingerprints" / f"{digest[:16]}.jsonl"
