"""A potential that learns energies, forces and phonons from another, or from DFT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
from pydantic import Field, PositiveInt, model_validator

from matjax.distillation import (
    Judge,
    Losses,
    Material,
    Member,
    blended,
    column_costs,
    joint_metrics,
    student_task,
)
from matjax.reports import learning_figure
from matjax.studies import Run, TeachingConfig, copies_per_device, save_judgment
from matjax.train import ColumnLoader, FitConfig, common_shapes, fit, read_records
from matjax.weights import save_potential

JUDGED_COLUMNS = 4
"""Columns of each copy of the test, at least, however few a step takes."""


class Config(TeachingConfig):
    """Who learns what from whom."""

    losses: Losses = Losses()
    batch_size: PositiveInt = 4
    """Copies in a step, divided over the devices; each takes its own one after the
    other: memory is that of one."""
    columns: PositiveInt = 4
    """Columns of each copy in a step."""
    fit: FitConfig = FitConfig()
    members: tuple[Member, ...] = ()
    """If given, so many trainings, one after the other, from the same start; the result
    has the mean of their parameters, whose errors are often smaller than those of each
    (Wortsman et al., arXiv 2203.05482)."""
    interpolation: float = Field(default=1.0, gt=0, le=1)
    """Place of the result on the straight way from the pretrained parameters to the
    trained ones. Less than 1 keeps more of what the pretrained potential knew (Wortsman
    et al., arXiv 2109.01903)."""
    cost_atoms: PositiveInt | None = None
    """If given, columns of primitive cells and of supercells of at least so many atoms
    are timed, and student and teacher on these supercells."""

    @model_validator(mode="after")
    def _agrees(self) -> Config:
        if self.interpolation < 1 and self.pretrained is None:
            raise ValueError(
                "interpolation begins at a pretrained potential: name one, or leave it "
                "out"
            )
        if self.members and self.pretrained is None:
            raise ValueError(
                "only trainings that begin at the same pretrained potential can be "
                "averaged: name one, or leave out members"
            )
        if any(member in self.members[:k] for k, member in enumerate(self.members)):
            raise ValueError(
                "members must differ, or they are the same training; two have equal "
                "settings: give each a seed of its own"
            )
        if self.phonopy and (self.crystals or self.cost_atoms):
            raise ValueError(
                "crystals and cost_atoms need a teacher: leave them out, or phonopy"
            )
        beside = self.cotraining or any(member.cotraining for member in self.members)
        if beside and (self.crystals or self.phonopy):
            raise ValueError(
                "cotraining goes with the pool, whose compositions it leaves out: "
                "remove it, or crystals and phonopy"
            )
        if self.fit.accumulate > 1:
            raise ValueError(
                "fit.accumulate is batch_size here, divided by the number of devices: "
                "each takes its copies one after the other; leave it out"
            )
        return self


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The student as a file, errors before and after, figures and a table."""
    n_turns = copies_per_device(config.batch_size)
    material = config.material(run)
    student = config.starting_potential(material)
    loader = partial(
        ColumnLoader,
        cutoff=student.cutoff,
        n_columns=config.columns,
        seed=config.seed,
        dtype=student.dtype,
        shapes=common_shapes([e.crystal for e in material.every_copy], student.cutoff),
    )
    n_judged = min(config.labels.n_columns, max(config.columns, JUDGED_COLUMNS))
    test = loader(material.copies["test"], batch_size=1, n_columns=n_judged)
    task = partial(
        student_task,
        student,
        material,
        teacher=config.phonopy or config.teacher,
        pretrained=config.pretrained,
    )
    judge = Judge(
        task(config.losses),
        test,
        material,
        config.labels,
        place=run.path,
        progress=run.progress,
    )
    # All of them first: what cannot be drawn is said before hours of training.
    members = [(m, name, m.beside(run, name)) for m, name in _members(config, run)]
    before = judge.of(student, "before") if config.pretrained is not None else {}
    held_out = loader(material.copies["held_out"], batch_size=1)

    def keep(path: Path, *trained: Any) -> None:
        result = blended(student, trained, config.interpolation)
        save_potential(result, path, overwrite=True)

    fits = []
    for member, folder, beside in members:
        copies, seed = material.copies["train"], member.seed
        fitted = fit(
            task(member.losses),
            loader(copies, batch_size=config.batch_size, seed=seed, **beside),
            partial(held_out.in_order, jax.device_count()),
            run.folder / folder,
            config.fit.model_copy(update={"accumulate": n_turns}),
            on_best=partial(keep, run.path(f"{folder}potential.safetensors")),
            resume=run.resume,
            progress=run.progress,
        )
        fits.append(fitted)
        records = read_records(run.folder / folder)
        run.save_figure(f"{folder}learning", learning_figure(records))
    path = run.path("potential.safetensors")
    trained = [fitted.params for fitted in fits]
    keep(path, *trained)
    after = judge.of(blended(student, trained, config.interpolation), "after")
    save_judgment(judge, config, run)
    n_beside = max(len(beside.get("beside", ())) for *_, beside in members)
    return {
        **before,
        **after,
        **joint_metrics(fits),
        **material.counts(),
        **({"n_beside_copies": n_beside} if n_beside else {}),
        **(_cost(config, run, material, path) if config.cost_atoms else {}),
    }


def _members(config: Config, run: Run) -> Iterator[tuple[Config, str]]:
    """What each training has of its own set in, and the start of its files' names."""
    if not config.members:
        yield config, ""
    for number, member in enumerate(config.members, 1):
        folder = run.path(f"member_{number}")
        folder.mkdir(exist_ok=True)
        own = {key: value for key, value in member if value is not None}
        yield config.model_copy(update=own), f"{folder.name}/"


def _cost(config: Config, run: Run, material: Material, path: Path) -> dict[str, float]:
    return column_costs(
        config.teacher,
        path,
        material.trained_on,
        run.path("cost.jsonl"),
        n_atoms=config.cost_atoms or 1,
        precision=config.labels.potential_precision,
        seed=config.seed,
        progress=run.progress,
    )
