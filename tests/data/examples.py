"""Labeled crystals for tests: random ones, and files of them."""

import ase.db
import ase.io
import jax
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.testing import assert_allclose, assert_array_equal

from matjax.crystals import Crystal
from matjax.data import (
    Dataset,
    Example,
    LabeledGraphs,
)

CELL = np.array([[3.6, 0.2, 0.1], [-0.4, 3.9, 0.3], [0.1, 0.5, 4.2]])


def random_example(index, rng, *, n_atoms=None, per_atom=None):
    """A crystal of 1 to 4 atoms in a row of cells; its labels are random."""
    n = n_atoms or int(rng.integers(1, 5))
    cell = CELL * [[n], [1], [1]]
    sites = np.arange(n)[:, None] * [1 / n, 0, 0] + 0.05 * rng.random((n, 3))
    numbers = rng.choice([8, 14], n)
    crystal = Crystal.create(numbers, cell, fractional=sites)
    stress = rng.normal(size=(3, 3))
    labels = {
        "energy": per_atom * n if per_atom else float(rng.normal()),
        "forces": rng.normal(size=(n, 3)),
        "stress": stress + stress.T,
        "gap": float(rng.random()),
    }
    group = "ABC"[index % 3]
    return Example(crystal, labels, source=f"random#{index}", group=group)


def random_dataset(n=10, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    examples = tuple(random_example(i, rng, **kwargs) for i in range(n))
    return Dataset(examples, name=f"random{seed}", fingerprint=f"{n}-{seed}")


def to_atoms(example):
    atoms = example.crystal.to_ase()
    results = {k: example.labels[k] for k in ("energy", "forces", "stress")}
    voigt = results["stress"][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    atoms.calc = SinglePointCalculator(atoms, **{**results, "stress": voigt})
    if example.group:  # an empty value would swallow the next one in the file
        atoms.info["group"] = example.group
    if "gap" in example.labels:
        atoms.info["gap"] = example.labels["gap"]
    return atoms


def write_frames(path, dataset, change=lambda frames: None):
    frames = [to_atoms(e) for e in dataset.examples]
    change(frames)
    ase.io.write(path, frames)
    return path


def assert_same(read, dataset, labels):
    assert len(read) == len(dataset)
    for a, b in zip(read.examples, dataset.examples, strict=True):
        assert_array_equal(a.crystal.numbers, b.crystal.numbers)
        # Extended XYZ and CIF keep 8 digits.
        assert_allclose(a.crystal.positions, b.crystal.positions, atol=1e-6)
        assert set(a.labels) == set(labels)
        for name in labels:
            assert_allclose(a.labels[name], b.labels[name], atol=1e-7)


CUTOFF = 4.0


LABELS = ("energy", "forces", "stress", "gap")


def labeled_graphs(n=10, seed=0, **kwargs):
    return LabeledGraphs(random_dataset(n, seed), CUTOFF, labels=LABELS, **kwargs)


def take(batches, n):
    return [next(batches) for _ in range(n)]


def assert_equal(a, b):
    jax.tree.map(assert_array_equal, a, b)


def energies(batch):
    """Labels of the crystals of a batch, which tell the random examples apart."""
    return batch.labels["energy"][batch.graph.graph_mask].tolist()
