"""A distillation as experiments set it up: where a student starts, what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from pydantic import Field, model_validator

from matjax.config import ExperimentConfig
from matjax.crystals import Crystal
from matjax.data import Dataset, Example, LabeledGraphs
from matjax.data.sources import find_data
from matjax.distillation import (
    Cotraining,
    Domain,
    Drawn,
    Judge,
    Labels,
    Material,
    Pool,
    common_domain,
    cotraining_examples,
    draw,
    material_of_phonopy,
    material_of_teacher,
)
from matjax.lattice_dynamics import Phonons, phonons
from matjax.lattice_dynamics.phonopy import read_phonopy
from matjax.predictors import Potential
from matjax.reports import band_points, phonon_figure, student_figure, student_table
from matjax.studies.run import Run
from matjax.studies.structures import Prototype, described_crystal
from matjax.studies.training import new_potential
from matjax.train import with_references
from matjax.weights import load_potential

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TeachingConfig(ExperimentConfig):
    """Keys of an experiment in which a potential learns from another, or from DFT."""

    teacher: str = "nequix-oam-1-pft"
    """Name or file of the potential that gives the labels."""
    pretrained: str | None = None
    """Potential to start from; by default a new model."""
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "nequip"})
    """Name and attributes of a new model; species, mean neighbors and scale come from
    the labels."""
    references: bool = False
    """Whether energies of the elements of a pretrained potential are fitted to the
    teacher's before anything is judged; those of a new model always are."""
    pool: Pool = Pool()
    crystals: dict[str, str | Prototype] = Field(default_factory=dict)
    """Files or structure types by name, instead of the pool: some copies of each are
    trained on, the result is judged on others."""
    phonopy: dict[str, str] = Field(default_factory=dict)
    """Folders of phonopy's files by name, instead of a teacher: columns at some q of
    the supercell are learned, others judged. Searched in ``MATJAX_DATA``, too."""
    cotraining: Cotraining | None = None
    """Crystals of which energies, forces and stresses are learned, too."""
    labels: Labels = Labels()

    @model_validator(mode="after")
    def _fits(self) -> TeachingConfig:
        if self.phonopy and (self.pretrained is None or self.references):
            raise ValueError(
                "force constants alone say nothing of energies: phonopy needs a "
                "pretrained potential, and references=false"
            )
        return self

    @property
    def domain(self) -> Domain:
        """What teacher and student have in common."""
        return common_domain(self.teacher, self.pretrained or self.teacher)

    def material(self, run: Run) -> Material:
        """What is learned."""
        if self.phonopy:
            return material_of_phonopy(self.phonopy, self.labels, seed=self.seed)
        if self.crystals:
            named = {k: described_crystal(v) for k, v in self.crystals.items()}
            drawn = Drawn(named, {})
        else:
            drawn = draw(self.pool, *self.domain, seed=self.seed)
        return material_of_teacher(
            self.teacher,
            drawn,
            self.pool,
            self.labels,
            run.path("labels.jsonl"),
            seed=self.seed,
            progress=run.progress,
        )

    def beside(self, run: Run, folder: str = "") -> dict[str, Any]:
        """Crystals without columns that are trained on, as the loader takes them.

        Args:
            run: where their labels go.
            folder: start of the name of their file.
        """
        if self.cotraining is None:
            return {}
        examples = cotraining_examples(
            self.cotraining,
            self.pool,
            self.teacher,
            self.domain,
            self.labels,
            run.path(f"{folder}cotraining.jsonl"),
            seed=self.seed,
            progress=run.progress,
        )
        return {"beside": examples, "per_crystal": self.cotraining.per_copy}

    def starting_potential(self, material: Material) -> Potential:
        """Where the student starts: a pretrained potential, or a new one."""
        dtype = jnp.dtype(self.labels.potential_precision)
        copies = material.copies["train"]
        examples = [Example(e.crystal, e.labels, e.source) for e in copies]
        dataset = Dataset(tuple(examples), name=self.teacher, fingerprint="")
        labels = ("energy", "forces")
        if self.pretrained is not None:
            potential = load_potential(self.pretrained, dtype=dtype)
            if not self.references:
                return potential
            graphs = LabeledGraphs(dataset, potential.cutoff, labels=labels)
        else:
            potential, graphs = new_potential(
                self.model, dataset, labels=labels, seed=self.seed
            )
        return with_references(potential.astype(dtype), graphs)[0]


def copies_per_device(batch_size: int) -> int:
    """Copies of a step that each device takes, one after the other.

    Raises:
        ValueError: if they cannot be divided over the devices, or several processes
            share the run.
    """
    if (n := jax.process_count()) > 1:
        raise ValueError(f"one process is needed, not {n}: leave out --distributed")
    if batch_size % (n := jax.device_count()):
        raise ValueError(
            f"a step's copies are divided over {n} devices; received batch_size="
            f"{batch_size}: set a multiple of {n}, or CUDA_VISIBLE_DEVICES=0"
        )
    return batch_size // n


def save_judgment(judge: Judge, config: TeachingConfig, run: Run) -> None:
    """Writes table and figures of phonons: bands of crystals that were named.

    Args:
        judge: of a student after its training, perhaps before it, too.
        config: which crystals, and from whom.
        run: where the files go.
    """
    known = judge.material.crystals
    crystals = {name: known[name].crystal for name in judge.material.judged}
    run.save_table("crystals", student_table(crystals, judge.found))
    if not (config.crystals or config.phonopy):
        run.save_figure("phonons", student_figure(judge.found))
        return
    dtype = jnp.dtype(judge.labels.potential_precision)
    for name, crystal in crystals.items():
        if config.phonopy:
            of_files = read_phonopy(find_data(config.phonopy[name]), polar=False)
            expected = {"phonopy, interpolated": of_files}
        else:
            expected = {
                "teacher": phonons(load_potential(config.teacher, dtype=dtype), crystal)
            }
        run.save_figure(f"bands_{name}", _bands(judge, crystal, expected, dtype))


def _bands(
    judge: Judge, crystal: Crystal, expected: Mapping[str, Phonons], dtype: Any
) -> Figure:
    """Bands of the student, and where they should be."""
    students = {
        stage: phonons(
            load_potential(judge.potential_file(stage), dtype=dtype), crystal
        )
        for stage in ("before", "after")
        if stage in judge.found
    }
    bands = students.pop("after").bands()
    points = {
        label: band_points(bands, other.frequencies(bands.path.q))
        for label, other in {**expected, **students}.items()
    }
    return phonon_figure(bands, points=points)
