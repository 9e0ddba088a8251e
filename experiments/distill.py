"""A potential that learns energies, forces and phonons from another, or from DFT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt, model_validator

from matjax.config import ExperimentConfig, Section
from matjax.crystals import Crystal
from matjax.data import Dataset, Example, LabeledGraphs
from matjax.data.sources import find_data
from matjax.lattice_dynamics import Phonons, phonons
from matjax.lattice_dynamics.phonopy import read_phonopy
from matjax.predictors import Potential
from matjax.reports import (
    band_points,
    learning_figure,
    new_figure,
    phonon_figure,
    style,
)
from matjax.studies import Prototype, Run, described_crystal, new_potential
from matjax.survey import (
    Cotraining,
    Labels,
    Pool,
    all_values,
    column_examples,
    composition,
    crystal_item,
    draw,
    draw_cotraining,
    item_crystal,
    label_copies,
    label_crystals,
    label_phonopy,
    survey,
    survey_phonons,
)
from matjax.train import (
    ColumnExample,
    ColumnLoader,
    FitConfig,
    Fitted,
    Kind,
    Task,
    Term,
    common_shape,
    common_shapes,
    compare,
    fit,
    mean_absolute_errors,
    potential_predictions,
    read_records,
    with_references,
)
from matjax.weights import load_potential, save_potential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORKER = Path(__file__).with_name("_distill_worker.py")
PARTS = ("train", "held_out", "test")

JUDGED_COLUMNS = 4
"""Of each copy of the test, at least, however few a step takes."""

COST_CRYSTALS = 3
"""The smallest that are trained on; the median of what they cost counts."""

COMPARED = {
    **dict.fromkeys(("max_frequency", "mean_frequency"), "THz"),
    "heat_capacity": "J_per_mol_K",
}
"""Properties of phonons that are compared, with their units."""


class Loss(Section):
    """One term of the loss."""

    weight: float = Field(default=1.0, gt=0)
    """Of its mean error."""
    kind: Kind = "mae"
    """What of an error counts: mae, mse, huber, or norm (of vectors)."""


class ColumnLoss(Loss):
    """The term of the columns."""

    in_frequency: bool = False
    """Whether errors count by what they change in a frequency, THz: those of light
    atoms and of soft bonds count for more than in eV/Å²."""


class Losses(Section):
    """Terms of the loss; errors by atom in eV, in eV/Å², eV/Å and eV/Å³."""

    columns: ColumnLoss = ColumnLoss()
    energy: Loss = Loss()
    forces: Loss = Loss()
    stress: Loss = Loss()


class Member(Section):
    """Settings of one of several trainings; what is left out is as in the others."""

    seed: int | None = Field(default=None, ge=0)
    """Of the order of crystals, and of what is drawn beside them."""
    cotraining: Cotraining | None = None
    losses: Losses | None = None
    """All terms: one that is left out has its defaults."""


class Config(ExperimentConfig):
    """Who learns what from whom."""

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
    losses: Losses = Losses()
    batch_size: PositiveInt = 4
    """Copies in a step, divided over the devices; each takes its own one after the
    other: memory is that of one."""
    columns: PositiveInt = 4
    """Of each copy in a step."""
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
    def _fits(self) -> Config:
        if self.phonopy and (self.pretrained is None or self.references):
            raise ValueError(
                "force constants alone say nothing of energies: phonopy needs a "
                "pretrained potential, and references=false"
            )
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


class Labeled(NamedTuple):
    """What the teacher says of crystals that came to rest in it."""

    records: dict[str, dict[str, Any]]
    copies: dict[str, list[ColumnExample]]
    """By part."""
    judged: list[str]
    """Crystals whose phonons are compared."""
    n_left_out: int


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The student as a file, errors before and after, figures and a table."""
    n_turns = _turns(config)
    labeled = _labeled(config, run)
    student = _student(config, labeled)
    every = [copy.crystal for some in labeled.copies.values() for copy in some]
    loader = partial(
        ColumnLoader,
        cutoff=student.cutoff,
        n_columns=config.columns,
        seed=config.seed,
        dtype=student.dtype,
        shapes=common_shapes(every, student.cutoff),
    )
    n_judged = min(config.labels.n_columns, max(config.columns, JUDGED_COLUMNS))
    test = loader(labeled.copies["test"], batch_size=1, n_columns=n_judged)
    judge = _Judge(config, run, labeled, _task(config, labeled, student), test)

    def result(*trained: Any) -> Potential:
        way = config.interpolation
        mean = jax.tree.map(lambda *each: sum(each) / len(each), *trained)
        between = jax.tree.map(lambda a, b: a + way * (b - a), student.params, mean)
        return student.replace(params=between if way < 1 else mean)

    def keep(path: Path, *trained: Any) -> None:
        save_potential(result(*trained), path, overwrite=True)

    # All of them first: what cannot be drawn is said before hours of training.
    members = [
        (member, folder, _beside(member, run, folder))
        for member, folder in _members(config, run)
    ]
    before = judge.of(student, "before") if config.pretrained is not None else {}
    held_out = loader(labeled.copies["held_out"], batch_size=1)
    fits: list[Fitted] = []
    for member, folder, beside in members:
        found = fit(
            _task(member, labeled, student),
            loader(
                labeled.copies["train"],
                batch_size=config.batch_size,
                seed=member.seed,
                **beside,
            ),
            partial(held_out.in_order, jax.device_count()),
            run.folder / folder,
            config.fit.model_copy(update={"accumulate": n_turns}),
            on_best=partial(keep, run.path(f"{folder}potential.safetensors")),
            resume=run.resume,
            progress=run.progress,
        )
        fits.append(found)
        records = read_records(run.folder / folder)
        run.save_figure(f"{folder}learning", learning_figure(records))
    n_beside = max(len(beside.get("beside", ())) for *_, beside in members)
    path = run.path("potential.safetensors")
    trained = [found.params for found in fits]
    keep(path, *trained)
    after = judge.of(result(*trained), "after")
    judge.save()
    return {
        **before,
        **after,
        **_fit_metrics(fits),
        **_counts(labeled),
        **({"n_beside_copies": n_beside} if n_beside else {}),
        **(_cost(config, run, labeled, path) if config.cost_atoms else {}),
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


def _task(config: Config, labeled: Labeled, student: Potential) -> Task:
    """What is predicted, and how errors count."""
    labels = ("columns", *labeled.copies["train"][0].labels)
    return Task(
        predict=potential_predictions(student.model, labels),
        params=student.params,
        terms=[Term(k, **getattr(config.losses, k).model_dump()) for k in labels],
        identity={
            "model": repr(student.model),
            "teacher": config.phonopy or config.teacher,
            "pretrained": config.pretrained,
            "losses": config.losses.model_dump(mode="json"),
        },
    )


def _fit_metrics(fits: Sequence[Fitted]) -> dict[str, float]:
    """Of one training; of several what holds for all, for errors are of each alone."""
    each = [found.metrics for found in fits]
    if len(each) == 1:
        return each[0]
    return {
        "n_members": len(each),
        "train_minutes": sum(found["train_minutes"] for found in each),
        "structures_per_s": float(np.mean([m["structures_per_s"] for m in each])),
        "n_parameters": each[0]["n_parameters"],
    }


def _turns(config: Config) -> int:
    """Copies of a step that each device takes."""
    if (n := jax.process_count()) > 1:
        raise ValueError(f"one process is needed, not {n}: leave out --distributed")
    if config.batch_size % (n := jax.device_count()):
        raise ValueError(
            f"a step's copies are divided over {n} devices; received batch_size="
            f"{config.batch_size}: set a multiple of {n}, or CUDA_VISIBLE_DEVICES=0"
        )
    return config.batch_size // n


def _labeled(config: Config, run: Run) -> Labeled:
    """What the teacher says of all crystals; those that fail are left out."""
    if config.phonopy:
        found = label_phonopy(config.phonopy, config.labels, seed=config.seed)
        good = all_values(found)
        return Labeled(good, _divided(good, {}, config.seed), list(good), 0)
    items, parts = _chosen(config)
    judged = [k for k in items if parts.get(k, "test") == "test"]
    records = label_crystals(
        config.teacher,
        items,
        run.path("labels.jsonl"),
        config.labels,
        judged=judged,
        seed=config.seed,
        progress=run.progress,
    )
    for name, record in records.items():
        if "error" in record:
            run.log.warning("%s is left out: %s", name, record["error"]["message"])
    good = {k: r["values"] for k, r in records.items() if "values" in r}
    for name in _dense(config, good, parts) if parts else ():
        del good[name]
        run.log.warning("%s is left out: at rest it is denser than the pool", name)
    return Labeled(
        records=good,
        copies=_divided(good, parts, config.seed),
        judged=[k for k in judged if k in good],
        n_left_out=len(records) - len(good),
    )


def _chosen(config: Config) -> tuple[Mapping[str, dict[str, Any]], Mapping[str, str]]:
    """Crystals, and the part of each where they come from the pool."""
    if config.crystals:
        found = {k: described_crystal(v) for k, v in config.crystals.items()}
        return {k: crystal_item(crystal) for k, crystal in found.items()}, {}
    return draw(config.pool, *_known(config), seed=config.seed)


def _beside(config: Config, run: Run, folder: str) -> dict[str, Any]:
    """Crystals without columns that are trained on, as the loader takes them."""
    if config.cotraining is None:
        return {}
    items = draw_cotraining(
        config.cotraining, config.pool, *_known(config), seed=config.seed
    )
    examples = label_copies(
        config.teacher,
        items,
        run.path(f"{folder}cotraining.jsonl"),
        config.labels.model_copy(update={"rattles": config.cotraining.rattles}),
        seed=config.seed,
        progress=run.progress,
    )
    return {"beside": examples, "per_crystal": config.cotraining.per_copy}


def _known(config: Config) -> tuple[set[int], float]:
    """Elements that both teacher and student know, and their longer cutoff."""
    names = {config.teacher, config.pretrained or config.teacher}
    both = [load_potential(name, dtype=jnp.float32) for name in names]
    known = set.intersection(*(set(potential.species) for potential in both))
    return known, max(potential.cutoff for potential in both)


def _dense(
    config: Config, records: Mapping[str, Mapping[str, Any]], parts: Mapping[str, str]
) -> list[str]:
    """Crystals for training that at rest need larger graphs than those of the pool."""
    cutoff = load_potential(config.teacher, dtype=jnp.float32).cutoff
    return [
        name
        for name in sorted(parts.keys() & records.keys())
        if parts[name] == "train"
        and not config.pool.holds(item_crystal(records[name]), cutoff)
    ]


def _divided(
    records: Mapping[str, Mapping[str, Any]], parts: Mapping[str, str], seed: int
) -> dict[str, list[ColumnExample]]:
    """Copies by part: that of their crystal, or by chance where it has none.

    Then a quarter is for the test and a tenth held out; the first copy, the crystal at
    rest, is trained on.
    """
    copies: dict[str, list] = {part: [] for part in PARTS}
    rng = np.random.default_rng(seed)
    for name, record in records.items():
        examples = column_examples(record, name)
        if name in parts:
            copies[parts[name]] += examples
            continue
        first, *others = examples
        order = [others[i] for i in rng.permutation(len(others))]
        n, m = round(len(order) / 4), round(len(order) / 4) + max(1, len(order) // 10)
        copies["test"] += order[:n]
        copies["held_out"] += order[n:m]
        copies["train"] += [first, *order[m:]]
    for part, some in copies.items():
        if not some:
            raise ValueError(
                f"each part needs a labeled copy; {part} has none: raise the number of "
                "crystals, or of labels.rattles"
            )
    return copies


def _student(config: Config, labeled: Labeled) -> Potential:
    """Where training starts."""
    dtype = jnp.dtype(config.labels.precision)
    examples = [Example(e.crystal, e.labels, e.source) for e in labeled.copies["train"]]
    dataset = Dataset(tuple(examples), name=config.teacher, fingerprint="")

    labels = ("energy", "forces")
    if config.pretrained is not None:
        potential = load_potential(config.pretrained, dtype=dtype)
        if not config.references:
            return potential
        graphs = LabeledGraphs(dataset, potential.cutoff, labels=labels)
    else:
        potential, graphs = new_potential(
            config.model, dataset, labels=labels, seed=config.seed
        )
    return with_references(potential.astype(dtype), graphs)[0]


class _Judge:
    """Errors of potentials on the test part, and what tables and figures show."""

    def __init__(
        self, config: Config, run: Run, labeled: Labeled, task: Task, test: ColumnLoader
    ) -> None:
        self.config, self.run, self.labeled = config, run, labeled
        self.task, self.test = task, test
        self.labels = [term.label for term in task.terms]
        self.found = {"teacher": self._compared(labeled.records)}

    def of(self, potential: Potential, stage: str) -> dict[str, float]:
        """Errors, their names beginning with the stage."""
        pairs = compare(
            self.task.predict, potential.params, self.test.in_order(), self.labels
        )
        errors = mean_absolute_errors(pairs)
        # Energies against the first copy of the same crystal: no reference enters.
        names = [example.source for example in self.test.examples]
        first = np.array([names.index(name) for name in names])
        moved = np.arange(len(names)) != first
        if "energy" in pairs and moved.any():
            energies = np.stack(pairs["energy"]).astype(float)
            found, expected = (energies - energies[:, first])[:, moved]
            name = "relative_energy_mae_meV_per_atom"
            errors[name] = 1e3 * float(np.abs(found - expected).mean())
        self.found[stage] = self._compared(self._phonons(potential, stage))
        for name, unit in COMPARED.items():
            error = self.found[stage][name] - self.found["teacher"][name]
            errors[f"{name}_mae_{unit}"] = float(np.abs(error).mean())
            errors[f"{name}_bias_{unit}"] = float(error.mean())
        return {f"{stage}_{key}": value for key, value in errors.items()}

    def save(self) -> None:
        """Table and figures of the phonons: bands of crystals that were named."""
        crystals = [item_crystal(self.labeled.records[k]) for k in self.labeled.judged]
        columns: dict[str, Any] = {
            "crystal": self.labeled.judged,
            "formula": [composition(crystal) for crystal in crystals],
        }
        for name, unit in COMPARED.items():
            for stage, values in self.found.items():
                columns[f"{stage}_{name}_{unit}"] = values[name]
        self.run.save_table("crystals", columns)
        if not (self.config.crystals or self.config.phonopy):
            self.run.save_figure("phonons", _figure(self.found))
            return
        for name, crystal in zip(self.labeled.judged, crystals, strict=True):
            self.run.save_figure(f"bands_{name}", self._bands(name, crystal))

    def _bands(self, name: str, crystal: Crystal) -> Figure:
        """Bands of the student, and where they should be."""
        dtype = jnp.dtype(self.config.labels.precision)
        beside: dict[str, Phonons] = {}
        if self.config.phonopy:
            folder = find_data(self.config.phonopy[name])
            beside["phonopy, interpolated"] = read_phonopy(folder, polar=False)
        else:
            teacher = load_potential(self.config.teacher, dtype=dtype)
            beside["teacher"] = phonons(teacher, crystal)
        for stage in self.found.keys() & {"before", "after"}:
            student = load_potential(_student_file(self.run, stage), dtype=dtype)
            beside[stage] = phonons(student, crystal)
        bands = beside.pop("after").bands()
        points = {
            label: band_points(bands, found.frequencies(bands.path.q))
            for label, found in beside.items()
        }
        return phonon_figure(bands, points=points)

    def _phonons(self, potential: Potential, stage: str) -> dict[str, dict]:
        """Phonons of the crystals at rest in the teacher, in another potential."""
        path = _student_file(self.run, stage)
        save_potential(potential, path, overwrite=True)
        records = self.run.path(f"{stage}.jsonl")
        records.unlink(missing_ok=True)  # a training that went on has another potential
        items = {k: _rest_item(self.labeled.records[k]) for k in self.labeled.judged}
        return survey_phonons(
            str(path), items, records, self.config.labels, progress=self.run.progress
        )

    def _compared(self, records: Mapping[str, Mapping]) -> dict[str, np.ndarray]:
        return {
            name: np.array([records[k][f"{name}_{unit}"] for k in self.labeled.judged])
            for name, unit in COMPARED.items()
        }


def _rest_item(record: Mapping[str, Any]) -> dict[str, Any]:
    """A crystal at rest, with its supercell if phonopy's files are of one."""
    item = crystal_item(item_crystal(record))
    return item | {k: record[k] for k in ("supercell",) if k in record}


def _student_file(run: Run, stage: str) -> Path:
    return run.path(f"{stage}.safetensors")


def _counts(labeled: Labeled) -> dict[str, float]:
    records, copies = labeled.records, labeled.copies
    unstable = [records[k]["imaginary_fraction"] > 0 for k in labeled.judged]
    return {
        **{f"n_{part}": len({e.source for e in copies[part]}) for part in PARTS},
        **{f"n_{part}_copies": len(copies[part]) for part in PARTS},
        "n_test_unstable_in_teacher": sum(unstable),
        "n_left_out": labeled.n_left_out,
    }


def _cost(config: Config, run: Run, labeled: Labeled, path: Path) -> dict[str, float]:
    """Medians over some crystals of what columns and evaluations take."""
    names = {e.source for e in labeled.copies["train"]}
    rests = {k: item_crystal(r) for k, r in labeled.records.items() if k in names}
    chosen = sorted(rests, key=lambda k: rests[k].n_atoms)[:COST_CRYSTALS]
    crystals = {k: rests[k] for k in chosen}
    cutoff = load_potential(path, dtype=jnp.float32).cutoff
    records = run.path("cost.jsonl")
    records.unlink(missing_ok=True)  # a training that went on has another potential
    found = survey(
        f"{WORKER}:cost",
        {k: crystal_item(crystal) for k, crystal in crystals.items()},
        records,
        settings={
            "teacher": config.teacher,
            "student": str(path),
            "precision": config.labels.precision,
            "n_atoms": config.cost_atoms,
            "degree": common_shape([*crystals.values()], cutoff).degree,
            "seed": config.seed,
        },
        progress=run.progress,
    )
    values = list(all_values(found).values())
    return {key: float(np.median([v[key] for v in values])) for key in values[0]}


def _figure(found: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Phonons of the student against the teacher's, before and after."""
    readable = {"THz": "THz", "J_per_mol_K": "J/(mol K)"}
    with style():
        figure, axes = new_figure(1, len(COMPARED), width=9.0, height=3.2)
        for ax, (name, unit) in zip(axes[0], COMPARED.items(), strict=True):
            x = found["teacher"][name]
            for stage in ("before", "after"):
                if stage in found:
                    error = np.abs(found[stage][name] - x).mean()
                    label = f"{stage}: {error:.3g}"
                    ax.plot(x, found[stage][name], "o", markersize=3, label=label)
            ax.axline(2 * [x.mean()], slope=1, color="0.7", linewidth=0.8, zorder=0)
            label = f"{name.replace('_', ' ')}, teacher ({readable[unit]})"
            ax.set(xlabel=label, ylabel="student")
            ax.legend(title="mean error")
    return figure
