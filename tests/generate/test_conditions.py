"""Conditions: their values in training and by name in sampling."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.data import Dataset, Example
from matjax.generate.conditions import (
    OPEN,
    condition_labels,
    condition_scales,
    conditions_of,
    stated,
)
from matjax.graphs import build_graph
from matjax.models import make_model
from tests.generate.test_generator import crystal, generator

MODEL = make_model(
    {
        "name": "mattergen",
        "conditions": ["gap", "chemical_system"],
        "centers": [1.0, 0.0],
        "widths": [0.5, 1.0],
        "hidden": "2x0e + 1x1o",
        "layers": 1,
        "basis": 2,
        "radial_widths": [2],
        "degree": 60,
        "adapter": 2,
    },
    "denoiser",
    species=(8, 22, 38),
)


def test_labels_are_those_that_are_not_known_from_the_elements():
    assert condition_labels(MODEL) == ("gap",)
    assert (
        condition_labels(make_model({"name": "diffcsp"}, "denoiser", species=(8,)))
        == ()
    )


def test_scales_are_those_of_the_data_and_constants_are_refused():
    examples = tuple(
        Example(crystal([8]), {"gap": gap, "same": 1.0}, "") for gap in (1.0, 3.0)
    )
    dataset = Dataset(examples, "two", "two")
    found = condition_scales(("gap", "chemical_system"), dataset)
    assert found == {"centers": (2.0, 0.0), "widths": (1.0, 1.0)}
    with pytest.raises(ValueError, match="must differ between crystals; same is 1"):
        condition_scales(("same",), dataset)


def test_conditions_of_a_batch_are_left_open_now_and_then():
    graph = build_graph(crystal([8, 22, 8]), 0.0)
    labels = {"gap": jnp.array([2.5])}
    keys = jax.random.split(jax.random.key(0), 1000)
    rows = jax.vmap(lambda key: conditions_of(MODEL, graph, labels, key))(keys)
    left = np.isnan(rows)
    assert np.array_equal(left[:, 1], left[:, 3])  # all columns of a condition
    # Four standard deviations.
    assert_allclose(left[:, :2].mean(axis=0), OPEN, atol=0.05)
    assert np.mean(left[:, 0] & left[:, 1]) < 0.1  # each on its own
    known = rows[~left.any(axis=1)]
    assert_allclose(known, np.tile([2.5, 1, 1, 0], (len(known), 1)))


def test_values_are_stated_by_name_and_others_left_open():
    assert_allclose(stated(MODEL, {"gap": 1.5}), [1.5, *[np.nan] * 3])
    assert_allclose(stated(MODEL, {"chemical_system": "Sr-O"})[1:], [1, 0, 1])
    with pytest.raises(ValueError, match=r"no condition 'gab'.*gap"):
        stated(MODEL, {"gab": 1.0})
    with pytest.raises(ValueError, match="elements that the generator knows"):
        stated(MODEL, {"chemical_system": "Ba-O"})
    with pytest.raises(ValueError, match="trained without any"):
        generator().sample("TiO2", conditions={"gap": 1.0})


@pytest.mark.slow
def test_samples_follow_a_condition_as_far_as_guidance_leads():
    """Untrained adapters say nothing; those that speak lead further with a weight."""
    made = generator()
    from matjax.predictors import initial_parameters

    made = dataclasses.replace(
        made, model=MODEL, params=initial_parameters(MODEL)
    ).astype(float)
    ask = {"conditions": {"gap": 3.0}}
    plain = made.sample("TiO2")[0]
    silent = made.sample("TiO2", **ask)[0]
    assert_allclose(silent.fractional, plain.fractional, atol=1e-9)
    loud = made.replace(params=jax.tree.map(lambda x: x + 0.05, made.params))
    plain = loud.sample("TiO2")[0]
    apart = [
        np.abs(loud.sample("TiO2", **ask, guidance=w)[0].cell - plain.cell).max()
        for w in (0.0, 2.0)
    ]
    assert 1e-6 < apart[0] < apart[1]
    sampled = loud.sample_each([np.array([8, 8, 22])], **ask)
    assert sampled.evaluations == 6
