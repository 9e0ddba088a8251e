"""A crystal with what is known of it and of its copies, here and as JSON holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json
from matjax.data import Example
from matjax.distillation.phonon_summary import PhononSummary
from matjax.predictors import Prediction
from matjax.train import ColumnExample

POTENTIAL_LABELS = ("energy", "forces", "stress")
"""What is known of a crystal beside its columns, where a potential says it."""


class LabeledCrystal(NamedTuple):
    """A crystal and its labeled copies."""

    crystal: Crystal
    """At rest in its teacher, or as phonopy's files have it."""
    copies: list[ColumnExample]
    """The crystal itself first."""
    phonons: PhononSummary | None = None
    """None if it is not judged."""
    max_force: float = 0.0
    """eV/Å, of the crystal at rest."""
    supercell: list[list[int]] | None = None
    """That of phonopy's files."""

    def to_json(self) -> dict[str, Any]:
        """What a process answers."""
        return {
            **crystal_to_json(self.crystal),
            **(self.phonons._asdict() if self.phonons else {}),
            "max_force_eV_per_A": self.max_force,
            "examples": [_copy_to_json(copy) for copy in self.copies],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any], source: str) -> LabeledCrystal:
        """What a process has answered.

        Args:
            given: values of its record.
            source: name of the crystal, for errors.
        """
        fields = PhononSummary._fields
        judged = fields[0] in given
        return cls(
            crystal=crystal_from_json(given),
            copies=[_copy_from_json(copy, source) for copy in given["examples"]],
            phonons=PhononSummary(*(given[k] for k in fields)) if judged else None,
            max_force=given["max_force_eV_per_A"],
        )


def potential_labels(prediction: Prediction) -> dict[str, Any]:
    """What a potential says of a crystal, by label."""
    return {
        "energy": prediction.energy,
        "forces": np.asarray(prediction.forces),
        "stress": np.asarray(prediction.stress),
    }


def example_to_json(example: Example) -> dict[str, Any]:
    """A crystal with its labels."""
    return {**crystal_to_json(example.crystal), **_plain(example.labels)}


def example_from_json(given: Mapping[str, Any], source: str) -> Example:
    """A crystal with its labels, of a process's answer."""
    return Example(crystal_from_json(given), _labels(given), source)


def _copy_to_json(copy: ColumnExample) -> dict[str, Any]:
    arrays = {k: getattr(copy, k) for k in ("q", "displacements", "columns")}
    return {**crystal_to_json(copy.crystal), **_plain(arrays), **_plain(copy.labels)}


def _copy_from_json(given: Mapping[str, Any], source: str) -> ColumnExample:
    return ColumnExample(
        crystal=crystal_from_json(given),
        q=np.array(given["q"]),
        displacements=np.array(given["displacements"]),
        columns=np.array(given["columns"]),
        labels=_labels(given),
        source=source,
    )


def _labels(given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {k: np.array(given[k]) for k in POTENTIAL_LABELS if k in given}


def _plain(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {k: np.asarray(value).tolist() for k, value in arrays.items()}
