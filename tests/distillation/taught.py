"""Labeled crystals of made-up numbers."""

import numpy as np

from matjax.distillation import LabeledCrystal, PhononSummary
from matjax.train import ColumnExample
from tests.force_constants.ionic import rocksalt


def copy(source, seed=0):
    crystal = rocksalt()
    rng = np.random.default_rng(seed)
    labels = {
        "energy": np.array(rng.normal()),
        "forces": rng.normal(size=(crystal.n_atoms, 3)),
        "stress": rng.normal(size=(3, 3)),
    }
    q = rng.normal(size=(3, 3))
    u, columns = rng.normal(size=(2, 3, 2, crystal.n_atoms, 3))
    return ColumnExample(crystal, q, u, columns, labels, source)


def labeled(source, n_copies=3, judged=True):
    summary = PhononSummary(5.0, 3.0, -0.5, 0.1, 40.0, 8) if judged else None
    copies = [copy(source, seed) for seed in range(n_copies)]
    return LabeledCrystal(rocksalt(), copies, summary, max_force=1e-4)
