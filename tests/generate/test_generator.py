"""Generators: samples by formula, files, and clear refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate import (
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    SamplerConfig,
    Scales,
)
from matjax.models import make_model
from matjax.predictors import initial_parameters

QUICK = SamplerConfig("ode", 3)
NETWORK = {"name": "diffcsp", "features": 8, "layers": 1, "frequencies": 2, "times": 3}


def crystal(numbers):
    fractional = np.random.default_rng(0).random((len(numbers), 3))
    return Crystal.create(numbers, np.eye(3) * 3.9, fractional=fractional)


def generator(**process):
    coverage = Coverage.of([crystal([38, 22, 8, 8, 8]), crystal([22, 8, 8])], "oxides")
    recipe = Recipe(
        process=ProcessConfig(**process),
        scales=Scales(12.0, 0.1),
        coverage=coverage,
        method="ode",
        steps=3,
    )
    model = make_model(NETWORK, "denoiser", species=coverage.species)
    return Generator(initial_parameters(model), model, recipe).astype(float)


@pytest.fixture(scope="module")
def predictor():
    return generator()


@pytest.fixture(scope="module")
def chooser():
    return generator(elements="absorbing")


def test_samples_have_the_formula(predictor):
    found = predictor.sample("SrTiO3", n=3, seed=1)
    assert len(found) == 3
    for sample in found:
        assert sorted(sample.numbers.tolist()) == [8, 8, 8, 22, 38]
        assert np.linalg.det(sample.cell) > 0
    assert np.abs(found[0].fractional - found[1].fractional).max() > 1e-3


@pytest.mark.slow
def test_a_seed_gives_the_same_samples_in_any_number_and_beside_other_sizes(predictor):
    small, large = np.array([8, 8, 22]), np.array([8, 8, 8, 22, 38])
    one = predictor.sample_each([small], 4).crystals
    many = predictor.sample_each([small, large, large, small, large], 4).crystals
    # Matrix products of another shape round differently.
    assert_allclose(many[0].fractional, one[0].fractional, atol=1e-9)
    assert_allclose(many[0].cell, one[0].cell, rtol=1e-9)


def test_elements_are_chosen_where_they_are_not_given(chooser):
    found = chooser.sample(n=5, seed=0)
    assert {c.n_atoms for c in found} <= {3, 5}
    assert {int(z) for c in found for z in c.numbers} <= {8, 22, 38}
    assert [c.n_atoms for c in chooser.sample(n=2, n_atoms=3)] == [3, 3]


def test_a_generator_trained_for_both_takes_a_formula_or_chooses():
    both = generator(elements="absorbing", given_share=0.5)
    found = both.sample("SrTiO3", n=2, seed=1)
    assert [sorted(c.numbers.tolist()) for c in found] == [[8, 8, 8, 22, 38]] * 2
    # As one to which elements are given, at time 0, whose parameters are the same.
    alone = generator().replace(params=both.params).sample("SrTiO3", n=2, seed=1)
    assert_allclose(found[1].fractional, alone[1].fractional, rtol=1e-12)
    assert {c.n_atoms for c in both.sample(n=3)} <= {3, 5}
    only = generator()
    assert only.predictor is only


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"formula": "BaTiO3"}, r"holds Ba.*trained on oxides"),
        ({"formula": "TiO2", "n_formula": 7}, r"as many atoms as .* 21"),
        ({"formula": "TiO2", "n": 0}, "at least one sample"),
        ({}, "needs a formula"),
        ({"n_atoms": 5}, "needs a formula"),
        ({"formula": "TiO2", "n_atoms": 3}, "leave it out"),
    ],
)
def test_what_it_cannot_make_is_said(predictor, arguments, answer):
    with pytest.raises(ValueError, match=answer):
        predictor.sample(**arguments)


def test_a_generator_that_chooses_elements_takes_no_formula(chooser):
    with pytest.raises(ValueError, match="needs n_atoms and no formula"):
        chooser.sample("TiO2")
    with pytest.raises(ValueError, match=r"n_atoms=4: .* as many atoms"):
        chooser.sample(n_atoms=4)


def test_samples_that_are_no_numbers_are_counted_and_told(predictor):
    broken = predictor.replace(
        params=jax.tree.map(lambda x: x * jnp.nan, predictor.params)
    )
    sampled = broken.sample_each([np.array([8, 8, 22])] * 2, sampler=QUICK)
    assert sampled.crystals == [None, None]
    assert (sampled.n_failed, sampled.finite, sampled.evaluations) == (2, [], 3)
    with pytest.warns(UserWarning, match="2 of 2 samples are not finite"):
        assert broken.sample("TiO2", n=2) == []


def test_ways_end_at_the_samples(predictor):
    sampled = predictor.sample_each([np.array([8, 8, 22])], 1, keep_ways=True)
    (way,) = sampled.ways
    assert len(way) == 3
    assert_allclose(way[-1].fractional, sampled.crystals[0].fractional, rtol=0)
    assert np.abs(way[0].fractional - way[-1].fractional).max() > 1e-6
    assert predictor.sample_each([np.array([8, 8, 22])]).ways == []
