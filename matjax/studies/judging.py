"""How good samples of generators are: the numbers of the papers, with figures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from matjax.crystals import Crystal, crystal_from_json
from matjax.data import Example, entries, reference_energies
from matjax.generate.evaluate import (
    Cutoffs,
    cutoffs_of,
    densities,
    fingerprints_of,
    is_valid,
    match_rate,
    n_elements,
    novelty,
    recall_and_precision,
    uniqueness,
    validity,
    wasserstein,
)
from matjax.progress import Progress
from matjax.reports import distribution_figure, structure_figure
from matjax.screening import ScreenSettings, screened, selection
from matjax.screening.table import Row, rows
from matjax.studies.run import Run

SOFT = -0.1
"""THz; a crystal whose lowest frequency lies below counts as unstable."""

N_VALID = 1000
"""Valid samples, the first ones, whose distributions are compared, as in the papers."""

N_DRAWN = 18
"""Samples that are drawn as structures."""

PACKAGES = {"predicted": ("pymatgen",), "new": ("smact", "pymatgen", "matminer")}
"""Of the extra ``metrics``, without which such samples cannot be judged."""


@dataclass(frozen=True)
class Truth:
    """Crystals that samples are judged beside."""

    name: str
    """Of the data set, which tells the cutoffs of coverage where none are given."""
    crystals: Sequence[Crystal]
    training: Sequence[Crystal] = ()
    """Crystals that the generator has seen; without any, novelty is not told."""
    cutoffs: tuple[float, float] | None = None
    """Of structures and compositions."""


def can_judge(kind: Literal["predicted", "new"], run: Run) -> bool:
    """Whether the packages are there; says which are not."""
    missing = [name for name in PACKAGES[kind] if find_spec(name) is None]
    if missing:
        run.log.warning(
            "%s crystals are not judged: it needs %s; pip install 'matjax[metrics]'",
            *(kind, ", ".join(missing)),
        )
    return not missing


def judge_new(
    samples: Sequence[Crystal | None], truth: Truth, run: Run, *, n_workers: int | None
) -> dict[str, float | int]:
    """Validity, coverage, distributions, uniqueness and novelty of new crystals.

    Recall grows with the number of samples, of which the papers have 10,000.

    Args:
        samples: None for what is no crystal.
        truth: beside which they are judged.
        run: where figures go.
        n_workers: processes; by default one for each core.
    """
    shared = _shared(run, n_workers)
    metrics: dict[str, float | int] = {**validity(samples)}
    found, true = (
        fingerprints_of(crystals, keep=keep, **shared("fingerprints"))
        for crystals, keep in ((samples, False), (truth.crystals, True))
    )
    cutoffs = Cutoffs(*truth.cutoffs) if truth.cutoffs else cutoffs_of(truth.name)
    # A few crystals of the data may have no fingerprint: nothing can cover them.
    known = type(true)(*(points[true.known] for points in true))
    metrics |= recall_and_precision(found, known, cutoffs)
    metrics["cov_recall_percent"] *= float(np.mean(true.known))
    valid = [
        crystal
        for crystal, has in zip(samples, found.known, strict=True)
        if crystal is not None and has and is_valid(crystal)
    ]
    metrics["n_valid"] = len(valid)
    valid = valid[:N_VALID]
    if not valid:
        return metrics
    metrics |= wasserstein(valid, truth.crystals)
    metrics |= uniqueness(valid, **shared("uniqueness"))
    if truth.training:
        metrics |= novelty(valid, truth.training, **shared("novelty"))
    _draw(valid, truth, run)
    return metrics


def judge_predicted(
    samples: Sequence[Sequence[Crystal | None]],
    truth: Sequence[Crystal],
    run: Run,
    *,
    n_workers: int | None,
) -> dict[str, float | int]:
    """Match rate and distance of the first sample of each, and of the best of several.

    Args:
        samples: sets with one sample for each true structure, one at least.
        truth: true structures; sets after the first may be of fewer, the first ones.
        run: that shows progress.
        n_workers: processes; by default one for each core.
    """
    shared = _shared(run, n_workers)
    first = match_rate(truth, samples[:1], **shared("matches"))
    metrics: dict[str, float | int] = {**first}
    if len(samples) > 1:
        n_fewer = len(samples[-1])
        fewer = [one[:n_fewer] for one in samples]
        suffix = f"_{len(samples)}"
        metrics[f"n_predicted{suffix}"] = n_fewer
        metrics |= match_rate(
            truth[:n_fewer], fewer, suffix=suffix, **shared(f"best of {len(samples)}")
        )
    return metrics


def judge_energies(
    samples: Sequence[Crystal],
    truth: str,
    potential: str,
    run: Run,
    *,
    n: int,
    n_workers: int | None,
) -> dict[str, float | int]:
    """Energies of samples by a potential, and which share is dynamically stable.

    Energies by atom count from those of the elements that explain most of the truth's.
    The papers take the energies of property networks trained on each data set.

    Args:
        samples: valid ones.
        truth: file or name of a data set.
        potential: name or file.
        run: where records go.
        n: samples, and crystals of the truth, that are computed at most.
        n_workers: processes; by default one for each core.
    """
    from scipy.stats import wasserstein_distance

    if not samples:
        return {"n_energies": 0}
    path = str(run.save_crystal("valid.extxyz", samples))
    ask = partial(
        _screen, run=run, potential=potential, n=n, n_workers=n_workers, relax=False
    )
    true, found = (
        ask(source, name=name, columns=("energy",))
        for source, name in ((truth, "energies_truth"), (path, "energies"))
    )
    references = reference_energies([_labeled(row) for row in true if row.values])
    energies, known = (
        np.array([_above(row, references.energies) for row in some])
        for some in (found, true)
    )
    rest = ask(
        path,
        name="stability",
        columns=("energy", "lowest_frequency"),
        relax=True,
    )
    relaxed = np.array([_above(row, references.energies) for row in rest])
    lowest = np.array(
        [row.values.get("lowest_frequency_THz", np.nan) for row in rest], float
    )
    metrics: dict[str, float | int] = {
        "n_energies": int(np.isfinite(energies).sum()),
        "stable_percent": 100 * float(np.mean(lowest >= SOFT)),
    }
    finite = [x[np.isfinite(x)] for x in (energies, known, relaxed)]
    if all(map(len, finite)):
        metrics["wasserstein_energy_eV_per_atom"] = float(
            wasserstein_distance(*finite[:2])
        )
        metrics["energy_above_reference_relaxed_eV_per_atom"] = float(
            np.median(finite[2])
        )
        name = "energy (eV/atom)"
        figure = distribution_figure({name: finite[0]}, {name: finite[1]})
        run.save_figure("energies", figure)
    return metrics


def _shared(run: Run, n_workers: int | None) -> Any:
    """Arguments of what is shared out over processes, with its progress by name."""

    def arguments(what: str) -> Mapping[str, Any]:
        def progress(items: Any, description: str, **others: Any) -> Any:
            del description
            return run.progress(items, what, **others)

        shown: Progress = progress
        return {"n_workers": n_workers or os.cpu_count() or 1, "progress": shown}

    return arguments


def _draw(samples: Sequence[Crystal], truth: Truth, run: Run) -> None:
    """Histograms of samples beside the data, and some samples as structures."""
    measured = {
        "density (g/cm³)": densities,
        "elements": n_elements,
        "atoms": lambda some: np.array([crystal.n_atoms for crystal in some]),
    }
    samples_by, truth_by = (
        {name: numbers(some) for name, numbers in measured.items()}
        for some in (samples, truth.crystals)
    )
    run.save_figure("distributions", distribution_figure(samples_by, truth_by))
    run.save_figure("samples", structure_figure(samples[:N_DRAWN]))


def _screen(
    source: str,
    *,
    run: Run,
    name: str,
    potential: str,
    columns: Sequence[str],
    n: int,
    relax: bool,
    n_workers: int | None,
) -> list[Row]:
    """What a screen finds of some crystals of a source."""
    given = partial(entries, source)
    keys = selection(given, limit=n, max_atoms=None, seed=0)
    settings = ScreenSettings(potential=potential, relax=relax).plain()
    found = screened(
        given,
        run.path(f"{name}.jsonl"),
        {**settings, "columns": list(columns), "source": source},
        keys=keys,
        n_workers=n_workers,
        progress=run.progress,
        total=len(keys),
    )
    return list(rows(found, None))


def _labeled(row: Row) -> Example:
    """A crystal of a screen with its energy, eV."""
    crystal = _crystal(row)
    energy = row.values["energy_eV_per_atom"] * crystal.n_atoms
    return Example(crystal, {"energy": energy}, row.key)


def _crystal(row: Row) -> Crystal:
    assert row.crystal is not None
    return crystal_from_json(row.crystal)


def _above(row: Row, references: Mapping[int, float]) -> float:
    """Energy by atom above that of the elements; not a number where it is not known."""
    energy = row.values.get("energy_eV_per_atom")
    if energy is None or row.crystal is None:
        return np.nan
    numbers = np.asarray(_crystal(row).numbers)
    return float(energy - np.mean([references.get(int(z), np.nan) for z in numbers]))
