"""Small generators with latents, untrained."""

import numpy as np

from matjax.crystals import Crystal
from matjax.generate import Coverage, Generator, ProcessConfig, Recipe, Scales
from matjax.models import make_model
from matjax.predictors import initial_parameters

SMALL = {
    "cutoff": 3.0,
    "features": 8,
    "layers": 1,
    "channels": 2,
    "basis": 3,
    "latent": 4,
    "width": 6,
    "times": 3,
}
CHOOSES = {
    "cdvae": {"elements": "composition"},
    "symat": {"elements": "latent"},
}
TOLD = {"prior": "gaussian", "told": ("composition",)}


def crystal(numbers, size=3.9, seed=0):
    fractional = np.random.default_rng(seed).random((len(numbers), 3))
    return Crystal.create(numbers, np.eye(3) * size, fractional=fractional)


def generator(name, *, elements=None, **settings):
    """A generator of oxides, in float64.

    Args:
        name: of the network.
        elements: process of elements; by default what lets it choose them.
        settings: attributes of the network.
    """
    coverage = Coverage.of([crystal([38, 22, 8, 8, 8]), crystal([22, 8, 8])], "oxides")
    process = {"elements": elements} if elements else CHOOSES[name]
    recipe = Recipe(
        process=ProcessConfig(fractional="cartesian", cell="latent", **process),
        scales=Scales(12.0, 0.1),
        coverage=coverage,
        method="ode",
        steps=3,
    )
    model = make_model(
        {"name": name, **SMALL, **settings},
        "denoiser",
        species=coverage.species,
        sizes=coverage.n_atoms,
        volume=12.0,
        spread=0.1,
    )
    return Generator(initial_parameters(model), model, recipe).astype(float)


def told(name):
    """A generator that predicts structures of formulas."""
    return generator(name, elements="given", **TOLD)
