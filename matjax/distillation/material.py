"""What a student learns: labeled copies in three parts, and crystals to judge it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal
from matjax.data import Example
from matjax.distillation.labeled_crystal import LabeledCrystal
from matjax.distillation.labels import Labels, label_copies, label_crystals
from matjax.distillation.phonon_summary import PhononSummary
from matjax.distillation.phonopy_labels import label_phonopy
from matjax.distillation.pool import Cotraining, Drawn, Pool, draw_cotraining
from matjax.processes import Failure
from matjax.progress import Progress
from matjax.train import ColumnExample
from matjax.weights import load_potential

LOG = logging.getLogger("matjax.distillation")

PARTS = ("train", "held_out", "test")


class Material(NamedTuple):
    """What is known of crystals, and what serves for what."""

    crystals: dict[str, LabeledCrystal]
    copies: dict[str, list[ColumnExample]]
    """By part."""
    judged: dict[str, PhononSummary]
    """Phonons that are compared, by crystal."""
    n_left_out: int = 0
    """Crystals without labels, and those that are too dense at rest."""

    @property
    def every_copy(self) -> list[ColumnExample]:
        """The copies of all parts."""
        return [copy for some in self.copies.values() for copy in some]

    @property
    def trained_on(self) -> dict[str, Crystal]:
        """Crystals of which copies are trained on."""
        names = {copy.source for copy in self.copies["train"]}
        return {k: c.crystal for k, c in self.crystals.items() if k in names}

    def counts(self) -> dict[str, int]:
        """Numbers of crystals and of copies."""
        copies = self.copies
        unstable = [summary.imaginary_fraction > 0 for summary in self.judged.values()]
        return {
            **{f"n_{part}": len({e.source for e in copies[part]}) for part in PARTS},
            **{f"n_{part}_copies": len(copies[part]) for part in PARTS},
            "n_test_unstable_in_teacher": sum(unstable),
            "n_left_out": self.n_left_out,
        }


class Domain(NamedTuple):
    """What several potentials have in common."""

    species: set[int]
    """Elements that all know."""
    cutoff: float
    """The longest, Å."""


def common_domain(*names: str) -> Domain:
    """What potentials, by name or file, have in common."""
    each = [load_potential(name, dtype=jnp.float32) for name in set(names)]
    known = set.intersection(*(set(potential.species) for potential in each))
    return Domain(known, max(potential.cutoff for potential in each))


def material_of_phonopy(
    folders: Mapping[str, str], labels: Labels, *, seed: int
) -> Material:
    """Force constants of phonopy's files; some of their q are for the test.

    Args:
        folders: as :func:`label_phonopy` has them.
        labels: the number of columns of a copy.
        seed: of columns and parts.
    """
    crystals = label_phonopy(folders, labels, seed=seed)
    return Material(crystals, divided(crystals, {}, seed=seed), _phonons(crystals))


def material_of_teacher(
    teacher: str,
    drawn: Drawn,
    pool: Pool,
    labels: Labels,
    records: Path,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Material:
    """What a potential says of crystals; those that fail are left out.

    Args:
        teacher: name or file of the potential.
        drawn: crystals, and the part of each where they come from the pool; without
            parts all are judged, and their copies divided by chance.
        pool: no crystal of it may need larger graphs, once it is at rest.
        labels: what is calculated.
        records: JSON Lines file, made or continued.
        seed: of copies, columns and parts.
        progress: shows the crystals as they end.
    """
    parts = drawn.parts
    outcomes = label_crystals(
        teacher,
        drawn.crystals,
        records,
        labels,
        judged=[k for k in drawn.crystals if parts.get(k, "test") == "test"],
        seed=seed,
        progress=progress,
    )
    good: dict[str, LabeledCrystal] = {}
    for name, labeled in outcomes.items():
        if isinstance(labeled, Failure):
            LOG.warning("%s is left out: %s", name, labeled.message)
        else:
            good[name] = labeled
    cutoff = load_potential(teacher, dtype=jnp.float32).cutoff
    for name in sorted(parts.keys() & good.keys()):
        if parts[name] == "train" and not pool.holds(good[name].crystal, cutoff):
            del good[name]
            LOG.warning("%s is left out: at rest it is denser than the pool", name)
    return Material(
        crystals=good,
        copies=divided(good, parts, seed=seed),
        judged=_phonons(good),
        n_left_out=len(outcomes) - len(good),
    )


def cotraining_examples(
    cotraining: Cotraining,
    pool: Pool,
    teacher: str,
    domain: Domain,
    labels: Labels,
    records: Path,
    *,
    seed: int,
    progress: Progress | None = None,
) -> list[Example]:
    """Crystals that are learned beside, without columns, in some copies.

    Args:
        cotraining: which.
        pool: whose compositions are left out.
        teacher: name or file of the potential that labels them.
        domain: elements and cutoff.
        labels: how copies are rattled, but for their number.
        records: JSON Lines file, made or continued.
        seed: of crystals and copies.
        progress: shows the crystals as they end.
    """
    return label_copies(
        teacher,
        draw_cotraining(cotraining, pool, *domain, seed=seed),
        records,
        labels.model_copy(update={"rattles": cotraining.rattles}),
        seed=seed,
        progress=progress,
    )


def divided(
    crystals: Mapping[str, LabeledCrystal], parts: Mapping[str, str], *, seed: int
) -> dict[str, list[ColumnExample]]:
    """Copies by part: that of their crystal, or by chance where it has none.

    Then a quarter is for the test and a tenth held out; the first copy, the crystal at
    rest, is trained on.

    Raises:
        ValueError: if a part has no copy.
    """
    copies: dict[str, list] = {part: [] for part in PARTS}
    rng = np.random.default_rng(seed)
    for name, labeled in crystals.items():
        if name in parts:
            copies[parts[name]] += labeled.copies
            continue
        first, *others = labeled.copies
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


def _phonons(crystals: Mapping[str, LabeledCrystal]) -> dict[str, PhononSummary]:
    """Phonons of those crystals that are judged."""
    return {k: c.phonons for k, c in crystals.items() if c.phonons is not None}
