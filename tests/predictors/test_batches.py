"""Many crystals at once: each as it is alone, in few compiled functions."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import StillingerWeber
from matjax.models.properties import CGCNN
from matjax.predictors import Potential, PropertyPredictor, evaluate
from matjax.predictors.batches import batches
from matjax.predictors.potential import _evaluate


def silicon(seed):
    rng = np.random.default_rng(seed)
    n = 1 + seed % 5
    cell = 4.2 * np.eye(3) + rng.normal(scale=0.3, size=(3, 3))
    grid = np.stack(np.meshgrid(*[[0, 0.5]] * 3), axis=-1).reshape(-1, 3)
    sites = grid[:n] + rng.normal(scale=0.03, size=(n, 3))
    return Crystal.create([14] * n, cell, fractional=sites)


@pytest.fixture(scope="module")
def potential():
    return Potential.create(StillingerWeber()).astype(jnp.float64)


def test_each_crystal_is_what_it_is_alone(potential, monkeypatch):
    monkeypatch.setattr("matjax.predictors.budget.batch_slots", lambda: 300)
    crystals = [silicon(seed) for seed in range(12)]
    together = potential(crystals)
    for crystal, found in zip(crystals, together, strict=True):
        alone = potential(crystal)
        for name in found._fields:  # round-off
            assert_allclose(getattr(found, name), getattr(alone, name), atol=1e-12)


def test_all_come_once_and_few_shapes_occur(potential):
    _evaluate.clear_cache()
    crystals = [silicon(seed) for seed in range(50)]
    found = batches(potential, crystals, compute=evaluate)
    places = [index for batch in found for index in batch.indices]
    assert sorted(places) == list(range(50))
    potential(crystals)
    assert _evaluate._cache_size() <= 3


def test_properties_of_many_are_those_of_each():
    model = CGCNN((14,), ("gap",), cutoff=5.0, n_nearest=6, features=3, layers=1)
    predictor = PropertyPredictor.create(model, ("eV",)).astype(jnp.float64)
    crystals = [silicon(seed) for seed in range(7)]
    together = [found.value for found in predictor(crystals)]
    alone = [predictor(crystal).value for crystal in crystals]
    assert_allclose(together, alone, rtol=1e-12)  # round-off


def test_nothing_gives_nothing_and_what_is_wrong_is_named(potential):
    assert potential([]) == []
    good = silicon(3)
    foreign = good.replace(numbers=np.full(good.n_atoms, 8))
    with pytest.raises(ValueError, match="crystal 1: the potential knows Si"):
        potential([good, foreign])
    doubled = good.replace(fractional=np.zeros((good.n_atoms, 3)))
    with pytest.raises(ValueError, match="crystal 2: atoms must lie at least"):
        potential([good, good, doubled])
    params = {name: np.nan * value for name, value in potential.params.items()}
    with pytest.raises(ValueError, match="for crystal 0 the potential"):
        potential.replace(params=params)([good])
