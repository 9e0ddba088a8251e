"""What a potential says of crystals and of distorted copies of them: labels to learn.

This file is run by processes; :mod:`matjax.distillation.labels` asks them. Graphs are
padded to one size, so that a potential compiles once for all crystals.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct

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
from matjax.force_constants import Response, regular_mesh
from matjax.graphs import Graph
from matjax.lattice_dynamics import phonons
from matjax.mechanics import divisions, relax_sized
from matjax.predictors import Potential
from matjax.train import ColumnExample, common_shape, random_columns
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
    examples = [Example(c, potential_labels(teacher(c)), "") for c in copies]
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


class Padded(Potential):
    """A potential whose graphs have one size, larger ones where it does not do."""

    n_nodes: int = struct.field(pytree_node=False, default=1)
    degree: int = struct.field(pytree_node=False, default=1)

    def graph(
        self,
        crystal: Crystal,
        *,
        n_nodes: int | None = None,
        degree: int | None = None,
    ) -> Graph:
        """As :meth:`matjax.predictors.Potential.graph`, in this size."""
        needed = common_shape([crystal], self.cutoff)
        return super().graph(
            crystal,
            n_nodes=n_nodes or max(self.n_nodes, needed.n_nodes),
            degree=degree or max(self.degree, needed.degree),
        )


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
    rest = relax_sized(teacher, crystal, fmax=labels.fmax)
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
    vibrations = phonons(potential, crystal, grid=shape, dtype=potential.dtype)
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
    response = Response(teacher, teacher.graph(crystal), n_atoms=crystal.n_atoms)
    gamma = None if labels.supercell_length is None else np.zeros((1, 3))
    columns = random_columns(
        response, crystal.n_atoms, labels.n_columns, rng, points=gamma
    )
    return ColumnExample(crystal, *columns, potential_labels(teacher(crystal)), "")


def _labels(settings: Json) -> Labels:
    """The settings of labels, which processes are told with others."""
    given = {k: settings[k] for k in Labels.model_fields.keys() & settings.keys()}
    return Labels(**given)


def _potential(settings: Json) -> Padded:
    keys = ("potential", "potential_precision", "n_nodes", "degree")
    return _loaded(*(settings[key] for key in keys))


@lru_cache(maxsize=1)
def _loaded(name: str, precision: str, n_nodes: int, degree: int) -> Padded:
    potential = load_potential(name, dtype=jnp.dtype(precision))
    return Padded(
        params=potential.params, model=potential.model, n_nodes=n_nodes, degree=degree
    )
