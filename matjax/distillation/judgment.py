"""How well a potential has learned: errors on the test part of what was taught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from matjax.distillation.labels import Labels, survey_phonons
from matjax.distillation.material import Material
from matjax.distillation.phonon_summary import PhononSummary
from matjax.predictors import Potential
from matjax.progress import Progress
from matjax.train import ColumnLoader, Task, compare, mean_absolute_errors
from matjax.weights import save_potential

COMPARED = {
    **dict.fromkeys(("max_frequency", "mean_frequency"), "THz"),
    "heat_capacity": "J_per_mol_K",
}
"""Properties of phonons that are compared, with their units."""


class Judge:
    """Errors of potentials on the test part, and the phonons it has found in them."""

    def __init__(
        self,
        task: Task,
        test: ColumnLoader,
        material: Material,
        labels: Labels,
        *,
        place: Callable[[str], Path],
        progress: Progress | None = None,
    ) -> None:
        """Nothing is judged yet.

        Args:
            task: how predictions are made, and which.
            test: copies that are not trained on, with columns.
            material: whose crystals are judged.
            labels: mesh and precision of phonons.
            place: path of a file of this name, for potentials and records.
            progress: shows the crystals as they end.
        """
        self.task, self.test = task, test
        self.material, self.labels = material, labels
        self.place, self.progress = place, progress
        self.found = {"teacher": _compared(material.judged)}
        """What each potential says of the crystals, :data:`COMPARED`."""

    def of(self, potential: Potential, stage: str) -> dict[str, float]:
        """Errors, their names beginning with the stage: before or after a training."""
        labels = [term.label for term in self.task.terms]
        pairs = compare(
            self.task.predict, potential.params, self.test.in_order(), labels
        )
        errors = mean_absolute_errors(pairs)
        if "energy" in pairs:
            names = [example.source for example in self.test.examples]
            errors |= _relative_energies(names, np.stack(pairs["energy"]))
        self.found[stage] = _compared(self._phonons(potential, stage))
        for name, unit in COMPARED.items():
            error = self.found[stage][name] - self.found["teacher"][name]
            errors[f"{name}_mae_{unit}"] = float(np.abs(error).mean())
            errors[f"{name}_bias_{unit}"] = float(error.mean())
        return {f"{stage}_{key}": value for key, value in errors.items()}

    def potential_file(self, stage: str) -> Path:
        """Where the potential of a stage is kept."""
        return self.place(f"{stage}.safetensors")

    def _phonons(self, potential: Potential, stage: str) -> dict[str, PhononSummary]:
        """Phonons of the crystals at rest in the teacher, in another potential."""
        path = self.potential_file(stage)
        save_potential(potential, path, overwrite=True)
        records = self.place(f"{stage}.jsonl")
        records.unlink(missing_ok=True)  # a training that went on has another potential
        judged = {k: self.material.crystals[k] for k in self.material.judged}
        return survey_phonons(
            str(path),
            {k: labeled.crystal for k, labeled in judged.items()},
            records,
            self.labels,
            supercells={
                k: labeled.supercell
                for k, labeled in judged.items()
                if labeled.supercell is not None
            },
            progress=self.progress,
        )


def _relative_energies(names: list[str], energies: np.ndarray) -> dict[str, float]:
    """Error against the first copy of the same crystal: no reference enters.

    Args:
        names: of the crystals of the copies.
        energies: predicted and expected ones by atom, (2, copies), eV.
    """
    first = np.array([names.index(name) for name in names])
    moved = np.arange(len(names)) != first
    if not moved.any():
        return {}
    energies = energies.astype(float)
    predicted, expected = (energies - energies[:, first])[:, moved]
    error = 1e3 * float(np.abs(predicted - expected).mean())
    return {"relative_energy_mae_meV_per_atom": error}


def _compared(phonons: Mapping[str, PhononSummary]) -> dict[str, np.ndarray]:
    return {
        name: np.array(
            [getattr(summary, f"{name}_{unit}") for summary in phonons.values()]
        )
        for name, unit in COMPARED.items()
    }
