"""Argon in a Lennard-Jones potential: labels whose parameters training must find."""

import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal
from matjax.data import Dataset, Example, LabeledGraphs
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential

LABELS = ("energy", "forces", "stress")
MODEL = LennardJones(onset=5.0, cutoff=6.0)
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def teacher():
    model = LennardJones(epsilon=0.012, sigma=3.3, onset=5.0, cutoff=6.0)
    return Potential.create(model).astype(jnp.float64)


def student():
    return Potential.create(MODEL).astype(jnp.float64)


def dataset(n=16, seed=0):
    """Cubic cells of four atoms, strained and displaced, labeled by the teacher."""
    rng = np.random.default_rng(seed)
    potential, examples = teacher(), []
    for k in range(n):
        cell = 5.3 * np.eye(3) * rng.uniform(0.95, 1.05)
        crystal = Crystal.create(
            [18] * 4, cell, fractional=FCC + rng.normal(size=(4, 3), scale=0.01)
        )
        found = potential(crystal)
        labels = {label: getattr(found, label) for label in LABELS}
        examples.append(Example(crystal, labels, source=f"argon#{k}"))
    return Dataset(tuple(examples), name="argon", fingerprint=f"{n}-{seed}")


def graphs(**kwargs):
    return LabeledGraphs(dataset(**kwargs), MODEL.cutoff, labels=LABELS)
