"""What a potential says of crystals and of distorted copies of them: labels to learn.

Columns may come from phonopy's files, too, mostly those of DFT. This file is run by the
processes of a survey; graphs are padded to one size, so that a potential compiles once
for all crystals.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from ase.data import covalent_radii
from flax import struct
from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.crystals import Crystal, commensurate_q, make_supercell, neighbors
from matjax.data import Example
from matjax.data.sources import find_data
from matjax.force_constants import Mesh, Response, regular_mesh
from matjax.graphs import Graph
from matjax.lattice_dynamics import Phonons, phonons, thermal_properties
from matjax.lattice_dynamics.phonopy import read_phonopy
from matjax.progress import Progress
from matjax.survey.benchmark import crystal_item, fingerprints, item_crystal
from matjax.survey.sizes import SizedPotential, divisions, relax_sized
from matjax.survey.workers import all_values, survey
from matjax.train import ColumnExample, common_shape, random_columns
from matjax.weights import load_potential

TEMPERATURE = 300.0

FUSED = 0.6
"""Of the sum of two covalent radii; nearer than this, potentials have deep wells that
are not real."""

POTENTIAL_LABELS = ("energy", "forces", "stress")
"""What is known of a crystal beside its columns, where a potential says it."""

Settings = Mapping[str, Any]
Records = dict[str, dict[str, Any]]


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
    precision: Literal["float32", "float64"] = "float32"
    """Of potentials."""
    n_workers: PositiveInt = 1
    """Processes."""


def label_crystals(
    teacher: str,
    items: Mapping[str, Settings],
    records: Path,
    labels: Labels,
    *,
    judged: Collection[str] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Records:
    """Records of a survey: geometry at rest, labeled copies, phonons.

    Args:
        teacher: name or file of a potential.
        items: crystals by key.
        records: JSON Lines file, made or continued.
        labels: what is calculated.
        judged: keys of the crystals whose phonons are wanted.
        seed: of the copies and their columns.
        progress: shows the crystals as they end.
    """
    return survey(
        f"{__file__}:label",
        {
            key: {**item, "judged": key in judged}
            for key, item in _seeded(items, seed).items()
        },
        records,
        settings={**_settings(teacher, items, labels), "seed": seed},
        n_workers=labels.n_workers,
        progress=progress,
    )


def label_copies(
    teacher: str,
    items: Mapping[str, Settings],
    records: Path,
    labels: Labels,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Example]:
    """Crystals as they are, and rattled copies, with energies, forces and stresses.

    Args:
        teacher: name or file of a potential.
        items: crystals by key.
        records: JSON Lines file, made or continued.
        labels: how copies are rattled; no column is calculated.
        seed: of the copies.
        progress: shows the crystals as they end.

    Raises:
        ValueError: if one fails.
    """
    found = survey(
        f"{__file__}:evaluate_copies",
        _seeded(items, seed),
        records,
        settings={**_settings(teacher, items, labels), "seed": seed},
        n_workers=labels.n_workers,
        progress=progress,
    )
    return [
        Example(item_crystal(given), _potential_labels(given), key)
        for key, values in all_values(found).items()
        for given in values["examples"]
    ]


def label_phonopy(
    folders: Mapping[str, str], labels: Labels, *, seed: int = 0
) -> Records:
    """Records as :func:`label_crystals` makes them, from phonopy's files: columns only.

    Each crystal is as it is there; its copies have columns at different q. These are
    commensurate with the supercell: between them the files know nothing. Left out is
    the macroscopic field of Born charges, which no potential of finite reach has
    (:func:`matjax.lattice_dynamics.with_polar` adds it to those of potentials).

    Args:
        folders: as :func:`matjax.read_phonopy` takes them, or their names in
            ``MATJAX_DATA``, by name of the crystal.
        labels: the number of columns of a copy.
        seed: of the columns.
    """
    records: Records = {}
    for number, (key, folder) in enumerate(folders.items()):
        found = read_phonopy(find_data(folder), polar=False)
        item, n_atoms = crystal_item(found.crystal), found.crystal.n_atoms
        rng = np.random.default_rng([seed, number])
        matrix = np.asarray(found.grid).tolist()
        points = rng.permutation(commensurate_q(matrix))
        n_q = -(-labels.n_columns // (3 * n_atoms))  # of each copy
        examples = [
            {
                **item,
                **_columns(found.source, n_atoms, labels.n_columns, rng, points=some),
            }
            for some in np.split(points, range(n_q, len(points), n_q))
            if len(some) == n_q
        ]
        summary = _summary(found, _supercell_mesh(found.crystal, matrix))
        records[key] = {
            "values": {**item, "supercell": matrix, **summary, "examples": examples}
        }
    return records


def survey_phonons(
    potential: str,
    items: Mapping[str, Settings],
    records: Path,
    labels: Labels,
    *,
    progress: Progress | None = None,
) -> Records:
    """Phonons of crystals as they are, in a potential, as values by key.

    Args:
        potential: name or file.
        items: crystals by key.
        records: JSON Lines file, made or continued.
        labels: whose mesh and precision are taken.
        progress: shows the crystals as they end.

    Raises:
        ValueError: if one fails.
    """
    found = survey(
        f"{__file__}:lattice_dynamics",
        items,
        records,
        settings=_settings(potential, items, labels),
        n_workers=labels.n_workers,
        progress=progress,
    )
    return all_values(found)


def column_examples(values: Settings, source: str) -> list[ColumnExample]:
    """The labeled copies of a crystal, that at rest first.

    Args:
        values: of its record.
        source: name of the crystal, for errors.
    """
    return [
        ColumnExample(
            crystal=item_crystal(given),
            q=np.array(given["q"]),
            displacements=np.array(given["displacements"]),
            columns=np.array(given["columns"]),
            labels=_potential_labels(given),
            source=source,
        )
        for given in values["examples"]
    ]


def label(item: Settings, settings: Settings) -> dict[str, Any]:
    """What :func:`label_crystals` asks of a process for each crystal.

    Raises:
        ValueError: if the crystal does not come to rest.
    """
    teacher = _potential(settings)
    rest = relax_sized(teacher, item_crystal(item), fmax=settings["fmax"])
    if not rest.converged:
        raise ValueError(
            f"a crystal must come to rest; the largest force is {rest.max_force:.2g} "
            f"eV/Å after {rest.steps} steps"
        )
    if (nearest := _nearest(rest.crystal, teacher.cutoff)) < FUSED:
        raise ValueError(
            f"atoms must not fuse; some came to {nearest:.2g} times the sum of their "
            "covalent radii"
        )
    rng = np.random.default_rng(item["seed"])
    repeats = (1, 1, 1)
    if settings["supercell_length"] is not None:
        repeats = divisions(rest.crystal, settings["supercell_length"])
    cell = make_supercell(rest.crystal, repeats).crystal
    copies = _copies(cell, settings, rng)
    found = crystal_item(rest.crystal)
    if item["judged"]:
        found |= _lattice_dynamics(teacher, found, settings)
    examples = [_labeled(teacher, copy, settings, rng) for copy in copies]
    return {**found, "max_force_eV_per_A": rest.max_force, "examples": examples}


def evaluate_copies(item: Settings, settings: Settings) -> dict[str, Any]:
    """What :func:`label_copies` asks of a process for each crystal."""
    teacher, crystal = _potential(settings), item_crystal(item)
    copies = _copies(crystal, settings, np.random.default_rng(item["seed"]))
    return {"examples": [{**crystal_item(c), **_evaluated(teacher, c)} for c in copies]}


def lattice_dynamics(item: Settings, settings: Settings) -> dict[str, Any]:
    """What :func:`survey_phonons` asks of a process for each crystal."""
    return _lattice_dynamics(_potential(settings), item, settings)


class Padded(SizedPotential):
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


def _seeded(items: Mapping[str, Settings], seed: int) -> dict[str, dict[str, Any]]:
    """Items with a seed of their own."""
    return {
        key: {**item, "seed": [seed, number]}
        for number, (key, item) in enumerate(items.items())
    }


def _settings(
    potential: str, items: Mapping[str, Settings], labels: Labels
) -> dict[str, Any]:
    """Of a survey, with the size of graphs that holds nearly all crystals.

    Potential and crystals count by content: with other ones, old records are no answer.
    """
    cutoff = load_potential(potential, dtype=jnp.float32).cutoff
    shape = common_shape([item_crystal(item) for item in items.values()], cutoff)
    return {
        "potential": potential,
        **fingerprints(potential),
        "crystals_sha256": sha256(json.dumps(dict(items)).encode()).hexdigest(),
        **labels.model_dump(exclude={"n_workers"}),
        "n_nodes": shape.n_nodes,
        "degree": shape.degree,
    }


def _potential(settings: Settings) -> Padded:
    keys = ("potential", "precision", "n_nodes", "degree")
    return _loaded(*(settings[key] for key in keys))


@lru_cache(maxsize=1)
def _loaded(name: str, precision: str, n_nodes: int, degree: int) -> Padded:
    found = load_potential(name, dtype=jnp.dtype(precision))
    return Padded(
        params=found.params, model=found.model, n_nodes=n_nodes, degree=degree
    )


def _lattice_dynamics(
    potential: Padded, item: Settings, settings: Settings
) -> dict[str, Any]:
    """Of exact force constants, on the mesh or at the q of a supercell."""
    crystal, shape = item_crystal(item), None
    if "supercell" in item:
        mesh = _supercell_mesh(crystal, item["supercell"])
    else:
        shape = divisions(crystal, settings["mesh_length"])
        mesh = regular_mesh(crystal, shape)
    found = phonons(potential, crystal, grid=shape, dtype=potential.dtype)
    return _summary(found, mesh)


def _supercell_mesh(crystal: Crystal, matrix: Sequence) -> Mesh:
    """The q that are commensurate with a supercell, all in one row."""
    q = commensurate_q(matrix)
    n = len(q)
    return Mesh(
        q=q,
        weights=np.full(n, 1 / n),
        index=np.arange(n).reshape(n, 1, 1),
        reciprocal=2 * np.pi * np.linalg.inv(np.asarray(crystal.cell)).T,
    )


def _nearest(crystal: Crystal, cutoff: float) -> float:
    """Shortest distance in units of the sum of the covalent radii; infinite if none."""
    found = neighbors(crystal, cutoff)
    positions = np.asarray(crystal.positions)
    apart = found.shifts @ np.asarray(crystal.cell) + positions[found.senders]
    distances = np.linalg.norm(apart - positions[found.receivers], axis=1)
    radii = covalent_radii[np.asarray(crystal.numbers)]
    sums = radii[found.senders] + radii[found.receivers]
    return float((distances / sums).min(initial=np.inf))


def _summary(found: Phonons, mesh: Mesh) -> dict[str, Any]:
    """Frequencies on a mesh; the heat capacity as phonopy has it."""
    frequencies = np.asarray(found.frequencies(mesh.q))
    thermal = thermal_properties(mesh, frequencies, [TEMPERATURE])
    return {
        "max_frequency_THz": float(frequencies.max()),
        "mean_frequency_THz": float(mesh.weights @ frequencies.mean(axis=1)),
        "min_frequency_THz": float(frequencies.min()),
        "imaginary_fraction": float(thermal.fraction_imaginary),
        "heat_capacity_J_per_mol_K": float(thermal.heat_capacity[0]),
        "n_q": len(mesh.q),
    }


def _copies(
    crystal: Crystal, settings: Settings, rng: np.random.Generator
) -> list[Crystal]:
    """The crystal, and rattled ones."""
    rattled = [_rattled(crystal, settings, rng) for _ in range(settings["rattles"])]
    return [crystal, *rattled]


def _rattled(crystal: Crystal, settings: Settings, rng: np.random.Generator) -> Crystal:
    """The crystal with normal displacements of its atoms under a normal strain."""
    strain = rng.normal(scale=settings["strain"], size=(3, 3))
    strained = crystal.strained((strain + strain.T) / 2)
    steps = rng.normal(scale=settings["displacement"], size=(crystal.n_atoms, 3))
    return strained.with_positions(np.asarray(strained.positions) + steps)


def _labeled(
    teacher: Padded, crystal: Crystal, settings: Settings, rng: np.random.Generator
) -> dict[str, Any]:
    """A crystal with what the teacher says of it, as JSON holds it."""
    response = Response(teacher, teacher.graph(crystal), n_atoms=crystal.n_atoms)
    gamma = None if settings["supercell_length"] is None else np.zeros((1, 3))
    n_columns = settings["n_columns"]
    return {
        **crystal_item(crystal),
        **_columns(response, crystal.n_atoms, n_columns, rng, points=gamma),
        **_evaluated(teacher, crystal),
    }


def _evaluated(teacher: Padded, crystal: Crystal) -> dict[str, Any]:
    """What :data:`POTENTIAL_LABELS` names, as JSON holds it."""
    found = teacher(crystal)
    return {
        "energy": found.energy,
        "forces": found.forces.tolist(),
        "stress": found.stress.tolist(),
    }


def _potential_labels(given: Settings) -> dict[str, np.ndarray]:
    return {k: np.array(given[k]) for k in POTENTIAL_LABELS if k in given}


def _columns(*args: Any, **kwargs: Any) -> dict[str, list]:
    """:func:`matjax.train.random_columns` as JSON holds them."""
    found = random_columns(*args, **kwargs)
    names = ("q", "displacements", "columns")
    return {k: v.tolist() for k, v in zip(names, found, strict=True)}
