"""Labels of many crystals, asked of a potential in processes of their own.

What these do is in :mod:`matjax.distillation.teacher`. Crystals go there and come back
as JSON; here they are crystals.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, crystal_to_json
from matjax.data import Example, fingerprints
from matjax.distillation.labeled_crystal import LabeledCrystal, example_from_json
from matjax.distillation.phonon_summary import PhononSummary
from matjax.processes import Failure, all_values, survey
from matjax.progress import Progress

TEACHER = Path(__file__).with_name("teacher.py")


class Labels(Section):
    """What is calculated: each crystal at rest, and strained, rattled copies of it."""

    rattles: int = Field(default=2, ge=0)
    """Copies beside the crystal at rest."""
    displacement: float = Field(default=0.06, ge=0)
    """Standard deviation of the components of displacements, Å."""
    strain: float = Field(default=0.01, ge=0)
    """Standard deviation of the components of the strain."""
    n_columns: PositiveInt = 24
    """Columns of force constants of each copy, at random q."""
    supercell_length: float | None = Field(default=None, gt=0)
    """Å; if given, copies are supercells of at least this length, and columns those of
    their Hessian, as the published method has them. By default primitive cells."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force after relaxation, eV/Å."""
    mesh_length: float = Field(default=9.0, gt=0)
    """The mesh of phonons has as many divisions as the crystal must repeat to be this
    long, Å."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Precision of the potentials."""
    n_workers: PositiveInt = 1
    """Processes."""


def label_crystals(
    teacher: str,
    crystals: Mapping[str, Crystal],
    records: Path,
    labels: Labels,
    *,
    judged: Collection[str] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, LabeledCrystal | Failure]:
    """Crystals at rest with their copies and phonons, or why they have none.

    Args:
        teacher: name or file of a potential.
        crystals: by key.
        records: JSON Lines file, made or continued.
        labels: what is calculated.
        judged: keys of the crystals whose phonons are wanted.
        seed: of the copies and their columns.
        progress: shows the crystals as they end.
    """
    plain = _plain(crystals)
    answers = survey(
        f"{TEACHER}:label",
        {
            key: {**item, "judged": key in judged}
            for key, item in _seeded(plain, seed).items()
        },
        records,
        settings={**_settings(teacher, plain, labels), "seed": seed},
        n_workers=labels.n_workers,
        progress=progress,
    )
    return {
        key: (
            LabeledCrystal.from_json(record["values"], key)
            if "values" in record
            else Failure(**record["error"])
        )
        for key, record in answers.items()
    }


def label_copies(
    teacher: str,
    crystals: Mapping[str, Crystal],
    records: Path,
    labels: Labels,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Example]:
    """Crystals as they are, and rattled copies, with energies, forces and stresses.

    Args:
        teacher: name or file of a potential.
        crystals: by key.
        records: JSON Lines file, made or continued.
        labels: how copies are rattled; no column is calculated.
        seed: of the copies.
        progress: shows the crystals as they end.

    Raises:
        ValueError: if one fails.
    """
    plain = _plain(crystals)
    answers = survey(
        f"{TEACHER}:evaluate_copies",
        _seeded(plain, seed),
        records,
        settings={**_settings(teacher, plain, labels), "seed": seed},
        n_workers=labels.n_workers,
        progress=progress,
    )
    return [
        example_from_json(given, key)
        for key, values in all_values(answers).items()
        for given in values["examples"]
    ]


def survey_phonons(
    potential: str,
    crystals: Mapping[str, Crystal],
    records: Path,
    labels: Labels,
    *,
    supercells: Mapping[str, list[list[int]]] | None = None,
    progress: Progress | None = None,
) -> dict[str, PhononSummary]:
    """Phonons of crystals as they are, in a potential.

    Args:
        potential: name or file.
        crystals: by key.
        records: JSON Lines file, made or continued.
        labels: whose mesh and precision are taken.
        supercells: of crystals whose phonons are wanted at the q of these alone.
        progress: shows the crystals as they end.

    Raises:
        ValueError: if one fails.
    """
    plain = _plain(crystals)
    for key, matrix in (supercells or {}).items():
        plain[key]["supercell"] = matrix
    answers = survey(
        f"{TEACHER}:lattice_dynamics",
        plain,
        records,
        settings=_settings(potential, plain, labels),
        n_workers=labels.n_workers,
        progress=progress,
    )
    return {key: PhononSummary(**v) for key, v in all_values(answers).items()}


def _plain(crystals: Mapping[str, Crystal]) -> dict[str, dict[str, Any]]:
    return {key: crystal_to_json(crystal) for key, crystal in crystals.items()}


def _seeded(items: Mapping[str, dict[str, Any]], seed: int) -> dict[str, dict]:
    """Items with a seed of their own."""
    return {
        key: {**item, "seed": [seed, number]}
        for number, (key, item) in enumerate(items.items())
    }


def _settings(
    potential: str,
    plain: Mapping[str, dict[str, Any]],
    labels: Labels,
) -> dict[str, Any]:
    """What processes are told.

    Potential and crystals count by content: with other ones, old records are no answer.
    """
    return {
        "potential": potential,
        **fingerprints(potential),
        "crystals_sha256": sha256(json.dumps(dict(plain)).encode()).hexdigest(),
        **labels.model_dump(exclude={"n_workers"}),
    }
