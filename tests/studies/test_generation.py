"""Generators before a training: conditions, adapters on a base, numbered graphs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.data import Dataset, Example
from matjax.generate import Generator, ProcessConfig, Recipe, Scales
from matjax.models import make_model
from matjax.nn import ADAPTER
from matjax.predictors import Label, initial_parameters
from matjax.studies import generation
from tests.generate.test_generator import crystal, generator

SMALL = {
    "hidden": "2x0e + 1x1o",
    "layers": 2,
    "basis": 2,
    "radial_widths": (2,),
    "degree": 60,
}
DATA = Dataset(
    tuple(Example(crystal([8, 22, 38]), {"gap": gap}, "") for gap in (1.0, 3.0)),
    "two",
    "two",
)


@pytest.fixture(scope="module")
def base():
    of = generator().recipe
    model = make_model({"name": "denoiser", **SMALL}, "denoiser", species=(8, 22, 38))
    recipe = Recipe(**{**dict(of), "process": ProcessConfig()})
    return Generator(initial_parameters(model), model, recipe)


@pytest.mark.slow
def test_adapters_come_to_the_parameters_of_a_base(base):
    made = generation.adapted(base, ("gap", "chemical_system"), DATA, 0)
    assert made.model.conditions == ("gap", "chemical_system")
    assert made.model.centers == (2.0, 0.0)
    assert made.recipe == base.recipe
    assert made.params["layer_0"] is base.params["layer_0"]
    trained = generation.trained_parameters(made.params)
    assert set(trained) == {f"{ADAPTER}0", f"{ADAPTER}1"}
    assert {*trained, *base.params} == set(made.params)
    again = generation.adapted(made, ("gap",), DATA, 1)  # new ones in their place
    assert again.model.conditions == ("gap",)
    assert set(again.params) == set(made.params)


def test_bases_and_networks_without_conditions_are_refused(base):
    with pytest.raises(ValueError, match="by conditions alone"):
        generation.adapted(base, (), DATA, 0)
    with pytest.raises(ValueError, match="mattergen has no attribute"):
        generation.adapted(generator(), ("gap",), DATA, 0)
    with pytest.raises(ValueError, match="diffcsp has no attribute 'conditions'"):
        generation.new_denoiser({"name": "diffcsp"}, DATA, Scales(12.0, 0.1), ("gap",))


def test_graphs_carry_numbers_losses_and_conditions():
    losses = [Label("cell_loss"), Label("fractional_loss", "atom")]
    graphs = generation.numbered_graphs(DATA, losses, ("gap",))
    labels = [dict(graphs.dataset.examples[k].labels) for k in range(2)]
    assert [label["example"] for label in labels] == [0.0, 1.0]
    assert [label["gap"] for label in labels] == [1.0, 3.0]
    assert_allclose(labels[0]["fractional_loss"], np.zeros(3))
