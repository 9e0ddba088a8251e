"""What a potential says of crystals and of distorted copies of them: labels to learn.

This file is run by processes; :mod:`matjax.distillation.labels` asks them. Graphs have
standard shapes, so that a potential compiles a few times for all crystals.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal, crystal_from_json, make_supercell
from matjax.data import Example
from matjax.distillation.copies import nearest, rattled_copies
from matjax.distillation.labeled_crystal import (
    LabeledCrystal,
    example_to_json,
    potential_labels,
)
from matjax.distillation.labels import Labels
from matjax.distillation.phonon_summary import (
    PhononSummary,
    summarized,
    supercell_mesh,
)
from matjax.force_constants import divisions, regular_mesh
from matjax.lattice_dynamics import phonons
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.train import ColumnExample, random_columns
from matjax.weights import load_potential

FUSED = 0.6
"""Share of the sum of two covalent radii; nearer than this, potentials have deep wells
that are not real."""

Json = Mapping[str, Any]


def label(item: Json, settings: Json) -> dict[str, Any]:
    """The answer to :func:`matjax.distillation.labels.label_crystals`."""
    answer = labeled(
        _potential(settings),
        crystal_from_json(item),
        _labels(settings),
        judged=item["judged"],
        rng=np.random.default_rng(item["seed"]),
    )
    return answer.to_json()


def evaluate_copies(item: Json, settings: Json) -> dict[str, Any]:
    """The answer to :func:`matjax.distillation.labels.label_copies`."""
    teacher, labels = _potential(settings), _labels(settings)
    rng = np.random.default_rng(item["seed"])
    copies = _copies(crystal_from_json(item), labels, rng)
    examples = [
        Example(c, potential_labels(teacher(c, shapes="standard")), "") for c in copies
    ]
    return {"examples": [example_to_json(example) for example in examples]}


def lattice_dynamics(item: Json, settings: Json) -> dict[str, Any]:
    """The answer to :func:`matjax.distillation.labels.survey_phonons`."""
    summary = summary_in(
        _potential(settings),
        crystal_from_json(item),
        _labels(settings),
        supercell=item.get("supercell"),
    )
    return summary._asdict()


def labeled(
    teacher: Potential,
    crystal: Crystal,
    labels: Labels,
    *,
    judged: bool,
    rng: np.random.Generator,
) -> LabeledCrystal:
    """The crystal at rest and its labeled copies.

    Args:
        teacher: any.
        crystal: from which the relaxation starts.
        labels: what is calculated.
        judged: whether the phonons of the crystal are wanted, too.
        rng: of copies and their columns.

    Raises:
        ValueError: if the crystal does not come to rest, or its atoms fuse.
    """
    rest = relax(teacher, crystal, fmax=labels.fmax, symmetry=True, shapes="standard")
    if not rest.converged:
        raise ValueError(
            f"a crystal must come to rest; the largest force is {rest.max_force:.2g} "
            f"eV/Å after {rest.steps} steps"
        )
    if (closest := nearest(rest.crystal, teacher.cutoff)) < FUSED:
        raise ValueError(
            f"atoms must not fuse; some came to {closest:.2g} times the sum of their "
            "covalent radii"
        )
    repeats = (1, 1, 1)
    if labels.supercell_length is not None:
        repeats = divisions(rest.crystal, labels.supercell_length)
    copies = _copies(make_supercell(rest.crystal, repeats).crystal, labels, rng)
    return LabeledCrystal(
        crystal=rest.crystal,
        phonons=summary_in(teacher, rest.crystal, labels) if judged else None,
        copies=[_with_columns(teacher, copy, labels, rng) for copy in copies],
        max_force=rest.max_force,
    )


def summary_in(
    potential: Potential,
    crystal: Crystal,
    labels: Labels,
    *,
    supercell: list[list[int]] | None = None,
) -> PhononSummary:
    """Phonons by exact force constants, on the mesh or at the q of a supercell."""
    shape = None
    if supercell is not None:
        mesh = supercell_mesh(crystal, supercell)
    else:
        shape = divisions(crystal, labels.mesh_length)
        mesh = regular_mesh(crystal, shape)
    vibrations = phonons(
        potential, crystal, grid=shape, dtype=potential.dtype, shapes="standard"
    )
    return summarized(vibrations, mesh)


def _copies(
    crystal: Crystal, labels: Labels, rng: np.random.Generator
) -> list[Crystal]:
    return rattled_copies(
        crystal,
        labels.rattles,
        displacement=labels.displacement,
        strain=labels.strain,
        rng=rng,
    )


def _with_columns(
    teacher: Potential, crystal: Crystal, labels: Labels, rng: np.random.Generator
) -> ColumnExample:
    """A crystal with what the teacher says of it."""
    response = phonons(teacher, crystal, dtype=teacher.dtype, shapes="standard").source
    gamma = None if labels.supercell_length is None else np.zeros((1, 3))
    columns = random_columns(
        response, crystal.n_atoms, labels.n_columns, rng, points=gamma
    )
    return ColumnExample(
        crystal, *columns, potential_labels(teacher(crystal, shapes="standard")), ""
    )


def _labels(settings: Json) -> Labels:
    """The settings of labels, which processes are told with others."""
    given = {k: settings[k] for k in Labels.model_fields.keys() & settings.keys()}
    return Labels(**given)


def _potential(settings: Json) -> Potential:
    return _loaded(settings["potential"], settings["potential_precision"])


@lru_cache(maxsize=1)
def _loaded(name: str, precision: str) -> Potential:
    return load_potential(name, dtype=jnp.dtype(precision))
